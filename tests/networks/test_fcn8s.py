"""FCN-8s."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from network_tester import NetworkTester, assert_agrees

from monai_rescunet.networks import FCN8s


class TestFCN8s(NetworkTester):
    network = FCN8s

    @pytest.mark.parametrize(("score", "level"), [("score8", 2), ("score16", 3), ("score32", 4)])
    def test_sums_scores_of_three_strides_interpolated_to_the_image(self, score: str, level: int) -> None:
        net = self.build().requires_grad_(False)
        image = torch.rand(1, 1, 64, 64)
        for name in {"score8", "score16", "score32"} - {score}:
            net.get_submodule(name).weight.zero_()
            net.get_submodule(name).bias.zero_()
        expected = image
        for stage in net.encoder[: level + 1]:
            expected = F.max_pool2d(stage(expected), 2)
        assert expected.shape[2:] == (64 // 2 ** (level + 1),) * 2
        expected = net.get_submodule(score)(expected)
        for scale in [2] * (level - 2) + [8]:
            expected = F.interpolate(expected, scale_factor=scale, mode="bilinear")
        assert_agrees(net(image), expected)
