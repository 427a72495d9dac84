"""What inference writes, from masses with known label maps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from dicom_files import write_mammogram
from monai.transforms import LoadImaged
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import MammogramReader
from monai_rescunet.handlers import SaveMassResults

GREY = np.random.default_rng(0).integers(0, 255, (50, 40)).astype(np.uint8)


def mass(path, columns: slice, rows: slice, value: int, score: float, **entry: Any) -> tuple[dict, dict]:
    """Return an entry and an output as an evaluator leaves them."""
    batch = LoadImaged(keys="image", reader=MammogramReader, ensure_channel_first=True)({"image": str(path), **entry})
    batch["roi"] = {"source": "box", "box": [1.0, 2.0, 30.0, 40.5]}
    mask = torch.zeros(1, 40, 50, dtype=torch.uint8)
    mask[:, columns, rows] = value
    decision = {0: "no lesion", 1: "benign", 2: "malignant"}[value]
    return batch, {"mask": mask, "result": {"decision": decision, "score": score, "lambda1": 90, "lambda2": 200}}


def save(out, *masses: tuple[dict, dict], **options: Any) -> SaveMassResults:
    handler = SaveMassResults(out, **options)
    for batch, output in masses:
        handler._update(SimpleNamespace(state=SimpleNamespace(batch=[batch], output=[output])))
    handler._complete(SimpleNamespace())
    return handler


def test_where_masses_overlap_the_higher_score_is_painted(tmp_path, write_png):
    image = write_png(GREY)
    save(
        tmp_path / "out",
        mass(image, slice(0, 20), slice(0, 10), 2, 0.9),
        mass(image, slice(10, 30), slice(0, 10), 1, 0.6, mass=1),
    )
    label = np.asarray(Image.open(tmp_path / "out" / "image_label.png"))
    assert label.shape == (50, 40)
    assert label[5, 15] == 2
    assert label[5, 25] == 1
    assert label[15].max() == 0
    rows = pd.read_csv(tmp_path / "out" / "results.csv")
    assert rows.mass.tolist() == [0, 1]
    assert rows.area_px.tolist() == [200, 200]
    assert rows.box.tolist() == ["1 2 30 40.5"] * 2


def test_masses_of_one_image_apart_from_each_other_are_refused(tmp_path, write_png):
    """Or the second would be painted over the first one's label map."""
    one, other = write_png(GREY, "a.png"), write_png(GREY, "b.png")
    masses = [mass(path, slice(0, 9), slice(0, 9), 1, 0.6) for path in (one, other, one)]
    with pytest.raises(InputError, match="sort the entries by image"):
        save(tmp_path / "out", *masses)
    assert pd.read_csv(tmp_path / "out" / "results.csv").image.tolist() == [str(one), str(other)]


def test_dice_is_that_of_the_whole_image(tmp_path, write_png):
    label = torch.zeros(1, 40, 50)
    label[:, 5:20, 0:10] = 2
    handler = save(None, mass(write_png(GREY), slice(0, 20), slice(0, 10), 2, 0.9, label=label))
    assert handler.rows[0]["dice"] == pytest.approx(2 * 150 / 350)


def test_dice_is_of_the_row_s_own_mass_where_an_image_has_several(tmp_path, write_png):
    label = torch.zeros(1, 40, 50)
    label[:, 5:20, 0:10] = 2
    label[:, 32:38, 42:48] = 1  # outside the box, [1, 2, 30, 40.5]
    handler = save(None, mass(write_png(GREY), slice(0, 20), slice(0, 10), 2, 0.9, label=label))
    assert handler.rows[0]["dice"] == pytest.approx(2 * 150 / 350)


def test_no_lesion_is_an_empty_label_map(tmp_path, write_png):
    save(tmp_path / "out", mass(write_png(GREY), slice(0), slice(0), 0, 0.0))
    assert np.asarray(Image.open(tmp_path / "out" / "image_label.png")).max() == 0
    assert pd.read_csv(tmp_path / "out" / "results.csv").decision.tolist() == ["no lesion"]


def test_dicom_comes_back_as_nifti_with_its_spacing_and_area(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", GREY.astype(np.uint16), ImagerPixelSpacing=[0.1, 0.05])
    save(tmp_path / "out", mass(path, slice(0, 20), slice(0, 10), 1, 0.6))
    image = nibabel.load(tmp_path / "out" / "a_label.nii.gz")
    assert image.shape == (40, 50)
    assert np.allclose(image.affine, np.diag([-0.05, -0.1, 1, 1])), "as ITK has the DICOM image, left and posterior"
    assert int((np.asarray(image.dataobj) == 1).sum()) == 200
    row = pd.read_csv(tmp_path / "out" / "results.csv").iloc[0]
    assert row.area_mm2 == pytest.approx(200 * 0.1 * 0.05)
    assert row.spacing_source == "detector"


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1)])
def test_nifti_comes_back_in_its_own_shape_and_place(tmp_path, shape):
    affine = np.array([[0.07, 0, 0, 12], [0, -0.07, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(GREY.T.reshape(shape), affine), tmp_path / "a.nii.gz")
    save(tmp_path / "out", mass(tmp_path / "a.nii.gz", slice(0, 20), slice(0, 10), 2, 0.8))
    image = nibabel.load(tmp_path / "out" / "a_label.nii.gz")
    assert image.shape == shape
    assert np.allclose(image.affine, affine)


def test_images_of_one_stem_do_not_overwrite_each_other(tmp_path, write_png):
    paths = [write_png(GREY, "left/a.png"), write_png(GREY, "right/a.png")]
    masses = [mass(path, slice(0, 20), slice(0, 10), 1 + index, 0.6) for index, path in enumerate(paths)]
    save(tmp_path / "out", *masses, dataset_dir=tmp_path)
    labels = sorted(path.name for path in (tmp_path / "out").glob("*_label.png"))
    assert len(labels) == 2
    assert sorted(int(np.asarray(Image.open(tmp_path / "out" / name)).max()) for name in labels) == [1, 2]


def test_a_name_that_is_a_uid_is_kept_whole(tmp_path):
    write_mammogram(tmp_path / "1.2.840.1", GREY.astype(np.uint16))
    save(tmp_path / "out", mass(tmp_path / "1.2.840.1", slice(0, 20), slice(0, 10), 2, 0.8))
    assert (tmp_path / "out" / "1.2.840.1_label.nii.gz").is_file()


def test_without_an_output_folder_the_rows_and_masks_are_kept(write_png):
    handler = save(None, mass(write_png(GREY), slice(0, 20), slice(0, 10), 2, 0.9), keep_masks=True)
    assert handler.masks[0].sum() == 200
    assert handler.masks[0].dtype == bool


def test_links_to_one_file_have_results_of_their_own(tmp_path, write_png):
    """Their names differ, or are numbered where folders and names together do not tell them apart."""
    write_png(GREY, "a/b__c.png")
    write_png(GREY, "a__b/c.png")
    paths = [tmp_path / "x" / "c.png", tmp_path / "a__b" / "c.png", tmp_path / "a" / "b__c.png"]
    paths[0].parent.mkdir()
    paths[0].symlink_to(paths[1])
    masses = [mass(path, slice(0, 20), slice(0, 10), 1, 0.6) for path in paths]
    save(tmp_path / "out", *masses, dataset_dir=tmp_path)
    assert len(list((tmp_path / "out").glob("*_label.png"))) == 3
    assert pd.read_csv(tmp_path / "out" / "results.csv").image.tolist() == ["x/c.png", "a__b/c.png", "a/b__c.png"]


def test_the_table_holds_what_is_finished_when_a_run_is_cut_off(tmp_path, write_png):
    handler = SaveMassResults(tmp_path / "out")
    for path in (write_png(GREY, "a.png"), write_png(GREY, "b.png"), write_png(GREY, "c.png")):
        batch, output = mass(path, slice(0, 20), slice(0, 10), 1, 0.6)
        handler._update(SimpleNamespace(state=SimpleNamespace(batch=[batch], output=[output])))
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert [name.rsplit("/")[-1] for name in table.image] == ["a.png", "b.png"]


def test_thresholds_are_whole_numbers_beside_a_mass_without_them(tmp_path, write_png):
    image = write_png(GREY)
    none = mass(image, slice(0), slice(0), 0, 0.0, mass=1)
    none[1]["result"] |= {"lambda2": None}
    save(tmp_path / "out", mass(image, slice(0, 20), slice(0, 10), 1, 0.6), none)
    assert pd.read_csv(tmp_path / "out" / "results.csv", dtype=str).lambda2.tolist()[0] == "200"


def test_a_file_that_is_no_result_is_not_written_over(tmp_path, write_png):
    image = write_png(GREY, "x.png")
    annotation = write_png(GREY, "x_label.png")
    before = annotation.read_bytes()
    masses = [mass(path, slice(0, 20), slice(0, 10), 1, 0.6) for path in (write_png(GREY, "w.png"), image)]
    with pytest.raises(InputError, match=r"has x_label\.png and no results\.csv; choose another"):
        save(tmp_path, *masses)
    assert annotation.read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"results\.csv: is there already and no table of results"):
        save(tmp_path / "other", *masses)


def test_results_of_an_earlier_run_are_replaced_by_those_of_the_same_image_alone(tmp_path, write_png):
    a, b, other = (
        mass(write_png(GREY, name), slice(0, 20), slice(0, 10), 1, 0.6) for name in ("x/a.png", "x/b.png", "y/a.png")
    )
    for masses in ([a], [b], [a], [a, b]):
        save(tmp_path / "out", *masses, dataset_dir=tmp_path)
        save(tmp_path / "both", a, other, dataset_dir=tmp_path)
    with pytest.raises(InputError, match=r"has a_label\.png of x/a\.png already"):
        save(tmp_path / "out", other, dataset_dir=tmp_path)
    assert pd.read_csv(tmp_path / "out" / "results.csv").image.tolist() == ["x/a.png", "x/b.png"]


def test_dicom_of_an_earlier_run_does_not_stay_beside_a_new_report(tmp_path):
    path = write_mammogram(
        tmp_path / "a.dcm", GREY.astype(np.uint16), StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4"
    )
    save(tmp_path / "out", mass(path, slice(0, 20), slice(0, 10), 1, 0.6), dicom=["seg", "sr", "sc"])
    assert (tmp_path / "out" / "a_seg.dcm").exists()
    save(tmp_path / "out", mass(path, slice(0), slice(0), 0, 0.0), dicom=["sr"])
    assert sorted(file.name for file in (tmp_path / "out").glob("*.dcm")) == ["a_sr.dcm"]
