from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_rescunet.networks import ResCUNet
from monai_rescunet.training import inferers
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


class Seen(torch.nn.Module):
    """A network that answers with its input and remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, x: torch.Tensor, shift: float = 0.0) -> torch.Tensor:
        self.batches.append(x)
        return x + shift


def test_three_dimensions_have_eight_flips():
    network, volume = Seen(), torch.rand(1, 1, 3, 4, 5)
    inferer = AutocastInferer(amp=False, flips=True)
    assert torch.allclose(inferer(volume, network), volume)
    assert sum(map(len, network.batches)) == inferer.views(spatial_dims=3) == 8
    assert inferer.views() == 4


@pytest.mark.parametrize("flips", [True, [1]])
def test_flips_of_a_small_batch_are_one_batch_of_the_same_answer(monkeypatch, flips):
    inferer, image = AutocastInferer(amp=False, flips=flips), torch.rand(2, 1, 40, 32)
    net = ResCUNet(features=(4, 4, 4, 4, 4)).eval()
    seen = Seen()
    with torch.no_grad():
        together = inferer(image, net)
        inferer(image, seen)
        monkeypatch.setattr(inferers, "TOGETHER", inferer.views() * 2 * 40 * 32 - 1)
        one_by_one = inferer(image, net)
        inferer(image, seen)
    assert [len(batch) for batch in seen.batches] == [2 * inferer.views(), *[2] * inferer.views()]
    assert torch.equal(seen.batches[0], torch.cat(seen.batches[1:]))  # the order that FeatureTap counts on
    assert torch.allclose(together, one_by_one, atol=1e-6)


def test_what_else_the_network_is_called_with_is_of_the_batchs_own_size():
    image, seen = torch.rand(2, 1, 8, 8), Seen()
    answer = AutocastInferer(amp=False, flips=True)(image, seen, torch.tensor([1.0, 2.0])[:, None, None, None])
    assert torch.allclose(answer, image + torch.tensor([1.0, 2.0])[:, None, None, None])
    assert [len(batch) for batch in seen.batches] == [2] * 4
