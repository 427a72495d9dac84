from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from forked import run_module
from PIL import Image
from typer.testing import CliRunner

from monai_rescunet import __version__
from monai_rescunet.cli import app
from monai_rescunet.core.errors import InputError
from monai_rescunet.data import make_phantom
from monai_rescunet.handlers import SaveMassResults


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_version():
    assert run("--version").output.strip() == __version__


def test_phantom_then_prepare_gives_a_datalist(tmp_path):
    assert run("phantom", str(tmp_path / "p"), "--count", "12", "--size", "100", "90").exit_code == 0
    result = run("prepare", "folder", str(tmp_path / "p"), "--out", str(tmp_path / "d.json"))
    assert result.exit_code == 0
    assert "12 masses in 12 images of 6 cases: 6 benign, 6 malignant" in result.output
    assert "fold 2: " in result.output
    assert len(json.loads((tmp_path / "d.json").read_text())["training"]) == 12


def test_what_is_left_out_is_told(tmp_path, write_png):
    write_png(np.zeros((9, 9), np.uint8), "a.png")
    (tmp_path / "labels.csv").write_text("image,mask,label\na.png,,benign\nb.png,,benign\n")
    result = run("prepare", "folder", str(tmp_path), "--out", str(tmp_path / "d.json"))
    assert result.exit_code == 3
    assert "labels.csv row 3: there is no file 'b.png'" in result.output
    assert "left out: 1" in result.output


def test_results_are_shown_as_a_table(tmp_path):
    table = pd.DataFrame(
        {"image": ["x/a.png"], "decision": ["malignant"], "score": [0.8123], "area_px": [120], "area_mm2": [None]}
    )
    table.to_csv(tmp_path / "results.csv", index=False)
    output = run("show", str(tmp_path / "results.csv")).output
    assert "malignant" in output
    assert "0.81" in output
    assert "area_mm2" not in output


def test_images_of_one_name_are_shown_with_their_folders(tmp_path):
    table = pd.DataFrame({"image": ["a/x.png", "b/x.png", "b/x.png"], "decision": ["benign"] * 3})
    table.to_csv(tmp_path / "results.csv", index=False)
    output = run("show", str(tmp_path / "results.csv")).output
    assert (output.count("a/x.png"), output.count("b/x.png")) == (1, 2)


def test_an_image_without_a_finding_is_no_mass_and_no_all_clear(tmp_path):
    columns = {"box": ["1.4 2 3 4", "1 2 3 4", ""], "found": [0.8, None, 0.1]}
    decisions = ["benign", "malignant", "no finding"]
    table = pd.DataFrame({"image": ["a.png", "b.png", "c.png"], **columns, "decision": decisions})
    table.to_csv(tmp_path / "results.csv", index=False)
    shown = " ".join(run("show", str(tmp_path / "results.csv")).output.split())
    assert "2 masses, 1 of them where the finder looked" in shown
    assert "in 1 of 3 images nothing was found, which is no all-clear" in shown


@pytest.mark.parametrize("decision", ["", "benign"])
def test_results_without_decisions_and_of_any_names_are_shown(tmp_path, decision):
    """Binary supervision decides nothing; a name may be a number or look like the table's own markup."""
    rows = "".join(f"{name},0,1 2 3 4,{decision},0.5\n" for name in ("0012", "a[/b].png"))
    (tmp_path / "results.csv").write_text("image,mass,box,decision,score\n" + rows)
    result = run("show", str(tmp_path / "results.csv"))
    assert result.exit_code == 0, result.exception
    assert "0012" in result.output
    assert "b].png" in result.output


def test_rows_to_be_read_with_care_are_marked(tmp_path):
    remarks = ["implant; unlike the training masses", None, "implant"]
    table = pd.DataFrame({"image": list("abc"), "decision": ["malignant", "benign", "no finding"], "remarks": remarks})
    table.to_csv(tmp_path / "results.csv", index=False)
    shown = run("show", str(tmp_path / "results.csv")).output
    assert ("malignant *" in shown, "benign *" in shown, "no finding *" in shown) == (True, False, True)
    told = "* to be read with care, see the column remarks: implant (2), unlike the training masses (1)."
    assert told in " ".join(shown.split())


def test_an_image_called_na_is_shown_by_its_name(tmp_path):
    (tmp_path / "results.csv").write_text("image,mass,decision,score\nNA,0,benign,0.5\n")
    result = CliRunner().invoke(app, ["show", str(tmp_path / "results.csv")])
    assert "NA" in result.output


def test_results_without_rows_are_shown(tmp_path):
    (tmp_path / "results.csv").write_text("image,mass,box,decision,score\n")
    assert "0 masses" in run("show", str(tmp_path / "results.csv")).output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no table"),
        (b"\xff\xfe\x80", "has the columns"),
        (b"site,auc\n1,0.9\n", "has the columns site, auc"),
        (b"image,decision,score\na.png,benign,high\n", "is no table"),
    ],
)
def test_what_is_no_table_of_results_is_named(tmp_path, content, message):
    (tmp_path / "other.csv").write_bytes(content)
    error = run("show", str(tmp_path / "other.csv")).exception
    assert isinstance(error, InputError)
    assert f"other.csv: {message}" in str(error)


def test_the_command_keeps_no_outlines_in_memory(tmp_path, write_png, monkeypatch):
    """Those of a full mammogram take ten megabytes a mass."""
    handlers = []
    complete = SaveMassResults._complete
    monkeypatch.setattr(
        SaveMassResults, "_complete", lambda handler, engine: (handlers.append(handler), complete(handler, engine))
    )
    image = write_png(np.random.default_rng(0).integers(0, 255, (60, 50)).astype(np.uint8))
    result = run("predict", str(image), "--crop", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.exception
    assert (handlers[0].written, handlers[0].found) == (1, [])


def test_a_crop_that_is_said_to_be_one_is_looked_at_whole(tmp_path):
    grey, mask = make_phantom(np.random.default_rng(11), "malignant", (500, 400))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    crop = grey[rows[0] - 3 : rows[-1] + 4, columns[0] - 3 : columns[-1] + 4]
    Image.fromarray(crop).save(tmp_path / "crop.png")
    assert run("predict", str(tmp_path / "crop.png"), "--crop", "--out", str(tmp_path / "out")).exit_code == 0
    (row,) = pd.read_csv(tmp_path / "out" / "results.csv").to_dict("records")
    assert row["decision"] in ("benign", "malignant")
    assert np.isnan(row["found"])
    label = np.asarray(Image.open(tmp_path / "out" / "crop_label.png"))
    assert (label > 0).mean() > 0.4
    refused = run("predict", str(tmp_path / "crop.png"), "--crop", "--box", "1,1,9,9", "--out", str(tmp_path / "two"))
    assert refused.exit_code == 1
    assert "give one" in str(refused.exception)


@pytest.mark.parametrize("arguments", [["predict", "a.png", "--otsu-mode", "foo"], ["phantom", "p", "--seed", "-1"]])
def test_values_that_there_are_not_are_a_fault_of_usage(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Invalid value" in result.output


@pytest.mark.parametrize("folder", ["afile/app", "/proc/app"])
def test_an_app_s_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    error = run("label-app", folder).exception
    assert isinstance(error, InputError)
    assert f"{folder}: cannot be made" in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "none.png"], "none.png: there is no such file"),
        (["predict", "none.png", "--box", "1,2,3"], "--box is '1,2,3'; expected 4 numbers"),
        (["predict", "none.png", "--point", "a,b"], "--point is 'a,b'; expected 2 numbers"),
        (["prepare", "folder", "nowhere", "--out", "d.json"], "there is no such folder"),
        (["show", "none.csv"], "none.csv: there is no such file"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_1(tmp_path, arguments, message):
    done = run_module("monai_rescunet.cli", arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_is_written_whole_and_never_over_something(tmp_path):
    out = tmp_path / "bundle"
    assert run("bundle", str(out)).exit_code == 0
    assert {"LICENSE", "configs", "docs", "models"} <= {path.name for path in out.iterdir()}
    assert (out / "models" / "model.pt").is_file()
    again = run("bundle", str(out))
    assert again.exit_code != 0
    assert "is there already" in str(again.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_bundle_is_written_into_the_empty_folder_one_stands_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("bundle", ".").exit_code == 0
    assert (tmp_path / "configs" / "inference.yaml").is_file()


def test_the_bundle_is_not_copied_into_itself():
    from monai_rescunet.core.bundle_root import bundle_root

    for out in (bundle_root(), bundle_root() / "mine", bundle_root() / "configs" / "mine"):
        refused = run("bundle", str(out))
        assert isinstance(refused.exception, InputError)
    assert f"{bundle_root()}: choose a folder elsewhere" in str(refused.exception)
    assert not (bundle_root() / "mine").exists()
