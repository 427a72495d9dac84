"""Train, evaluate and infer through `python -m monai.bundle run` on phantoms."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bundle_runs import command, environment, run_bundle
from PIL import Image

SEGMENTATION = ["accuracy", "sensitivity", "specificity", "dice", "jaccard", "mcc", "auc"]
CLASSIFICATION = ["accuracy", "recall", "specificity", "precision", "f1", "auc"]


@pytest.fixture(scope="module")
def trained(phantoms: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    run_bundle("train.yaml", phantoms, out, max_epochs=3, batch_size=2, val_interval=1, roi_size=64)
    return out


def test_training_leaves_weights_checkpoints_and_curves(trained):
    assert {path.name for path in trained.glob("*.pt")} == {
        "checkpoint_epoch=2.pt",
        "checkpoint_epoch=3.pt",
        "model.pt",
    }
    assert list((trained / "tensorboard").iterdir())
    torch.load(trained / "model.pt", weights_only=True)


def test_a_training_begins_with_the_weights_it_is_given(trained, phantoms, tmp_path):
    weights = trained / "model.pt"
    settings = {"max_epochs": 1, "batch_size": 2, "roi_size": 64, "learning_rate": 0.0}
    run_bundle(["train.yaml", "scanners.yaml"], phantoms, tmp_path / "on", pretrained=weights, **settings)
    before, after = (torch.load(path, weights_only=True) for path in (weights, tmp_path / "on" / "model.pt"))
    learnt = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(before[name], after[name]) for name in learnt)
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:1000])
    done = run_bundle("train.yaml", phantoms, tmp_path / "cut", check=False, pretrained=tmp_path / "cut.pt", **settings)
    assert done.returncode != 0
    assert "cut.pt: cannot be read as weights" in done.stderr
    assert not list((tmp_path / "cut").glob("*.pt"))


def test_evaluation_writes_a_row_a_mass_and_the_totals(trained, phantoms, tmp_path):
    run_bundle(
        ["train.yaml", "evaluate.yaml"], phantoms, tmp_path, checkpoint=trained / "model.pt", fold="all", roi_size=64
    )
    table = pd.read_csv(tmp_path / "per_image.csv")
    assert list(table.columns) == [
        "image",
        "mass",
        "case",
        "fold",
        "class",
        "decision",
        "score",
        "dice",
        "jaccard",
        "accuracy",
        "sensitivity",
        "specificity",
        "mcc",
        "lambda1",
        "lambda2",
    ]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert list(metrics["segmentation"]) == SEGMENTATION
    assert list(metrics["classification"]) == CLASSIFICATION
    assert metrics["counts"]["benign"] == metrics["counts"]["malignant"] == 4
    assert metrics["segmentation"]["dice"] == pytest.approx(table.dice.mean())
    assert not any(Path(name).is_absolute() for name in table.image)


def test_evaluation_judges_the_fold_named(trained, phantoms, tmp_path):
    run_bundle(
        ["train.yaml", "evaluate.yaml"], phantoms, tmp_path, checkpoint=trained / "model.pt", fold=1, roi_size=64
    )
    assert set(pd.read_csv(tmp_path / "per_image.csv").fold) == {1}


def test_binary_supervision_has_outlines_and_no_class(phantoms, tmp_path):
    settings = {"supervision": "binary", "roi_size": 64, "fold": 0}
    run_bundle("train.yaml", phantoms, tmp_path / "train", max_epochs=1, batch_size=2, **settings)
    out = tmp_path / "evaluate"
    run_bundle(["train.yaml", "evaluate.yaml"], phantoms, out, checkpoint=tmp_path / "train" / "model.pt", **settings)
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["classification"].values()) == {None}
    assert set(pd.read_csv(out / "per_image.csv", keep_default_na=False).decision) <= {"", "no lesion"}


def test_paper_protocol_trains(phantoms, tmp_path):
    run_bundle(
        ["train.yaml", "paper.yaml"], phantoms, tmp_path, max_epochs=1, batch_size=4, roi_size=64, fold="none",
        network="monai_rescunet.networks.USegNet",
    )  # fmt: skip
    assert (tmp_path / "model.pt").is_file()


def test_a_fold_that_is_not_there_is_named(phantoms, tmp_path):
    failed = run_bundle("train.yaml", phantoms, tmp_path, fold=7, check=False)
    assert failed.returncode != 0
    assert "fold is 7; the datalist has [0, 1]" in failed.stderr


def test_a_training_that_fails_says_so_and_leaves_no_weights(phantoms, tmp_path):
    """The last image turns out to be damaged when the first epoch comes to it."""
    data = tmp_path / "data"
    shutil.copytree(phantoms, data)
    (data / "images" / "phantom_007.png").write_bytes(b"damaged")
    failed = run_bundle(
        "train.yaml", data, tmp_path / "out", max_epochs=1, roi_size=64, fold="none", cache_rate=0, check=False
    )
    assert failed.returncode != 0
    assert "phantom_007.png: it is none of the known formats" in failed.stderr
    assert not (tmp_path / "out" / "model.pt").exists()


def test_workers_and_compilation_change_how_fast_training_is_and_nothing_else(phantoms, tmp_path):
    settings = {"max_epochs": 2, "batch_size": 4, "roi_size": 64, "fold": "none", "amp": "false"}
    weights = {}
    for name, options in {"plain": {}, "workers": {"num_workers": 2}, "compiled": {"compile": "aot_eager"}}.items():
        run_bundle("train.yaml", phantoms, tmp_path / name, **settings, **options)
        weights[name] = torch.load(tmp_path / name / "model.pt", weights_only=True)
    for name, expected in weights["plain"].items():
        assert torch.equal(weights["workers"][name], expected)
        torch.testing.assert_close(weights["compiled"][name], expected, rtol=1e-3, atol=1e-5)


def test_killed_training_resumes_to_the_same_weights(phantoms, tmp_path):
    """SIGKILL in the middle of an epoch, then the same command with resume: as if nothing had happened."""
    settings = {"max_epochs": 6, "batch_size": 1, "roi_size": 64, "fold": "none", "amp": "false", "num_workers": 1}
    run_bundle("train.yaml", phantoms, tmp_path / "undisturbed", **settings)
    out = tmp_path / "killed"
    process = subprocess.Popen(
        command("train.yaml", phantoms, out, **settings), env=environment(), stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (out / "checkpoint_epoch=2.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "model.pt").exists()

    refused = run_bundle("train.yaml", phantoms, out, check=False, **settings)
    assert refused.returncode != 0
    assert "holds the checkpoints of an earlier training" in refused.stderr

    resumed = run_bundle("train.yaml", phantoms, out, resume="true", **settings)
    assert "resuming from" in resumed.stderr
    assert "checkpoint_epoch=" in resumed.stderr
    expected = torch.load(tmp_path / "undisturbed" / "model.pt", weights_only=True)
    found = torch.load(out / "model.pt", weights_only=True)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_another_training_is_not_resumed(trained, phantoms, tmp_path):
    """Nor does it leave a held-out fold among the masses that were trained on."""
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    settings = {"max_epochs": 3, "batch_size": 2, "val_interval": 1, "roi_size": 64, "resume": "true"}
    refused = run_bundle("train.yaml", phantoms, out, fold=1, supervision="binary", check=False, **settings)
    assert refused.returncode != 0
    assert "fold was 0 and is 1, training_entries was '4 masses, SHA-256 " in refused.stderr
    assert "supervision was 'mixed' and is 'binary'; go on with the values of then" in refused.stderr
    moved = tmp_path / "moved"
    shutil.copytree(phantoms, moved)
    assert "resuming from" in run_bundle("train.yaml", moved, out, **settings).stderr


def test_inference_writes_label_maps_overlays_and_results(trained, phantoms, tmp_path):
    run_bundle("inference.yaml", phantoms, tmp_path, checkpoint=trained / "model.pt", roi_size=64)
    table = pd.read_csv(tmp_path / "results.csv", keep_default_na=False)
    assert list(table.columns) == [
        "image", "mass", "box", "found", "decision", "score", "probability", "unlike_training", "remarks",
        "lambda1", "lambda2", "area_px", "area_mm2", "spacing_source", "dice", "label_map", "asked",
    ]  # fmt: skip
    assert len(table) == 8
    for row in table.itertuples():
        stem = Path(row.image).stem
        label = Image.open(tmp_path / f"{stem}_label.png")
        assert label.mode == "P"
        assert label.size == Image.open(phantoms / row.image).size
        assert int((np.asarray(label) > 0).sum()) == row.area_px
        assert (tmp_path / f"{stem}_overlay.png").is_file()
        assert (row.area_mm2, row.spacing_source, row.probability) == ("", "unknown", "")
