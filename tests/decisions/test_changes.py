"""The changes that another scanner makes leave the mass where it is."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import gaussian_filter

from monai_rescunet.decisions.changes import CHANGES
from monai_rescunet.transforms import NormalizeTone, ScaleBreastIntensity

REGION = 4000 * torch.from_numpy(gaussian_filter(torch.rand(64, 64, generator=torch.manual_seed(0)).numpy(), 2))[None]
NAMED = {change.name: change for change in CHANGES}


@pytest.mark.parametrize("name", NAMED)
def test_what_comes_out_is_a_networks_input(name):
    changed = NAMED[name](REGION)
    assert changed.shape == REGION.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0 and changed.max() <= 1
    scaled = ScaleBreastIntensity()(REGION)
    assert torch.equal(changed, scaled) == (name == "none")
    undone = torch.corrcoef(torch.stack([NAMED[name].undo(changed).flatten(), scaled.flatten()]))[0, 1]
    assert undone > 0.85


def test_each_does_what_its_name_says():
    scaled = NAMED["none"](REGION)
    rough = (scaled.diff(dim=2)).abs().mean()
    assert (NAMED["blur 1.5"](REGION).diff(dim=2)).abs().mean() < 0.9 * rough
    assert (NAMED["sharpening 2.0"](REGION).diff(dim=2)).abs().mean() > 1.1 * rough
    assert NAMED["gamma 2.0"](REGION).mean() < scaled.mean() < NAMED["gamma 0.5"](REGION).mean()
    assert NAMED["contrast 0.6"](REGION).std() == pytest.approx(0.6 * float(scaled.std()), rel=1e-4)
    assert float((NAMED["noise 0.04"](REGION) - scaled).std()) == pytest.approx(0.04, rel=0.1)
    assert NAMED["window 5.0"](REGION).std() > scaled.std()
    assert torch.equal(NAMED["noise 0.04"](REGION), NAMED["noise 0.04"](REGION))


def test_mild_changes_are_those_that_decisions_are_to_survive():
    mild = {change.name for change in CHANGES if change.mild}
    assert {"blur 1.5", "gamma 0.6", "gamma 1.7", "contrast 0.7", "contrast 1.4", "noise 0.04", "JPEG 50"} <= mild
    assert not {"none", "flip", "gamma 2.0", "noise 0.06", "quarter resolution", "JPEG 30"} & mild


@pytest.mark.parametrize("name", ["gamma 0.6", "gamma 1.7"])
def test_a_gamma_is_gone_once_the_tone_is_normalised(name):
    normalize = NormalizeTone(0.58, 0.48)
    assert torch.allclose(NAMED[name](REGION, normalize), NAMED["none"](REGION, normalize), atol=1e-5)
    assert not torch.allclose(NAMED[name](REGION), NAMED["none"](REGION), atol=0.05)
