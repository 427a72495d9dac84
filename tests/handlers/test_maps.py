"""Thresholds of mode `fixed`: fitted on the training fold through the bundle, and read again when asked for."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from bundle_runs import run_bundle

from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.thresholds import load_thresholds, save_thresholds
from monai_rescunet.transforms import ModifiedOtsu, calibrate_thresholds

EVALUATE = ["train.yaml", "evaluate.yaml"]


@pytest.fixture(scope="module")
def trained(phantoms, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    run_bundle("train.yaml", phantoms, out, max_epochs=3, batch_size=2, val_interval=9, roi_size=64)
    return out


@pytest.fixture(scope="module")
def checkpoint(trained, phantoms):
    path = trained / "model.pt"
    run_bundle([*EVALUATE, "thresholds.yaml"], phantoms, trained, checkpoint=path, fold=0, roi_size=64)
    return path


def maps_of(fold, phantoms, out, checkpoint):
    run_bundle(EVALUATE, phantoms, out, checkpoint=checkpoint, fold=fold, roi_size=64, save_maps=True, lesion_floor=0)
    return np.load(out / "maps.npz")


def test_thresholds_are_those_of_the_training_folds_maps(checkpoint, phantoms, tmp_path):
    """Two folds: what fold 0's network was trained on is what fold 1 holds out."""
    levels = maps_of(1, phantoms, tmp_path, checkpoint)["map"]
    expected = calibrate_thresholds(torch.from_numpy(levels)[:, None] / 255)
    stored = json.loads(checkpoint.with_name("model_thresholds.json").read_text())
    assert (stored["lambda1"], stored["lambda2"], stored["masses"]) == (*expected, 4)


def test_evaluation_in_mode_fixed_uses_them(checkpoint, phantoms, tmp_path):
    run_bundle(
        EVALUATE, phantoms, tmp_path, checkpoint=checkpoint, fold=0, roi_size=64, otsu_mode="fixed", lesion_floor=0
    )
    table = pd.read_csv(tmp_path / "per_image.csv")
    assert set(table.lambda1) == {load_thresholds(checkpoint)[0]}


def test_inference_in_mode_fixed_uses_them(checkpoint, phantoms, tmp_path):
    run_bundle(
        "inference.yaml", phantoms, tmp_path, checkpoint=checkpoint, roi_size=64, otsu_mode="fixed", lesion_floor=0
    )
    assert set(pd.read_csv(tmp_path / "results.csv").lambda1) == {load_thresholds(checkpoint)[0]}


def test_maps_give_the_figures_of_the_table_again(checkpoint, phantoms, tmp_path):
    maps = maps_of(0, phantoms, tmp_path, checkpoint)
    table = pd.read_csv(tmp_path / "per_image.csv")
    assert maps["image"].shape == maps["truth"].shape == maps["map"].shape == (len(table), 64, 64)
    result = ModifiedOtsu(levels=(117, 235), lesion_floor=0)(torch.from_numpy(maps["map"])[:, None] / 255)
    assert result.lambda1.tolist() == table.lambda1.tolist()
    assert result.score.tolist() == pytest.approx(table.score.tolist())


def test_thresholds_of_other_weights_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    with pytest.raises(InputError, match="there is no such file, and otsu_mode is 'fixed'"):
        load_thresholds(path)
    save_thresholds(90, 180, 12, path)
    assert load_thresholds(path) == (90, 180)
    assert load_thresholds(path, "anchored") == (None, None)
    path.write_bytes(b"other weights")
    with pytest.raises(InputError, match="belongs to other weights"):
        load_thresholds(path)


def test_a_file_that_holds_no_thresholds_is_named(tmp_path):
    (tmp_path / "model_thresholds.json").write_text("[]")
    with pytest.raises(InputError, match=r"model_thresholds\.json: holds no thresholds"):
        load_thresholds(tmp_path / "model.pt")
