"""Maps become boxes: threshold, number, merging, sizes."""

from __future__ import annotations

import math

import pytest
import torch

from monai_rescunet.finding import ProposeMasses
from monai_rescunet.finding.placement import Placement
from monai_rescunet.finding.targets import UNIT_SIDE

FRAME = (128, 256)
AS_IT_IS = Placement(x=0, y=0, width=128, height=256, columns=128, rows=256, top=0, mirrored=0)


def maps(*peaks: tuple[int, int, float], side: float = 16.0) -> torch.Tensor:
    """Return maps of a frame with peaks at (x, y) of so high a confidence."""
    logits = torch.full((4, 64, 128), -12.0)
    logits[2:] = math.log(side / UNIT_SIDE)
    for x, y, confidence in peaks:
        column, row = x // 2, y // 2
        around = slice(max(column - 1, 0), column + 2), slice(max(row - 1, 0), row + 2)
        logits[(slice(0, 2), *around)] = math.log(confidence / (1 - confidence))
    return logits


def propose(logits: torch.Tensor, **settings):
    return ProposeMasses(**settings)(logits, torch.ones(1, *FRAME), AS_IT_IS)


def test_findings_come_surest_first_with_their_boxes():
    said = propose(maps((30, 50, 0.6), (80, 200, 0.9)), find_threshold=0.5)

    assert [finding.confidence for finding in said.findings] == pytest.approx([0.9, 0.6], abs=1e-5)
    assert said.findings[0].box == pytest.approx((81 - 8, 201 - 8, 81 + 8, 201 + 8))


def test_threshold_decides_and_the_highest_is_told_anyway():
    logits = maps((30, 50, 0.6), (80, 200, 0.4))

    assert len(propose(logits, find_threshold=0.39).findings) == 2
    assert len(propose(logits, find_threshold=0.5).findings) == 1
    said = propose(logits, find_threshold=0.7)
    assert said.findings == []
    assert said.highest == pytest.approx(0.6, abs=1e-5)


def test_no_more_than_max_findings():
    logits = maps(*[(20, 20 + 40 * n, 0.9 - 0.1 * n) for n in range(5)])

    kept = propose(logits, find_threshold=0.1, max_findings=3).findings

    assert [finding.confidence for finding in kept] == pytest.approx([0.9, 0.8, 0.7], abs=1e-5)


def test_proposals_of_one_mass_are_merged():
    logits = maps((40, 100, 0.8), (50, 100, 0.7), (40, 160, 0.6), side=24)

    kept = propose(logits, find_threshold=0.1).findings

    assert [finding.confidence for finding in kept] == pytest.approx([0.8, 0.6], abs=1e-5)


def test_outside_of_the_breast_nothing_is_found():
    frame = torch.ones(1, *FRAME)
    frame[:, 64:] = 0

    said = ProposeMasses(find_threshold=0.1)(maps((30, 50, 0.6), (80, 200, 0.9)), frame, AS_IT_IS)

    assert [finding.confidence for finding in said.findings] == pytest.approx([0.6], abs=1e-5)
    assert said.highest == pytest.approx(0.6, abs=1e-5)


def test_boxes_stay_inside_the_image():
    (finding,) = propose(maps((0, 0, 0.9), side=60), find_threshold=0.5).findings

    assert finding.box == pytest.approx((0, 0, 31, 31))


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"find_threshold": 1.2}, "find_threshold"), ({"max_findings": 0}, "max_findings"), ({"neighbourhood": 4}, "odd")],
)
def test_settings_outside_their_range_are_refused(setting, told):
    with pytest.raises(ValueError, match=told):
        ProposeMasses(**setting)
