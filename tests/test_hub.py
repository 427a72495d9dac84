"""`torch.hub` finds the network in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.networks import ResCUNet

CHECKOUT = Path(__file__).parent.parent


def load(**options: Any) -> torch.nn.Module:
    return torch.hub.load(str(CHECKOUT), "rescunet", source="local", **options)


def test_the_pretrained_network_is_the_bundles():
    network = load(pretrained=True)
    shipped = torch.load(bundle_root() / "models" / "model.pt", weights_only=True)
    assert isinstance(network, ResCUNet)
    assert not network.training
    assert all(torch.equal(value, shipped[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        assert network(torch.rand(1, 1, 64, 48)).shape == (1, 1, 64, 48)


def test_options_are_the_networks():
    network = load(pretrained=False, spatial_dims=3, out_channels=3, features=[4] * 5)
    assert network.head.weight.shape == (3, 4, 1, 1, 1)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        load(pretrained=True, features=[4] * 5)
