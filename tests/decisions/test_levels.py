"""Cuts and levels whose decisions lean to neither side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.levels import FACTORS, balanced_accuracy, best_cut, best_factor, decisions, levels, rates


def test_the_rates_are_those_of_the_two_classes():
    assert rates([1, 1, 0, 0, 1], [1, 1, 1, 0, 0]) == pytest.approx((2 / 3, 1 / 2))
    assert np.isnan(rates([1, 0], [1, 1])[1])


def test_the_best_cut_lies_between_the_classes():
    cut, accuracy = best_cut([0.2, 0.3, 0.6, 0.7], [False, False, True, True])
    assert 0.3 < cut < 0.6
    assert accuracy == 1


def test_collections_count_alike_however_many_masses_they_have():
    scores = [0.2, 0.4] * 50 + [0.6, 0.8]  # a hundred of a collection whose cut is 0.3, two of one whose cut is 0.7
    malignant, names = [False, True] * 51, ["large"] * 100 + ["small"] * 2
    called = np.array(scores)[:, None] > np.array([0.3, 0.7])
    assert balanced_accuracy(called, malignant, names) == pytest.approx([0.75, 0.75])
    assert balanced_accuracy(called, malignant)[0] > 0.95


def test_one_class_is_refused():
    with pytest.raises(InputError, match="one class"):
        balanced_accuracy(np.ones((3, 1), bool), [True] * 3)


def maps(grey: list[float]) -> torch.Tensor:
    """Return maps with a disc of each grey level."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    disc = ((x - 15.5) ** 2 + (y - 15.5) ** 2).sqrt().sub(10).neg().sigmoid()
    return torch.stack([level * disc for level in grey])[:, None]


def test_a_network_that_answers_darker_than_the_annotation_gets_lower_levels():
    grey = np.concatenate([np.linspace(0.36, 0.44, 9), np.linspace(0.56, 0.64, 9)])
    malignant = grey > 0.5
    called = decisions(maps(grey.tolist()))
    assert called.shape == (18, len(FACTORS))
    factor = best_factor(called, malignant, None, np.arange(18).astype(str))
    benign, upper = levels(factor)
    assert benign < 128 and upper < 240
    nearest = called[:, np.abs(FACTORS - factor).argmin()]
    assert rates(nearest, malignant) == (1, 1)
    assert rates(called[:, FACTORS == 1.0][:, 0], malignant)[0] < 0.5


def test_levels_end_at_the_highest_grey_level():
    assert levels(1.0) == (128, 255)
    assert levels(1.1) == (140, 255)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_maps_outside_their_range_are_refused(value):
    m = maps([0.4, 0.6])
    m[1, 0, 3, 3] = value
    with pytest.raises(ValueError, match="outside"):
        decisions(m)
