from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon2mask
from skimage.measure import points_in_poly

from monai_rescunet.core.errors import InputError
from monai_rescunet.results.outline import MOST_VERTICES, centre_of, number_of, outline_of, polygon_of

SIZE = (120, 90)


def disk(x: float, y: float, radius: float) -> np.ndarray:
    columns, rows = np.ogrid[: SIZE[0], : SIZE[1]]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def outline(mask: np.ndarray, **more):
    return outline_of({"mask": mask, "decision": "benign", **more}, SIZE, "image.dcm")


def drawn(polygon: np.ndarray) -> np.ndarray:
    """Return the pixels whose middle lies in a polygon of DICOM's coordinates."""
    return polygon2mask(SIZE, polygon - 0.5)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_a_small_array_at_a_corner_is_the_same_as_one_of_the_image():
    mask = disk(40, 50, 17)
    whole, part = outline(mask), outline(mask[20:70, 25:80], corner=(20, 25))
    assert whole.corner == part.corner == (23, 33)
    assert np.array_equal(whole.mask, part.mask)
    assert np.array_equal(part.whole(SIZE), mask)
    assert part.area == mask.sum()


def test_the_centre_of_a_pixel_is_half_a_pixel_from_its_edge():
    mask = np.zeros(SIZE, bool)
    mask[7, 3] = True
    assert centre_of(outline(mask)) == (7.5, 3.5)
    assert centre_of(outline(disk(40, 50, 17))) == (40.5, 50.5)


def test_the_centre_of_a_bent_mass_lies_in_it():
    mask = disk(60, 45, 30) & ~disk(60, 45, 22)
    x, y = centre_of(outline(mask))
    assert mask[int(x), int(y)]


@pytest.mark.parametrize("place", [(40, 50), (0, 0), (119, 89), (0, 45)], ids=str)
def test_the_polygon_encloses_the_pixels_at_the_borders_too(place):
    mask = disk(*place, 20)
    polygon = polygon_of(outline(mask))
    assert np.array_equal(polygon[0], polygon[-1]), "closed"
    assert (polygon >= 0).all()
    assert (polygon <= SIZE).all()
    assert dice(drawn(polygon), mask) > 0.97


def test_of_several_parts_it_is_the_largest_and_holes_are_passed_over():
    mask = disk(40, 50, 20) & ~disk(40, 50, 8) | disk(100, 20, 5)
    polygon = polygon_of(outline(mask))
    assert dice(drawn(polygon), disk(40, 50, 20)) > 0.97
    assert points_in_poly([centre_of(outline(mask))], polygon).all()


def test_one_pixel_has_a_polygon():
    mask = np.zeros(SIZE, bool)
    mask[7, 3] = True
    polygon = polygon_of(outline(mask))
    assert len(np.unique(polygon, axis=0)) >= 3
    assert points_in_poly([(7.5, 3.5)], polygon).all()


def test_a_ragged_outline_has_no_more_vertices_than_an_element_holds():
    ragged = np.random.default_rng(0).random((1500, 1500)) > 0.35
    polygon = polygon_of(outline_of({"mask": ragged, "decision": "benign"}, ragged.shape, "image.dcm"))
    assert len(polygon) <= MOST_VERTICES


@pytest.mark.parametrize("decision", ["no lesion", "no finding"])
def test_a_mass_that_was_not_found_has_none(decision):
    assert outline_of({"decision": decision}, SIZE, "image.dcm") is None


def test_an_empty_mask_is_none():
    assert outline(np.zeros(SIZE, bool)) is None


@pytest.mark.parametrize(
    ("shape", "corner"), [((3, 4), None), (SIZE, (1, 0)), ((3, 4), (-1, 0)), ((3, 4), (118, 0)), ((3, 4, 1), (0, 0))]
)
def test_a_mask_that_does_not_lie_in_the_image_is_refused(shape, corner):
    with pytest.raises(InputError, match=r"image.dcm: the mask of mass 0 has the shape .* expected \(120, 90\)"):
        outline_of({"mask": np.ones(shape, bool), "decision": "benign", "corner": corner}, SIZE, "image.dcm")


@pytest.mark.parametrize("value", [None, "", float("nan")])
def test_an_empty_cell_is_no_figure(value):
    assert number_of({"found": value}, "found") is None
    assert number_of({}, "found") is None
    assert number_of({"found": 0}, "found") == 0
