"""What inference writes, from masses with known outlines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pandas as pd
import pytest
from dicom_files import write_mammogram
from PIL import Image
from saved_masses import A_MASS, GREY, NO_LESION, SIZE, loaded, mass, outline, save, table

from monai_rescunet.core.errors import InputError, LeftOutError
from monai_rescunet.data.datalists.lenient import ImageOfMasses
from monai_rescunet.handlers import SaveMassResults


def test_where_masses_overlap_the_higher_score_is_painted(tmp_path, write_png):
    higher, lower = mass(slice(0, 20), slice(0, 10), 2, 0.9), mass(slice(10, 30), slice(0, 10), 1, 0.6)
    for name, masses in (("one", (higher, lower)), ("other", (lower, higher))):
        save(tmp_path / name, (write_png(GREY), *masses))
        label = np.asarray(Image.open(tmp_path / name / "image_label.png"))
        assert label.shape == (50, 40)
        assert (label[5, 15], label[5, 25], label[15].max()) == (2, 1, 0)
        rows = table(tmp_path / name)
        assert rows.mass.tolist() == [0, 1]
        assert rows.area_px.tolist() == [200, 200]
        assert rows.box.tolist() == ["1 2 30 40.5"] * 2
        assert rows.label_map.tolist() == ["image_label.png"] * 2


def test_of_equal_scores_the_first_mass_is_painted(tmp_path, write_png):
    one, other = mass(slice(0, 20), slice(0, 10), 2, 0.6), mass(slice(10, 30), slice(0, 10), 1, 0.6)
    save(tmp_path, (write_png(GREY, "x/image.png"), one, other))
    assert np.asarray(Image.open(tmp_path / "image_label.png"))[5, 15] == 2


def test_the_picture_has_an_outline_round_the_mass_in_its_colour(tmp_path, write_png):
    save(tmp_path / "out", (write_png(GREY), mass(slice(10, 30), slice(20, 40), 2, 0.9)))
    overlay = np.asarray(Image.open(tmp_path / "out" / "image_overlay.png").convert("RGB"))
    red = (overlay == (230, 97, 1)).all(axis=-1)
    assert red[19, 15:25].all()
    assert red[25:35, 9].all()
    assert not red[20:40, 10:30].any(), "it hides none of the mass"


def test_dice_is_that_of_the_whole_image(tmp_path, write_png):
    truth = outline(slice(5, 20), slice(0, 10))
    handler = save(None, (write_png(GREY), mass(slice(0, 20), slice(0, 10), 2, 0.9, label=truth)))
    assert handler.rows[0]["dice"] == pytest.approx(2 * 150 / 350)
    missed = save(None, (write_png(GREY), mass(slice(0), slice(0), 0, 0.0, label=truth)))
    assert missed.rows[0]["dice"] == 0


def test_no_lesion_is_an_empty_label_map(tmp_path, write_png):
    save(tmp_path / "out", (write_png(GREY), NO_LESION))
    assert np.asarray(Image.open(tmp_path / "out" / "image_label.png")).max() == 0
    assert table(tmp_path / "out").decision.tolist() == ["no lesion"]


def test_an_image_without_a_finding_has_one_row_that_says_so_and_no_class(tmp_path, write_png):
    handler = SaveMassResults(tmp_path / "out", calibration=lambda score: score)
    path = write_png(GREY)
    handler.select([{"image": str(path)}])
    handler.without_masses(ImageOfMasses({**loaded(path), "found": 0.12}))
    handler._complete(SimpleNamespace())
    row = table(tmp_path / "out").iloc[0]
    assert (row.decision, row.found) == ("no finding", 0.12)
    assert row[["box", "score", "probability", "lambda1", "area_px"]].isna().all()
    assert np.asarray(Image.open(tmp_path / "out" / row.label_map)).max() == 0


def test_a_probability_is_told_only_where_a_box_or_mask_says_how_large_the_mass_is(write_png):
    rows = []
    for source in ("box", "label", "point", "image"):
        where = {"roi": {"source": source, "box": [1.0, 2.0, 1.0, 2.0]}}
        handler = save(None, (write_png(GREY), mass(slice(9), slice(9), 2, 0.9, **where)), calibration=lambda _: 0.75)
        rows += handler.rows
    assert [row["probability"] for row in rows] == [0.75, 0.75, None, None]
    assert [row["box"] for row in rows][2:] == ["1 2", "whole image"]


def test_dicom_comes_back_as_nifti_with_its_spacing_and_area(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", GREY.astype(np.uint16), ImagerPixelSpacing=[0.1, 0.05])
    save(tmp_path / "out", (path, mass(slice(0, 20), slice(0, 10), 1, 0.6)))
    image = nibabel.load(tmp_path / "out" / "a_label.nii.gz")
    assert image.shape == (40, 50)
    assert np.allclose(image.affine, np.diag([-0.05, -0.1, 1, 1])), "as ITK has the DICOM image, left and posterior"
    assert (np.asarray(image.dataobj)[:20, :10] == 1).all()
    assert int((np.asarray(image.dataobj) == 1).sum()) == 200
    row = table(tmp_path / "out").iloc[0]
    assert row.area_mm2 == pytest.approx(200 * 0.1 * 0.05)
    assert row.spacing_source == "detector"


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1)])
def test_nifti_comes_back_in_its_own_shape_and_place(tmp_path, shape):
    affine = np.array([[0.07, 0, 0, 12], [0, -0.07, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(GREY.T.reshape(shape), affine), tmp_path / "a.nii.gz")
    save(tmp_path / "out", (tmp_path / "a.nii.gz", A_MASS))
    image = nibabel.load(tmp_path / "out" / "a_label.nii.gz")
    assert image.shape == shape
    assert np.allclose(image.affine, affine)
    assert (np.asarray(image.dataobj).reshape(SIZE)[:20, :10] == 2).all()


def test_without_an_output_folder_the_results_are_kept(write_png):
    handler = save(None, (write_png(GREY), A_MASS))
    assert handler.found[0].outlines[0].area == 200
    assert handler.rows[0]["label_map"] is None


def test_thresholds_are_whole_numbers_beside_a_mass_without_them(tmp_path, write_png):
    before, after = NO_LESION
    none = before, {**after, "result": {**after["result"], "lambda2": None}}
    save(tmp_path / "out", (write_png(GREY), A_MASS, none))
    assert pd.read_csv(tmp_path / "out" / "results.csv", dtype=str).lambda2.tolist()[0] == "200"


def test_dicom_results_that_no_longer_fit_are_removed_and_a_users_file_stays(tmp_path):
    path = write_mammogram(
        tmp_path / "a.dcm", GREY.astype(np.uint16), StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4"
    )
    out = tmp_path / "out"
    save(out, (path, A_MASS), dicom=["seg", "sr", "sc"])
    assert {file.name for file in out.glob("*.dcm")} == {"a_seg.dcm", "a_sr.dcm", "a_sc.dcm"}
    save(out, (path, NO_LESION), dicom=["sr"])
    assert [file.name for file in out.glob("*.dcm")] == ["a_sr.dcm"]
    save(out, (path, A_MASS), overlay=False)
    assert {file.name for file in out.glob("a_*")} == {"a_label.nii.gz"}


def test_a_dicom_result_that_cannot_be_made_costs_only_itself(tmp_path, caplog):
    path = write_mammogram(tmp_path / "a.dcm", GREY.astype(np.uint16))  # has no study
    handler = save(tmp_path / "out", (path, A_MASS), dicom=["seg"])
    handler.check()
    assert len(table(tmp_path / "out")) == 1
    assert "Study" in caplog.text


def test_what_cannot_be_written_costs_its_image_alone(tmp_path, write_png, monkeypatch):
    paths = [write_png(GREY, name) for name in ("a.png", "b.png", "c.png")]
    write = SaveMassResults._write_files

    def fails_once(handler, result, folder):
        if result.path.endswith("b.png"):
            raise RuntimeError("no such thing")
        write(handler, result, folder)

    monkeypatch.setattr(SaveMassResults, "_write_files", fails_once)
    handler = save(tmp_path / "out", *((path, A_MASS) for path in paths), keep_masks=True)
    assert [Path(name).name for name in table(tmp_path / "out").image] == ["a.png", "c.png"]
    with pytest.raises(LeftOutError, match=r"1 of 3 masses were left out.*b\.png: .*RuntimeError: no such thing"):
        handler.check()
    with pytest.raises(InputError, match="no such thing"):
        save(tmp_path / "strict", *((path, A_MASS) for path in paths), strict=True)
    assert [Path(name).name for name in table(tmp_path / "strict").image] == ["a.png"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_mass_that_the_network_has_no_answer_for_costs_that_mass_alone(tmp_path, write_png, strict):
    images = [write_png(GREY, f"{name}.png") for name in "abc"]
    unanswered = A_MASS[0], {"error": ValueError("the map has NaN")}
    asked = [(images[0], A_MASS, unanswered), (images[1], unanswered), (images[2], A_MASS)]
    told = "b.png: cannot be analysed (ValueError: the map has NaN); the network has no answer for it"
    if strict:
        with pytest.raises(InputError, match=r"a\.png: cannot be analysed \(ValueError: the map has NaN"):
            save(tmp_path / "out", *asked, strict=True)
        return
    handler = save(tmp_path / "out", *asked)
    assert table(tmp_path / "out")[["image", "mass"]].to_numpy().tolist() == [[str(images[0]), 0], [str(images[2]), 0]]
    with pytest.raises(LeftOutError, match="2 of 4 masses were left out") as caught:
        handler.check()
    assert told in caught.value.left_out[1]
    assert not (tmp_path / "out" / "b_label.png").exists()
