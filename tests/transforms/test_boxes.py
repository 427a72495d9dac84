import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.boxes import check_box, check_point, jitter_box, lesion_box


def test_box_of_a_lesion_is_max_exclusive_with_the_column_first():
    label = torch.zeros(1, 40, 30)
    label[0, 10:20, 5:6] = 2
    assert lesion_box(label) == (10, 5, 20, 6)


def test_a_box_over_the_edge_is_cut_to_the_image():
    assert check_box([-5, 10, 150, 20], (100, 50)) == (0, 10, 100, 20)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([5, 5, 5, 9], "min below max"),
        ([9, 5, 5, 9], "min below max"),
        ([1, 2, 3], "min below max"),
        ([0, 0, float("nan"), 4], "min below max"),
        ([200, 0, 300, 10], "outside the image of 100 columns and 50 rows"),
        ([20, 20, 1e9, 1e9], "outside the image of 100 columns and 50 rows, or most of it"),
        ([-50, -50, 20, 20], "or most of it"),
        ([99.5, 20, 100.5, 30], "or most of it"),
        ([0.2, 0.3, 0.4, 0.5], "under a pixel"),
    ],
)
def test_unusable_boxes_are_refused(box, message):
    with pytest.raises(InputError, match=message):
        check_box(box, (100, 50))


@pytest.mark.parametrize("point", [[100, 5], [-1, 5], [5, 50], [float("inf"), 1], [1]])
def test_unusable_points_are_refused(point):
    with pytest.raises(InputError, match="the point"):
        check_point(point, (100, 50))


@given(st.integers(0, 2**32 - 1), st.floats(0, 3), st.integers(0, 98), st.integers(0, 48))
def test_jittered_boxes_are_always_boxes_of_the_image(seed, sigma, x, y):
    box = jitter_box((x, y, 99, 49), (100, 50), sigma, np.random.default_rng(seed))
    assert check_box(box, (100, 50)) == pytest.approx(box)


def test_jitter_has_the_standard_deviation_asked_for():
    rng = np.random.default_rng(0)
    boxes = np.array([jitter_box((400, 450, 600, 550), (1000, 1000), 0.1, rng) for _ in range(4000)])
    assert boxes.mean(axis=0) == pytest.approx([400, 450, 600, 550], abs=1.5)
    assert boxes.std(axis=0) == pytest.approx([20, 10, 20, 10], rel=0.05)
