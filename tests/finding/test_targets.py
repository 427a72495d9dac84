"""What is taught: boxes, painted into the frame, become maps from which the same boxes can be read."""

from __future__ import annotations

import pytest
import torch
from finding.pictures import MASS, mammogram
from monai.transforms import Compose

from monai_rescunet.finding import (
    BreastFramed,
    FinderLoss,
    FindingTargetsd,
    PaintRegionsd,
    ProposeMasses,
    RandBreastToned,
)
from monai_rescunet.finding.placement import Placement

FRAME = (128, 224)
TAUGHT = Compose([BreastFramed("image", FRAME), PaintRegionsd("image", "label"), FindingTargetsd("label")])


def as_logits(targets: torch.Tensor) -> torch.Tensor:
    """Return the maps of a network that answers as it was taught."""
    return torch.cat([torch.logit(targets[:2].clamp(1e-4, 1 - 1e-4)), targets[2:4]])


@pytest.mark.parametrize("flips", [(), (1,), (2,), (1, 2)])
def test_box_survives_the_way_to_the_targets_and_back(flips):
    image, box = mammogram().flip(flips), list(MASS)
    for axis in flips:
        box[axis - 1], box[axis + 1] = image.shape[axis] - box[axis + 1], image.shape[axis] - box[axis - 1]

    entry = TAUGHT({"image": image, "boxes": [box], "ignored": []})
    placement = Placement(*entry["image"].meta["placement"])
    (finding,) = ProposeMasses(find_threshold=0.5)(as_logits(entry["label"]), entry["image"], placement).findings

    assert finding.box == pytest.approx(box, abs=4)


def test_ignored_regions_are_neither_taught_nor_lose_anything():
    entry = TAUGHT({"image": mammogram(), "boxes": [], "ignored": [list(MASS)]})
    targets = entry["label"][None]
    silent = torch.full((1, 4, *targets.shape[2:]), -9.0)
    loud = silent.clone()
    loud[:, :2][(targets[:, 4:] == 0).expand(-1, 2, -1, -1)] = 9.0

    assert targets[:, :4].sum() == 0
    assert (targets[:, 4] == 0).sum() > 10
    assert FinderLoss()(loud, targets) == pytest.approx(float(FinderLoss()(silent, targets)), abs=1e-4)


def test_loss_is_least_for_the_truth():
    targets = TAUGHT({"image": mammogram(), "boxes": [list(MASS)], "ignored": []})["label"][None]
    truth = as_logits(targets[0])[None]

    assert FinderLoss()(truth, targets) < 0.1
    assert FinderLoss()(truth.roll(20, dims=3), targets) > 1
    larger = truth.clone()
    larger[:, 2:] += 1
    assert FinderLoss()(larger, targets) > FinderLoss()(truth, targets) + 0.1


def test_small_mass_within_a_large_one_is_seen():
    large, small = [60.0, 120.0, 160.0, 260.0], [90.0, 170.0, 110.0, 200.0]

    regions = PaintRegionsd("image")(BreastFramed("image", FRAME)({"image": mammogram(), "boxes": [small, large]}))[
        "regions"
    ]

    assert set(regions.unique().tolist()) == {0, 1, 2}


def test_tone_changes_leave_the_air_black_and_the_range():
    frame = BreastFramed("image", FRAME)({"image": mammogram()})["image"].as_tensor()
    change = RandBreastToned("image", prob=1.0).set_random_state(3)

    changed = change({"image": frame})["image"]

    assert torch.equal(changed > 0, frame > 0)
    assert changed.min() >= 0 and changed.max() <= 1
    assert not torch.equal(changed, frame)
    assert torch.equal(RandBreastToned("image", prob=1.0).set_random_state(3)({"image": frame})["image"], changed)
