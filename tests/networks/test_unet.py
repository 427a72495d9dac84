"""U-Net."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet
from network_tester import NetworkTester

from monai_rescunet.networks import UNet


class TestUNet(NetworkTester):
    network = UNet
    smallest = 16

    @pytest.mark.parametrize("size", [(64, 64), (45, 71), (17, 32, 47)])
    def test_is_monais_basic_unet(self, size: tuple[int, ...]) -> None:
        net = self.build(len(size))
        options = {"act": ("relu", {"inplace": True}), "norm": "batch"}
        monai = BasicUNet(len(size), 1, 1, (*self.features, self.features[0]), **options).eval()
        monai.load_state_dict(net.state_dict())
        image = torch.rand(2, 1, *size)
        assert torch.equal(net(image), monai(image))
