"""One call, one command and MONAI's own command give one result, on every kind of file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from bundle_runs import run_bundle
from dicom_files import write_mammogram
from forked import run_module
from PIL import Image

from monai_rescunet import predict
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, LeftOutError
from monai_rescunet.data import make_phantom
from monai_rescunet.training.inferers import AutocastInferer


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """One phantom that is not square as PNG, 16-bit PNG, DICOM (both photometric interpretations) and NIfTI."""
    folder = tmp_path_factory.mktemp("phantom")
    image, mask = make_phantom(np.random.default_rng(5), "malignant", (640, 500))
    Image.fromarray(image).save(folder / "grey.png")
    deep = image.astype(np.uint16) * 16
    Image.fromarray(deep).save(folder / "deep.png")
    write_mammogram(folder / "mono2.dcm", deep, ImagerPixelSpacing=[0.1, 0.1])
    write_mammogram(folder / "mono1.dcm", 4095 - deep, PhotometricInterpretation="MONOCHROME1")
    nibabel.save(nibabel.Nifti1Image(deep.T, np.eye(4)), folder / "volume.nii.gz")
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return folder, mask.T, [int(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]


FILES = ["grey.png", "deep.png", "mono2.dcm", "mono1.dcm", "volume.nii.gz"]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_every_kind_of_file_gives_the_same_outline_in_the_right_place(phantom):
    folder, truth, box = phantom
    results = {name: predict(folder / name, box=box)[0] for name in FILES}
    for result in results.values():
        assert result["mask"].shape == truth.shape == (640, 500)
        assert dice(result["mask"], truth) > 0.6
        assert all(result[name] == results["grey.png"][name] for name in ("decision", "lambda1", "lambda2"))
        assert np.array_equal(result["mask"], results["grey.png"]["mask"])
        assert result["score"] == pytest.approx(results["grey.png"]["score"])
    assert results["mono2.dcm"]["area_mm2"] == pytest.approx(results["mono2.dcm"]["area_px"] * 0.01)
    assert results["grey.png"]["area_mm2"] is None


def test_command_line_and_bundle_run_agree_with_the_call(phantom, tmp_path):
    folder, _, box = phantom
    (expected,) = predict(folder / "grey.png", box=box)
    arguments = ["predict", folder / "grey.png", "--box", ",".join(map(str, box)), "--out", tmp_path / "cli"]
    done = run_module("monai_rescunet.cli", arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert expected["decision"] in done.stdout
    (folder / "datalist.json").write_text(json.dumps({"training": [{"image": "grey.png", "box": box}], "testing": []}))
    run_bundle("inference.yaml", folder, tmp_path / "bundle", features=None)
    tables = [pd.read_csv(tmp_path / name / "results.csv") for name in ("cli", "bundle")]
    for table in tables:
        row = table.iloc[0]
        assert (row.decision, row.lambda1, row.area_px) == (
            expected["decision"],
            expected["lambda1"],
            expected["mask"].sum(),
        )
    labels = [np.asarray(Image.open(tmp_path / name / "grey_label.png")) for name in ("cli", "bundle")]
    assert np.array_equal(labels[0], labels[1])
    assert np.array_equal(labels[0].T > 0, expected["mask"])


def test_several_boxes_are_several_masses_of_one_label_map(phantom, tmp_path):
    folder, _, box = phantom
    rows = predict(folder / "grey.png", box=[box, [400, 300, 500, 400]], point=[[100, 100]], out=tmp_path)
    assert [row["mass"] for row in rows] == [0, 1, 2]
    assert len(list(tmp_path.glob("*_label.png"))) == 1
    assert [row["box"] for row in rows] == [" ".join(map(str, box)), "400 300 500 400", "100 100"]


def test_a_crop_is_looked_at_whole_where_it_is_said_to_be_one(phantom):
    folder, _, box = phantom
    assert predict(folder / "grey.png", crop=True)[0]["box"] == "whole image"
    with pytest.raises(InputError, match="and crop"):
        predict(folder / "grey.png", crop=True, box=box)


@pytest.mark.skipif(torch.cuda.is_available(), reason="where there is a GPU its weights are no foreign ones")
def test_weights_that_were_trained_on_a_gpu_answer_without_one(phantom, tmp_path):
    folder, _, box = phantom
    weights = bundle_root() / "models" / "model.pt"
    with ZipFile(weights) as here, ZipFile(tmp_path / "gpu.pt", "w") as there:
        for name in here.namelist():  # each tensor says by a pickled text where it lay
            content = here.read(name)
            there.writestr(
                name, content.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0") if name.endswith("data.pkl") else content
            )
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "gpu.pt", weights_only=True)

    (expected,), (found,) = (
        predict(folder / "grey.png", box=box, checkpoint=path) for path in (weights, tmp_path / "gpu.pt")
    )
    assert found["score"] == expected["score"]
    assert np.array_equal(found["mask"], expected["mask"])


def test_the_otsu_mode_can_be_chosen(phantom):
    folder, _, box = phantom
    row = predict(folder / "grey.png", box=box, otsu_mode="fixed", lambda1=60, lambda2=61)[0]
    assert (row["lambda1"], row["lambda2"], row["decision"]) == (60, 61, "malignant")


@pytest.mark.parametrize(
    ("name", "location", "message"),
    [
        ("none.png", {}, r"none\.png: there is no such file"),
        (".", {}, r"phantom\d+: is a folder; give the images in it"),
        (
            "grey.png",
            {"box": [700, 10, 800, 20]},
            r"grey\.png: the box .* outside the image of 640 columns and 500 rows",
        ),
        ("grey.png", {"point": [10, 600]}, r"grey\.png: the point"),
    ],
)
def test_unusable_input_is_named(phantom, tmp_path, name, location, message):
    folder, *_ = phantom
    with pytest.raises(InputError, match=message):
        predict(folder / name, out=tmp_path / "out", **location)
    assert not (tmp_path / "out" / "results.csv").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_one_unreadable_image_leaves_the_others_their_results(phantom, tmp_path, workers):
    folder, _, box = phantom
    (folder / "cut.png").write_bytes((folder / "grey.png").read_bytes()[:3000])
    names = ["cut.png", "grey.png", "mono2.dcm"]
    with pytest.raises(LeftOutError, match=r"1 of 3 masses were left out .*cut\.png") as raised:
        predict([folder / name for name in names], box=box, out=tmp_path, num_workers=workers)
    assert [Path(row["image"]).name for row in raised.value.results] == names[1:]
    assert all(row["mask"].shape == (640, 500) for row in raised.value.results)
    images = pd.read_csv(tmp_path / "results.csv").image
    assert [Path(image).name for image in images] == names[1:]


def test_an_image_that_the_network_answers_with_nan_leaves_the_others_their_results(phantom, monkeypatch):
    """Whatever the reason: here the network does so at its second call."""
    folder, _, box = phantom
    forward, seen = AutocastInferer.__call__, []

    def second_is_nan(self, *args, **kwargs):
        seen.append(forward(self, *args, **kwargs))
        return seen[-1] * (float("nan") if len(seen) == 2 else 1)

    monkeypatch.setattr(AutocastInferer, "__call__", second_is_nan)
    with pytest.raises(LeftOutError, match="1 of 3 masses were left out") as caught:
        predict([folder / name for name in FILES[:3]], box=box)
    assert "deep.png: cannot be analysed (ValueError: the map has NaN" in caught.value.left_out[0]
    assert [Path(row["image"]).name for row in caught.value.results] == ["grey.png", "mono2.dcm"]


def test_strict_stops_at_the_first_unreadable_image(phantom, tmp_path):
    folder, _, box = phantom
    (folder / "empty.png").touch()
    with pytest.raises(InputError, match=r"empty\.png: it is empty"):
        predict(
            [folder / f"{name}.png" for name in ("grey", "deep", "empty", "mono2")], box=box, out=tmp_path, strict=True
        )
    images = pd.read_csv(tmp_path / "results.csv").image
    assert [Path(image).name for image in images] == ["grey.png", "deep.png"], "what was finished before stays"


def test_nothing_readable_is_no_result(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"none of the 2 masses could be used; the first: .*a\.png"):
        predict([tmp_path / "a.png", tmp_path / "b.png"], out=tmp_path / "out")
    assert not (tmp_path / "out" / "results.csv").exists()


def test_no_image_is_an_error():
    with pytest.raises(InputError, match="no image"):
        predict([])


@pytest.mark.parametrize("name", ["$open('pwned','w')", "$1.png", "%b.png", "@abc", "a@::b.png"])
def test_a_files_name_is_a_name_whatever_it_looks_like(phantom, tmp_path, monkeypatch, name):
    """MONAI's configs take $ for Python, @ and % for references."""
    folder, _, box = phantom
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes((folder / "grey.png").read_bytes())
    (row,) = predict(name, box=box, out="$out")
    assert row["image"] == name
    assert {path.name for path in tmp_path.iterdir()} == {name, "$out"}
    assert (tmp_path / "$out" / "results.csv").is_file()


@pytest.mark.parametrize("name", ["$open('pwned','w')", "@abc", "%abc", "a@#b#c"])
def test_a_bundles_and_a_checkpoints_name_are_names(phantom, tmp_path, monkeypatch, name):
    folder, _, box = phantom
    monkeypatch.chdir(tmp_path)
    shutil.copytree(bundle_root(), name, ignore=shutil.ignore_patterns("runs"))
    shutil.copy(bundle_root() / "models" / "model.pt", f"{name}.pt")
    assert predict(folder / "grey.png", box=box, bundle=name)[0]["image"]
    assert predict(folder / "grey.png", box=box, checkpoint=f"{name}.pt")[0]["image"]
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.pt"}


def test_settings_are_values_and_no_code(phantom, tmp_path, monkeypatch):
    folder, _, box = phantom
    monkeypatch.chdir(tmp_path)
    code = "$open('pwned','w')"
    with pytest.raises(InputError, match=r"not \"\$open\('pwned','w'\)\""):
        predict(folder / "grey.png", box=box, dicom=[code])
    with pytest.raises(InputError, match="roi_mode is"):
        predict(folder / "grey.png", box=box, roi_mode=code)
    assert not list(tmp_path.iterdir())


def test_an_image_given_twice_is_judged_once(phantom, monkeypatch):
    folder, _, box = phantom
    monkeypatch.chdir(folder)
    rows = predict([folder / "grey.png", "deep.png", "grey.png", folder / "grey.png"], box=box)
    assert [Path(row["image"]).name for row in rows] == ["grey.png", "deep.png"]


def test_settings_that_there_are_not_and_weights_are_named(phantom):
    folder, _, box = phantom
    with pytest.raises(InputError, match=r"inference\.yaml: has no 'lesion_flor'; is it 'lesion_floor'"):
        predict(folder / "grey.png", box=box, lesion_flor=255)
    with pytest.raises(InputError, match=r"nosuch\.pt: there are no weights"):
        predict(folder / "grey.png", box=box, checkpoint="nosuch.pt")


@pytest.mark.parametrize("where", ["box", "point"])
def test_an_empty_list_of_places_is_not_taken_for_none(where, write_png):
    with pytest.raises(InputError, match=f"{where} is \\[\\], with nothing in it; leave it out"):
        predict(write_png(np.zeros((20, 20), np.uint8)), **{where: []})
