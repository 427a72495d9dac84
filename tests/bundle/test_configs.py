"""The bundle's configs: MONAI's rules, and what must agree between them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_runs import BUNDLE, TINY, run_bundle
from monai.bundle import ConfigParser, load_bundle_config

from monai_rescunet.networks import ResCUNet

CONFIGS = BUNDLE / "configs"

USERS_NAMES = (
    "dataset_dir", "datalist", "output_dir", "network", "features", "max_epochs", "batch_size", "learning_rate", "seed",
    "resume", "supervision", "fold", "otsu_mode", "levels", "kappa", "lesion_floor", "malignant_share", "roi_mode",
    "roi_context", "window_size",
)  # fmt: skip


def config(*names: str) -> dict[str, Any]:
    return ConfigParser.load_config_files([str(CONFIGS / name) for name in names])


def test_everything_a_user_changes_is_a_top_level_name():
    assert set(USERS_NAMES) <= set(config("train.yaml"))


def test_checkpoints_tell_values_by_the_names_that_a_user_changes(phantoms):
    parser = ConfigParser(config("train.yaml"))
    parser.update({"dataset_dir": str(phantoms), "features": TINY})
    told = parser.get_parsed_content("trained_with")["recipe"]
    assert told["features"] == TINY
    assert told["max_epochs"] == config("train.yaml")["max_epochs"]
    assert told["optimizer#_target_"] == "torch.optim.AdamW"
    assert {"network", "supervision", "roi_size", "batch_size", "seed", "averaging", "image_weight"} <= set(told)
    assert told["train#random_transforms#0#prob"] == 1.0
    speed_and_place = {"num_workers", "amp", "device", "compile", "output_dir", "dataset_dir", "datalist", "resume"}
    assert not {name.split("#")[0] for name in told} & (speed_and_place | {"validate", "otsu_mode", "val_interval"})


@pytest.mark.parametrize(
    "name",
    [
        "network", "features", "network_def", "roi_mode", "roi_context", "window_size", "roi_size", "tone_median",
        "tone_contrast", "supervision", "levels", "otsu_mode", "otsu_levels", "kappa", "lesion_floor",
        "malignant_share", "lambda1", "lambda2",
    ],
)  # fmt: skip
def test_training_evaluation_and_inference_agree(name):
    train, evaluate, inference = config("train.yaml"), config("train.yaml", "evaluate.yaml"), config("inference.yaml")
    assert train[name] == evaluate[name] == inference[name]


def test_a_calibration_is_fitted_and_read_for_the_same_settings():
    """Or the probability would silently be told no more."""
    assert config("train.yaml", "evaluate.yaml")["scored"] == config("inference.yaml")["scored"]


def test_runs_into_one_folder_agree_in_all_that_a_user_changes_and_results_depend_on():
    """Or `resume` would put rows beside those of other settings."""
    lines = (
        (CONFIGS / "inference.yaml").read_text().split("# ---- what a user changes")[1].split("# ----")[0].splitlines()
    )
    names = {line.split(":")[0] for line in lines if line[:1].isalpha()}
    of_the_run = {
        "bundle_root", "dataset_dir", "datalist", "section", "output_dir", "checkpoint", "fold", "thresholds", "strict",
        "resume", "share", "num_workers", "device", "finder_checkpoint", "finder_features",
    }  # fmt: skip
    of_files = {"weights", "calibration", "unlikeness", "finder"}
    assert names - of_the_run == set(config("inference.yaml")["settings"]) - of_files


def transform(transforms: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    return next(t for t in transforms if t["_target_"].endswith(names))


@pytest.mark.parametrize("names", [("ScaleBreastIntensityd",), ("CropMassROId", "LoadMassROId")], ids="/".join)
def test_the_network_sees_images_made_in_the_same_way(names):
    train, inference = config("train.yaml"), config("inference.yaml")
    chains = [
        train["train"]["deterministic_transforms"] + train["train"]["random_transforms"],
        train["validate"]["preprocessing"]["transforms"],
        inference["preprocessing"]["transforms"][-1]["transforms"],  # of each mass
    ]
    ignored = {"_target_", "keys", "mode", "extent", "box_jitter", "jitter_seed", "allow_missing_keys"}
    versions = [{k: v for k, v in transform(chain, names).items() if k not in ignored} for chain in chains]
    assert versions[0] == versions[1] == versions[2]


def test_the_paper_protocol_is_the_papers(phantoms, tmp_path):
    parser = ConfigParser(config("train.yaml", "paper.yaml"))
    parser.update({"dataset_dir": str(phantoms), "datalist": str(phantoms / "datalist.json"), "features": TINY})
    assert config("train.yaml", "paper.yaml")["features"] == [64, 128, 256, 512, 512]
    assert [parser[name] for name in ("max_epochs", "batch_size", "learning_rate")] == [300, 8, 0.01]
    schedule, optimizer = parser.get_parsed_content("lr_scheduler"), parser.get_parsed_content("optimizer")
    assert optimizer.defaults["nesterov"]
    assert optimizer.defaults["momentum"] == 0.9
    assert optimizer.defaults["weight_decay"] == 0
    for iteration in range(1, 1001):
        optimizer.step()
        schedule.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / (1 + 1e-6 * iteration), rel=1e-9)


def test_the_knobs_of_training_are_those_of_the_papers_protocol_too(phantoms):
    parser = ConfigParser(config("train.yaml", "paper.yaml"))
    given = {"dataset_dir": str(phantoms), "datalist": str(phantoms / "datalist.json"), "features": TINY}
    parser.update({**given, "image_weight": 1.0, "weight_decay": 0.3})
    head, (group,) = parser.get_parsed_content("head"), parser.get_parsed_content("optimizer").param_groups
    assert list(head.parameters())
    assert {id(each) for each in head.parameters()} <= {id(each) for each in group["params"]}
    assert group["weight_decay"] == 0.3


def test_weights_that_do_not_fit_are_refused(phantoms, tmp_path):
    torch.save(ResCUNet(features=(4, 4, 4, 4, 4)).state_dict(), tmp_path / "other.pt")
    failed = run_bundle(
        "inference.yaml", phantoms, tmp_path / "out", checkpoint=str(tmp_path / "other.pt"), features=None, check=False
    )
    assert failed.returncode != 0
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith(
        f"monai.bundle: {tmp_path / 'other.pt'}: are not the weights of this ResCUNet (size mismatch"
    )
    assert not (tmp_path / "out" / "results.csv").exists()


@pytest.mark.parametrize("missing", ["encoder.0.0.conv.weight"])
def test_weights_that_lack_a_layer_are_refused(phantoms, tmp_path, missing):
    state = ResCUNet(features=TINY).state_dict()
    state.pop(missing)
    torch.save(state, tmp_path / "other.pt")
    failed = run_bundle(
        "inference.yaml", phantoms, tmp_path / "out", checkpoint=str(tmp_path / "other.pt"), check=False
    )
    assert failed.returncode != 0
    assert missing in failed.stderr


def test_load_bundle_config_reads_the_bundle():
    assert load_bundle_config(str(BUNDLE), "inference.yaml")["dataset_dir"] == "data"
    assert Path(os.fspath(BUNDLE)).name == "bundle"


def test_weights_that_are_not_there_or_cut_off_end_an_evaluation_with_one_line(phantoms, tmp_path):
    cut = tmp_path / "cut.pt"
    cut.write_bytes((BUNDLE / "models" / "model.pt").read_bytes()[:5000])
    for checkpoint, message in ((tmp_path / "none.pt", "there are no weights"), (cut, "cannot be read as weights")):
        failed = run_bundle(
            ["train.yaml", "evaluate.yaml"], phantoms, tmp_path / "out", checkpoint=str(checkpoint), check=False
        )
        assert failed.returncode != 0
        assert failed.stderr.strip().splitlines()[-1].startswith(f"monai.bundle: {checkpoint}: {message}")
