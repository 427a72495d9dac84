from __future__ import annotations

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from monai_rescunet.networks import NETWORKS, fold_batch_norms


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_logits_stay_and_no_batch_norm_is_left(network, spatial_dims):
    net = network.cls(spatial_dims=spatial_dims, features=(4, 4, 4, 4, 4))
    image = torch.rand(2, 1, *[32] * spatial_dims)
    for _ in range(3):
        net(image)  # running statistics of their own
    net.eval()
    folded = fold_batch_norms(net)
    assert torch.allclose(folded(image), net(image), atol=1e-4)
    assert not any(isinstance(module, _BatchNorm) for module in folded.modules())
    assert any(isinstance(module, _BatchNorm) for module in net.modules())


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match=r"call eval\(\) first"):
        fold_batch_norms(NETWORKS["SegNet"].cls(features=(4, 4, 4, 4, 4)))
