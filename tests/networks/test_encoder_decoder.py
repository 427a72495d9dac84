"""SegNet, U-SegNet and ResCU-Net."""

from __future__ import annotations

import shutil

import pytest
import torch
from network_tester import NetworkTester, assert_agrees, assert_onnx_agrees
from torch import nn

from monai_rescunet.networks import ResCUNet, SegNet, USegNet
from monai_rescunet.networks.blocks import ResidualModule


class TestSegNet(NetworkTester):
    network = SegNet
    bfloat16_correlation = 0.5  # all but the indices comes through the deepest level

    def test_has_no_skip_connection(self) -> None:
        assert [stage.skip for stage in SegNet(features=self.features).decoder] == [None] * 5

    def test_every_logit_depends_on_the_pooling_indices(self) -> None:
        net = self.build()
        image = torch.rand(1, 1, 64, 64)
        expected = net(image)
        pool = net.pool.forward
        net.pool.forward = lambda x: (pool(x)[0], pool(x.flip(-1))[1])
        assert (net(image) != expected).float().mean() > 0.99


class TestUSegNet(NetworkTester):
    network = USegNet
    bfloat16_correlation = 0.8

    def test_has_the_identity_as_skip_at_the_finest_level_only(self) -> None:
        *deeper, finest = (stage.skip for stage in USegNet(features=self.features).decoder)
        assert deeper == [None] * 4
        assert isinstance(finest, nn.Identity)

    def test_joins_the_skip_by_a_1x1_convolution(self) -> None:
        first = USegNet(features=self.features).decoder[-1].convolutions[0]
        assert (first.in_channels, first.out_channels, first.kernel_size) == (8, 4, (1, 1))


class TestResCUNet(NetworkTester):
    network = ResCUNet

    def test_has_a_residual_module_as_skip_at_every_level(self) -> None:
        skips = [stage.skip for stage in ResCUNet(features=self.features).decoder]
        assert all(isinstance(skip, ResidualModule) for skip in skips)
        assert [skip.residual[0].conv.in_channels for skip in skips] == list(reversed(self.features))

    def test_widths_are_those_of_vgg16_and_its_mirror(self) -> None:
        with torch.device("meta"):
            net = ResCUNet()
        encoder = [layer.conv.out_channels for stage in net.encoder for layer in stage]
        decoder = [layer.conv.out_channels for stage in net.decoder for layer in stage.convolutions[0]]
        assert encoder == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
        assert decoder == [512] * 5 + [256] + [256] * 2 + [128] + [128] + [64] + [64] * 2
        assert sum(p.numel() for p in net.parameters()) == 45_966_017

    @pytest.mark.skipif(shutil.which("g++") is None, reason="Inductor needs a C++ compiler")
    def test_inductor_agrees(self, net: nn.Module, fresh_compiler: None) -> None:
        image = torch.rand(2, 1, 64, 64)
        assert_agrees(torch.compile(net, fullgraph=True)(image), net(image))

    def test_tracing_onnx_exporter_agrees_at_other_sizes(self, net: nn.Module) -> None:
        assert_onnx_agrees(net, sizes=[(2, 1, 64, 64), (1, 1, 45, 71)], dynamo=False)

    def test_onnx_agrees_in_3d(self) -> None:
        assert_onnx_agrees(self.build(3).requires_grad_(False), sizes=[(2, 1, 32, 32, 32), (1, 1, 33, 35, 64)])
