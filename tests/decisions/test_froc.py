"""Free-response figures by hand."""

from __future__ import annotations

import numpy as np
import pytest

from monai_rescunet.decisions.froc import judge_image, operating_point

MASS = [10.0, 10.0, 30.0, 30.0]


def test_centre_in_the_box_hits_and_the_rest_is_false():
    judged = judge_image([[15, 15, 27, 27], [0, 0, 12, 12], [60, 60, 90, 90]], [0.5, 0.7, 0.9], [MASS])

    assert judged.masses.tolist() == [0.5]
    assert sorted(judged.false) == [0.7, 0.9]
    assert judged.iou == pytest.approx([144 / 400])


def test_overlap_is_the_stricter_rule_where_asked_for():
    tiny = [19.0, 19.0, 21.0, 21.0]

    assert judge_image([tiny], [0.5], [MASS]).masses.tolist() == [0.5]
    strict = judge_image([tiny], [0.5], [MASS], rule="iou")
    assert strict.masses.tolist() == [-np.inf]
    assert strict.false.tolist() == [0.5]
    with pytest.raises(ValueError, match="rule"):
        judge_image([tiny], [0.5], [MASS], rule="near")


def test_second_finding_of_a_mass_is_neither_hit_nor_false():
    judged = judge_image([MASS, [12, 12, 28, 28]], [0.5, 0.8], [MASS])

    assert judged.masses.tolist() == [0.8]
    assert len(judged.false) == 0


def test_findings_in_ignored_regions_count_for_nothing():
    judged = judge_image([[60, 60, 90, 90]], [0.9], [MASS], ignored=[[50, 50, 100, 100]])

    assert judged.masses.tolist() == [-np.inf]
    assert len(judged.false) == 0


def test_operating_point_has_as_many_false_findings_as_are_allowed():
    images = [
        judge_image([MASS, [60, 60, 90, 90]], [0.9, 0.8], [MASS]),
        judge_image([MASS, [60, 60, 90, 90], [100, 100, 120, 120]], [0.5, 0.7, 0.6], [MASS]),
    ]

    assert operating_point(images, 0.5)[1:] == (0.5, 0.5)
    assert operating_point(images, 1.0)[1:] == (0.5, 1.0)
    assert operating_point(images, 4.0) == (0.0, 1.0, 1.5)
    assert 0.7 < operating_point(images, 0.5).threshold < 0.8 + 1e-9
