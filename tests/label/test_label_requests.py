"""What clients may ask for, and what they are told where it cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import requests
import SimpleITK as sitk  # noqa: N813
from label_server import dice

from monai_rescunet.label import MODEL_NAME


@pytest.mark.parametrize("extension", [".png", ".nrrd", ".seg.nrrd", ".nii", ".nii.gz"])
def test_the_client_chooses_the_format_of_the_label_map(server, studies, extension):
    answer = server.ask("mono2", output="image", box=studies.boxes[1], result_extension=extension)
    assert answer.headers["content-disposition"].rstrip('"').endswith(extension)
    _, label = server.infer("mono2", box=studies.boxes[1], result_extension=extension)
    assert dice(label, studies.masks[1]) > 0.9


def test_a_label_map_comes_uncompressed_where_the_client_asks(server, studies):
    sizes = [
        len(server.ask("mono2", output="image", box=studies.boxes[1], result_compress=compress).content)
        for compress in (True, False)
    ]
    assert sizes[0] < studies.masks[1].size < sizes[1]


@pytest.mark.parametrize("extension", ["nrrd", ".dcm", "/tmp/x.png", ".png/../x.png", 7, [".png"], {}])
def test_another_extension_is_refused(server, studies, extension):
    line = server.refusal("film8", box=studies.boxes[1], result_extension=extension)
    assert "result_extension" in line
    assert ".png, .nrrd, .seg.nrrd, .nii or .nii.gz" in line


def test_options_are_offered_and_honoured(server, studies):
    offered = server.get("/info/")["models"][MODEL_NAME]["config"]
    assert set(offered) == {
        "find_threshold",
        "max_findings",
        "otsu_mode",
        "lesion_floor",
        "roi_context",
        "test_time_flips",
        "store_dicom",
        "store_cad",
        "store_picture",
    }
    plain, outline = server.infer("film8", box=studies.boxes[1])
    paper, _ = server.infer("film8", box=studies.boxes[1], otsu_mode="paper")
    assert paper["masses"][0]["lambda2"] != plain["masses"][0]["lambda2"]
    for option in ({"roi_context": 1.5}, {"test_time_flips": False}):
        _, other = server.infer("film8", box=studies.boxes[1], **option)
        assert not np.array_equal(sitk.GetArrayFromImage(other), sitk.GetArrayFromImage(outline)), option
    nothing, empty = server.infer("film8", box=studies.boxes[1], lesion_floor=255)
    assert nothing["masses"][0]["decision"] == "no lesion"
    assert not sitk.GetArrayFromImage(empty).any()


def test_options_may_come_as_viewers_send_them(server, studies):
    """3D Slicer and OHIF send lists back with the choice in front, and values of text fields as text."""
    expected, outline = server.infer("film8", box=studies.boxes[1], otsu_mode="paper", roi_context=1.2)
    params, label = server.infer(
        "film8",
        box=studies.boxes[1],
        otsu_mode=["paper", "anchored"],
        roi_context="1.2",
        lesion_floor="64",
        test_time_flips="true",
        store_dicom="false",
    )
    assert params["masses"] == expected["masses"]
    assert np.array_equal(sitk.GetArrayFromImage(label), sitk.GetArrayFromImage(outline))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("otsu_mode", "best"),
        ("otsu_mode", []),
        ("lesion_floor", "much"),
        ("lesion_floor", 256),
        ("lesion_floor", True),
        ("lesion_floor", math.nan),
        ("roi_context", 0.5),
        ("roi_context", None),
        ("test_time_flips", 2),
        ("store_dicom", "yes please"),
        ("store_dicom", 1),
    ],
)
def test_an_option_out_of_range_is_refused(server, studies, option, value):
    assert option in server.refusal("film8", box=studies.boxes[1], **{option: value})


@pytest.mark.parametrize("value", [True, "true", "True"])
@pytest.mark.parametrize("option", ["store_dicom", "store_picture"])
def test_results_are_not_stored_without_an_archive(server, studies, option, value):
    line = server.refusal("mono2", box=studies.boxes[1], **{option: value})
    assert line.startswith(f"{option} needs a DICOMweb archive")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("box", "1,2,30,40"),
        ("box", [1, 2, 30]),
        ("box", [[1, 2, 30, 40], [5, 6]]),
        ("box", [1, 2, "x", 40]),
        ("box", [30, 2, 1, 40]),
        ("box", [9000, 9000, 9010, 9010]),
        ("box", {"x": 1}),
        ("box", [1, 2, math.inf, 40]),
        ("point", [1]),
        ("point", [-5, 3]),
        ("point", 7),
        ("foreground", [[1]]),
        ("foreground", 3),
        ("roi", [1, 2, 3, 4]),
    ],
)
def test_a_place_that_is_none_is_refused(server, name, value):
    line = server.refusal("film8", **{name: value})
    assert name in line


def test_the_region_of_3d_slicer_is_a_box(server, studies):
    x_min, y_min, x_max, y_max = studies.boxes[1]
    _, by_box = server.infer("film8", box=studies.boxes[1])
    # its axes may run the other way, and what is clicked beside a region adds nothing
    _, by_roi = server.infer("film8", roi=[x_max, x_min, y_max, y_min, 0, 1], foreground=[[x_min, y_min, 0]])
    assert np.array_equal(sitk.GetArrayFromImage(by_roi), sitk.GetArrayFromImage(by_box))


def test_an_unknown_image_is_refused(server):
    line = server.refusal("nobody")
    assert "no such image" in line


def test_a_path_is_refused_as_an_unknown_image_is(server, studies):
    """Whether there is such a file, whether the server may read it."""
    there, forbidden, missing = studies.files["film8"], "/etc/shadow", "/nowhere/scan.png"
    named = [str(there), f"{there.parent}/../{there.parent.name}/{there.name}", forbidden, missing, "../scan.png", "/"]
    assert {server.refusal(path, box=studies.boxes[1]) for path in named} == {server.refusal("nobody")}


@pytest.mark.parametrize("params", ["[1,2]", "7", '"film8"', "null", "{", "true", '{"image": "/etc/shadow"}'])
def test_parameters_that_are_no_object_are_refused(server, params):
    url = f"{server.url}/infer/{MODEL_NAME}"
    answer = requests.post(url, params={"image": "film8"}, data={"params": params}, timeout=60)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"].startswith(("params are ", "params name the image"))


def test_slides_of_tissue_are_refused(server, studies):
    url = f"{server.url}/infer/wsi/{MODEL_NAME}"
    answer = requests.post(url, params={"image": str(studies.files["film8"])}, json={}, timeout=60)
    assert answer.status_code in (400, 404)


def test_broken_uploads_are_refused_one_by_one(server, studies, tmp_path):
    for name in ("film8", "volume", "mono2"):
        content = studies.files[name].read_bytes()
        for label, broken in (("cut", content[: len(content) // 2]), ("empty", b""), ("noise", b"\x07" * 5000)):
            file = tmp_path / f"{label}_{studies.files[name].name}"
            file.write_bytes(broken)
            line = server.refusal(file, box=studies.boxes[1])
            assert str(server.temporary) not in line
            assert "/" not in line


def test_an_image_that_itk_cannot_read_is_refused(server, tmp_path):
    file = tmp_path / "scan.pgm"
    file.write_bytes(b"P5 64 64 255\n" + bytes(range(64)) * 64)
    assert "ITK" in server.refusal(file, box=[5, 5, 50, 50])
