from __future__ import annotations

import torch
from monai.data import MetaTensor

from monai_rescunet.networks import ResCUNet
from monai_rescunet.training.inferers import AutocastInferer


def test_flips_are_averaged_in_the_images_own_orientation():
    net = ResCUNet(features=(4, 4, 4, 4, 4)).eval()
    image = torch.rand(2, 1, 40, 32)
    with torch.no_grad():
        logits = AutocastInferer(amp=False, flips=True)(image, net)
        by_hand = [net(image.flip(axes)).flip(axes) for axes in ([], [2], [3], [2, 3])]
    assert torch.allclose(logits, torch.stack(by_hand).mean(dim=0), atol=1e-6)


def test_the_answer_to_a_flipped_image_is_the_flipped_answer():
    net = ResCUNet(features=(4, 4, 4, 4, 4)).eval()
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        answers = [AutocastInferer(amp=False, flips=True)(x, net) for x in (image, image.flip(3))]
    assert torch.allclose(answers[0], answers[1].flip(3), atol=1e-6)


def test_metadata_stays():
    image = MetaTensor(torch.rand(1, 1, 32, 32), meta={"spacing": 0.1})
    answer = AutocastInferer(flips=True)(image, ResCUNet(features=(4, 4, 4, 4, 4)).eval())
    assert answer.meta["spacing"] == 0.1
    assert answer.dtype == torch.float32


def test_three_dimensions_have_eight_flips():
    seen = []

    def network(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x

    volume = torch.rand(1, 1, 3, 4, 5)
    assert torch.allclose(AutocastInferer(amp=False, flips=True)(volume, network), volume)
    assert len(seen) == 8
