"""The overlay: lines round the masses, and nothing else of the picture changed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import expand_labels

from monai_rescunet.core.classes import COLOURS
from monai_rescunet.results.overlay import coloured_strips, draw_overlay

RNG = np.random.default_rng(0)
SIZE = (900, 640)
REGIONS = [(slice(0, 60), slice(0, 50)), (slice(300, 420), slice(200, 310)), (slice(860, 900), slice(600, 640))]


@pytest.fixture
def label() -> np.ndarray:
    """Return three masses, two of them at the image's edge."""
    label = np.zeros(SIZE, np.uint8)
    for value, region in zip(COLOURS, REGIONS, strict=True):
        shape = label[region].shape
        label[region] = value * ndimage.binary_opening(ndimage.gaussian_filter(RNG.random(shape), 6) > 0.5)
    return label


@pytest.mark.parametrize("regions", [REGIONS, None], ids=["regions", "whole"])
def test_each_mass_has_a_line_of_its_colour_outside_of_it(label, regions):
    picture = RNG.integers(0, 256, SIZE).astype(np.uint8)
    plain = np.array(draw_overlay(picture, np.zeros_like(label), []).convert("RGB")).transpose(1, 0, 2)
    drawn = np.array(draw_overlay(picture, label, [], regions).convert("RGB")).transpose(1, 0, 2)
    line = np.where(label == 0, expand_labels(label, round(max(SIZE) / 400)), 0)
    for value, colour in COLOURS.items():
        assert (drawn[line == value] == colour).all()
    assert np.array_equal(drawn[line == 0], plain[line == 0])
    assert set(np.unique(line)) == {0, *COLOURS}


@pytest.mark.parametrize("rows", [1, 64, 1000])
def test_strips_are_the_picture_in_colour(label, rows):
    overlay = draw_overlay(RNG.integers(0, 256, SIZE).astype(np.uint8), label, [((20.0, 30.0), "benign 0.20")])
    strips = [np.asarray(strip) for strip in coloured_strips(overlay, rows)]
    assert max(map(len, strips)) <= rows
    assert np.array_equal(np.concatenate(strips), np.asarray(overlay.convert("RGB")))
