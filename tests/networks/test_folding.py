from __future__ import annotations

import pytest
import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_rescunet.networks import NETWORKS, ResCUNet, fold_batch_norms


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


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize(
    ("options", "folds"),
    [
        ({"adn_ordering": "NDA"}, True),
        ({"adn_ordering": "DNA", "dropout": 0.5}, True),
        ({"adn_ordering": "AND"}, False),
        ({"is_transposed": True, "strides": 2}, True),
        ({"is_transposed": True, "bias": False}, True),
        ({"is_transposed": True, "groups": 2}, False),
        ({"groups": 2}, True),
        ({"norm": ("batch", {"track_running_stats": False})}, False),
    ],
)
def test_a_block_of_any_kind_keeps_its_output(spatial_dims, options, folds):
    """Folded where the convolution can take the norm over, and left alone where it cannot."""
    block = Convolution(spatial_dims, 4, 4, **{"norm": "batch", "act": "prelu", **options})
    image = torch.randn(2, 4, *[8] * spatial_dims)
    for norm in (module for module in block.modules() if isinstance(module, _BatchNorm)):
        nn.init.uniform_(norm.weight, 0.5, 2.0)
        nn.init.uniform_(norm.bias)
    for _ in range(3):
        block(image)
    block.eval()
    folded = fold_batch_norms(nn.Sequential(block).eval())
    assert torch.allclose(folded(image), block(image), atol=1e-4)
    assert any(isinstance(module, _BatchNorm) for module in folded.modules()) != folds


def test_a_network_without_such_blocks_is_returned_as_it_is():
    for network in (nn.Conv2d(1, 1, 3), ResCUNet(features=(4, 4, 4, 4, 4), norm="instance")):
        assert fold_batch_norms(network.eval()) is network


@pytest.mark.parametrize("looked_at", ["conv", "adn.N"])
def test_what_someone_looks_at_stays_as_it_is(looked_at):
    block = Convolution(2, 4, 4, norm="batch")
    image, seen = torch.randn(2, 4, 8, 8), []
    block(image)
    block.eval().get_submodule(looked_at).register_forward_hook(lambda *call: seen.append(call[2]))
    network = nn.Sequential(block, Convolution(2, 4, 4, norm="batch")).eval()
    network(image)
    fold_batch_norms(network)(image)
    assert torch.equal(*seen)
