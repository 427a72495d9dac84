from __future__ import annotations

import plistlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inbreast_files import circle, write_xml
from skimage.draw import disk, polygon

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.osirix import draw_region, read_osirix_rois


def paste(points, size) -> np.ndarray:
    mask, (x, y) = draw_region(np.asarray(points, dtype=float), size)
    full = np.zeros(size, dtype=bool)
    full[x : x + mask.shape[0], y : y + mask.shape[1]] = mask
    return full


def test_names_points_and_order_are_those_of_the_file(tmp_path):
    path = write_xml(tmp_path / "1.xml", (" Mass ", [(1.5, 2), (3, 4), (5, 0.25)]), ("Calcification", [(9, 8)]))
    mass, dot = read_osirix_rois(path)
    assert (mass.number, mass.name, mass.points.tolist()) == (0, "Mass", [[1.5, 2], [3, 4], [5, 0.25]])
    assert mass.is_region
    assert (dot.number, dot.is_region) == (1, False)


def test_a_region_has_columns_first():
    """x is the column: a wide, low rectangle."""
    full = paste([(10, 5), (40, 5), (40, 9), (10, 9)], (60, 20))
    x, y = np.nonzero(full)
    assert (x.min(), x.max(), y.min(), y.max()) == (10, 40, 5, 9)


def test_a_circle_is_skimages_disc():
    full, expected = paste(circle(50, 40, 20), (120, 90)), np.zeros((120, 90), dtype=bool)
    expected[disk((50, 40), 20, shape=expected.shape)] = True
    assert 2 * (full & expected).sum() / (full.sum() + expected.sum()) > 0.98


def test_what_lies_outside_the_image_is_cut_off():
    full = paste(circle(0, 0, 20), (50, 50))
    assert full.sum() == pytest.approx(np.pi * 400 / 4, rel=0.1)
    assert draw_region(np.array(circle(-90, -90, 20)), (50, 50))[0].size == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(4, 40), min_size=3, max_size=80), st.floats(-20, 60), st.floats(-20, 60))
def test_a_contour_that_does_not_cross_itself_is_skimages_polygon(radii, x, y):
    """Nothing is added to it by what is done for those that do; only a pixel on the line may be told otherwise."""
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    outwards = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    centre = np.array([x, y])
    full = paste(centre + outwards, (50, 45))
    smaller, larger = np.zeros_like(full), np.zeros_like(full)
    smaller[polygon(*(centre + 0.999999 * outwards).T, shape=full.shape)] = True
    larger[polygon(*(centre + 1.000001 * outwards).T, shape=full.shape)] = True
    assert (smaller <= full).all()
    assert (full <= larger).all()


def test_a_contour_that_crosses_itself_has_no_holes():
    """A five-pointed star, drawn in one line, and a circle drawn twice."""
    angles = np.arange(5) * 4 * np.pi / 5
    full = paste([(50 + 40 * np.sin(a), 50 - 40 * np.cos(a)) for a in angles], (100, 100))
    assert full[50, 50]
    once, twice = paste(circle(50, 40, 20), (120, 90)), paste(circle(50, 40, 20) * 2, (120, 90))
    assert (once == twice).all()


def test_a_bay_with_a_narrow_mouth_stays_outside():
    """A ring with a slit of one pixel, drawn in one line: what lies within the ring is not gone round."""
    angles = np.linspace(0.03, 2 * np.pi - 0.03, 200)
    ring = [(50 + r * np.cos(a), 50 + r * np.sin(a)) for r, turn in ((40, 1), (20, -1)) for a in angles[::turn]]
    assert paste(ring, (100, 100)).sum() == pytest.approx(np.pi * (40**2 - 20**2), rel=0.05)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 24), st.integers(-3, 24)), min_size=3, max_size=12))
def test_pixels_that_a_line_runs_through_are_inside(corners):
    """Corners in whole pixels: the lines run through the centres of many."""
    full = paste(corners, (20, 22))
    on_line = {
        (x0 + (x1 - x0) * k // steps, y0 + (y1 - y0) * k // steps)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
        for steps in [max(int(np.gcd(x1 - x0, y1 - y0)), 1)]
        for k in range(steps + 1)
    }
    assert all(full[place] for place in on_line if 0 <= place[0] < 20 and 0 <= place[1] < 22)
    assert full[polygon(*np.array(corners).T, shape=full.shape)].all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no XML property list"),
        (b"<plist><dict>", "no XML property list"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><plist><dict><key>&a;</key></dict></plist>', "no XML property list"),
        (plistlib.dumps({"Images": []}), "not as OsiriX writes it"),
        (plistlib.dumps({"Pictures": []}), "not as OsiriX writes it"),
        (plistlib.dumps([1, 2]), "not as OsiriX writes it"),
        (plistlib.dumps({"Images": [{"NumberOfROIs": 1, "ROIs": [{"Name": "Mass"}]}]}), "not as OsiriX writes it"),
        (
            plistlib.dumps({"Images": [{"NumberOfROIs": 1, "ROIs": [{"Name": "Mass", "Point_px": ["(1, x)"]}]}]}),
            r"ROI 0 has the point '\(1, x\)'",
        ),
        (plistlib.dumps({"Images": [{"NumberOfROIs": 2, "ROIs": []}]}), "NumberOfROIs is 2 and there are 0"),
        (plistlib.dumps({"Images": []}, fmt=plistlib.FMT_BINARY), "no XML property list"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "bad.xml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.xml: .*{message}"):
        read_osirix_rois(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path, data):
    """Bytes taken out, put in and changed in a valid file: never another error than the one for bad input."""
    raw = bytearray(write_xml(tmp_path / "good.xml", ("Mass", circle(20, 20, 5)[:4])).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    path = tmp_path / "damaged.xml"
    path.write_bytes(bytes(raw))
    try:
        rois = read_osirix_rois(path)
    except InputError as error:
        assert "damaged.xml" in str(error)
    else:
        assert all(np.isfinite(roi.points).all() for roi in rois)
