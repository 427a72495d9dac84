"""Inference through the server: every format, every way to point at a mass."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from label_server import dice

from monai_rescunet.label import CLICK_MODEL_NAME, MODEL_NAME

FORMATS = ["film8", "film16", "volume", "mono1", "mono2"]
UPLOADED = [True, False]


def assert_same_geometry(label: sitk.Image, image: sitk.Image) -> None:
    """Assert that a viewer lays the label map over the image."""
    assert label.GetSize()[:2] == image.GetSize()[:2]
    assert label.GetSpacing()[:2] == pytest.approx(image.GetSpacing()[:2])
    assert label.GetOrigin()[:2] == pytest.approx(image.GetOrigin()[:2])
    if label.GetDimension() == image.GetDimension():
        assert label.GetDirection() == pytest.approx(image.GetDirection())


def value_in(label: sitk.Image, mask: np.ndarray) -> int:
    """Return the value that most of a mask has."""
    return int(np.bincount(np.squeeze(sitk.GetArrayFromImage(label))[mask]).argmax())


def test_info_names_the_labels(server):
    info = server.get("/info/")
    assert info["labels"] == ["benign mass", "malignant mass"]
    assert {name: model["type"] for name, model in info["models"].items()} == {
        MODEL_NAME: "segmentation",
        CLICK_MODEL_NAME: "deepgrow",
    }
    assert all(model["dimension"] == 2 for model in info["models"].values())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("uploaded", UPLOADED, ids=["upload", "id"])
def test_a_box_gives_the_outline_in_the_images_own_geometry(server, studies, name, uploaded):
    file = studies.files[name]
    params, label = server.infer(file if uploaded else name, box=studies.boxes[1])
    assert_same_geometry(label, sitk.ReadImage(str(file)))
    assert dice(label, studies.masks[1]) > 0.9
    assert value_in(label, studies.masks[1]) == 2
    (mass,) = params["masses"]
    assert mass["decision"] == "malignant"
    assert mass["score"] > 0.5
    assert 0 < mass["lambda1"] < mass["lambda2"] < 255
    found = np.count_nonzero(sitk.GetArrayViewFromImage(label))
    assert mass["area_px"] == found
    if name == "mono2":
        assert mass["area_mm2"] == pytest.approx(found * 0.01)


@pytest.mark.parametrize("name", FORMATS)
def test_several_boxes_give_a_mass_each(server, studies, name):
    params, label = server.infer(name, box=studies.boxes)
    assert [mass["decision"] for mass in params["masses"]] == ["benign", "malignant"]
    assert [value_in(label, mask) for mask in studies.masks] == [1, 2]
    assert dice(label, studies.masks[0] | studies.masks[1]) > 0.9


@pytest.mark.parametrize("name", FORMATS)
def test_a_point_finds_the_mass(server, studies, name):
    params, label = server.infer(name, point=studies.points[1])
    assert len(params["masses"]) == 1
    assert dice(label, studies.masks[1]) > 0.2  # a box says more
    assert value_in(label, studies.masks[1]) > 0


def test_clicks_of_3d_slicer_and_ohif_are_points(server, studies):
    x, y = studies.points[1]
    _, by_point = server.infer("film8", point=[x, y])
    _, by_click = server.infer("film8", model=CLICK_MODEL_NAME, foreground=[[x, y, 0]], background=[])
    assert np.array_equal(sitk.GetArrayFromImage(by_click), sitk.GetArrayFromImage(by_point))


@pytest.mark.parametrize("name", FORMATS)
def test_with_nothing_pointed_at_the_finder_looks(server, name):
    params, label = server.infer(name, find_threshold=0, max_findings=2)
    assert [mass["mass"] for mass in params["masses"]] == [0, 1]
    assert all(0 <= mass["found"] <= 1 and len(mass["box"].split()) == 4 for mass in params["masses"])
    assert sitk.GetArrayFromImage(label).any()


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_found_is_an_empty_label_map_and_no_class(server, name):
    params, label = server.infer(name, find_threshold=1)
    assert (params["masses"], params["decision"]) == ([], "no finding")
    assert 0 <= params["found"] < 1
    assert params["remarks"] is None or "stretched" in params["remarks"]
    assert not sitk.GetArrayFromImage(label).any()


def test_a_crop_is_looked_at_whole_where_it_is_said_to_be_one(server):
    params, _ = server.infer("film8", crop=True)
    assert [mass["box"] for mass in params["masses"]] == ["whole image"]
