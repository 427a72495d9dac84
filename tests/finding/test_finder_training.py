"""The finder is trained and judged by the bundle's configs, and an interrupted training goes on to the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from finding.pictures import MASS, SIZE, mammogram
from ignite.engine import Engine
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.core.files import digest
from monai_rescunet.data import mammograms, prepare_folder, read_datalist, write_datalist
from monai_rescunet.handlers import SeedEpochs

SEED = SeedEpochs.__call__
CONFIGS = bundle_root() / "configs"
TINY = {
    "finder_features": [4, 4, 4], "frame_size": [32, 64], "batch_size": 2, "val_interval": 2, "max_epochs": 2,
    "device": "cpu", "averaging": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of six mammograms, one of them without a mass, and its datalist of two folds."""
    folder = tmp_path_factory.mktemp("mammograms")
    rows = []
    for number in range(6):
        image = mammogram(mass=number < 5).flip((1,) if number % 2 else ())
        image[0, -1, number] = 1  # no picture is another's copy
        Image.fromarray(image[0].numpy().T.astype(np.uint8)).save(folder / f"{number}.png")
        left = SIZE[0] - MASS[2] if number % 2 else MASS[0]
        box = [left, MASS[1], left + MASS[2] - MASS[0], MASS[3]]
        rows.append([f"{number}.png", *box, "benign" if number % 2 else "malignant", f"patient {number}"])
    table = pd.DataFrame(rows, columns=["image", "x_min", "y_min", "x_max", "y_max", "label", "case"])
    table.to_csv(folder / "boxes.csv", index=False)
    *masses, last = prepare_folder([folder], n_splits=2).entries
    without = {"image": "5.png", "finding": "none", "case": last["case"], "fold": last["fold"]}
    write_datalist(folder / "datalist.json", [*masses, without])
    return folder


def run(folder: Path, out: Path, *overlays: str, **settings: Any) -> Any:
    """Run train_finder.yaml with overlays as `python -m monai.bundle run` does, and return its parser."""
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / name) for name in ("train_finder.yaml", *overlays)])
    parser.update(
        {**TINY, "bundle_root": str(CONFIGS.parent), "dataset_dir": str(folder), "output_dir": str(out), **settings}
    )
    for section in ("initialize", "run"):
        parser.get_parsed_content(section)
    return parser


def test_folder_with_boxes_becomes_mammograms(folder):
    images = mammograms(read_datalist(folder / "datalist.json", folder))

    assert [len(image["boxes"]) for image in images] == [1, 1, 1, 1, 1, 0]
    assert images[0]["boxes"] == [list(MASS)]
    assert images[0]["classes"] == ["malignant"]
    assert all(image["ignored"] == [] for image in images)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([{"image": "a.png"}], "no box"),
        ([{"image": "a.png", "box": [0, 0, 9, 9], "finding": "perhaps"}], "perhaps"),
        ([{"image": "a.png", "box": [0, 0, 9, 9]}, {"image": "a.png", "finding": "none"}], "has a mass"),
    ],
)
def test_entries_that_do_not_say_where_a_mass_is_are_refused(entries, told):
    with pytest.raises(InputError, match=told):
        mammograms(entries)


def interrupt(monkeypatch, epoch: int) -> None:
    """Let trainings end at the start of an epoch, as a machine that is switched off does."""

    def seed(self: SeedEpochs, engine: Engine) -> None:
        if engine.state.epoch == epoch:
            raise KeyboardInterrupt
        SEED(self, engine)

    monkeypatch.setattr(SeedEpochs, "__call__", seed)


def refusal(folder: Path, out: Path, *overlays: str, **settings: Any) -> str:
    """Return the one line that a run ends with."""
    with pytest.raises((InputError, RuntimeError)) as caught:
        run(folder, out, *overlays, **settings)
    fault = input_error_behind(caught.value)
    assert fault is not None
    return str(fault)


def test_interrupted_training_goes_on_to_the_same_weights(folder, tmp_path, monkeypatch):
    run(folder, tmp_path / "whole", fold=0)
    with monkeypatch.context() as patch:
        interrupt(patch, epoch=2)
        with pytest.raises((KeyboardInterrupt, RuntimeError)):
            run(folder, tmp_path / "parts", fold=0)
    assert "holds the checkpoints of an earlier training" in refusal(folder, tmp_path / "parts", fold=0)
    run(folder, tmp_path / "parts", fold=0, resume=True)

    whole, parts = (torch.load(tmp_path / name / "model.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_training_is_resumed_with_the_recipe_of_then_alone(folder, tmp_path):
    run(folder, tmp_path, fold=0, max_epochs=1)
    for name, value, before in (
        ("max_epochs", 2, "1"),
        ("optimizer#betas", [0.8, 0.9], "not set"),
        ("train#random_transforms#0#prob", 0.5, "1.0"),
        ("frame_size", [64, 64], "[32, 64]"),
        ("pretrained", str(tmp_path / "model.pt"), "None"),
    ):
        told = refusal(folder, tmp_path, **{"fold": 0, "resume": True, "max_epochs": 1, name: value})
        known = digest(value) if name == "pretrained" else value
        assert f"{name} was {before} and is {known!r}" in told
    elsewhere = {"cache_rate": 0.5, "val_interval": 9, "find_threshold": 0.1}
    run(folder, tmp_path, fold=0, max_epochs=1, resume=True, **elsewhere)


@pytest.mark.parametrize("overlays", [(), ("evaluate_finder.yaml",)])
def test_without_data_it_can_be_looked_at_and_says_so_when_it_is_run(folder, tmp_path, overlays):
    made = ConfigWorkflow(
        config_file=[str(CONFIGS / name) for name in ("train_finder.yaml", *overlays)],
        logging_file=False,
        workflow_type="train",
        dataset_dir=str(tmp_path),
        **TINY,
    )
    made.initialize()
    assert made.check_properties() == []
    assert made.train_dataset_data == []
    assert "datalist.json: cannot be read (No such file" in refusal(tmp_path, tmp_path / "out", *overlays)
    purpose = "judge" if overlays else "train on"
    fold = "none" if overlays else "all"
    told = refusal(folder, tmp_path / "out", *overlays, fold=fold)
    assert f"no mass to {purpose} in section 'training' with fold {fold!r}" in told


def test_max_epochs_and_data_set_as_monais_properties_are_trained_with(folder, tmp_path):
    images = mammograms(read_datalist(folder / "datalist.json", folder))
    for number, (epochs, chosen) in enumerate([(1, images[:2]), (3, images[:2]), (1, images[1:3])]):
        made = ConfigWorkflow(
            config_file=str(CONFIGS / "train_finder.yaml"),
            logging_file=False,
            workflow_type="train",
            dataset_dir=str(folder),
            datalist="nowhere.json",
            output_dir=str(tmp_path / str(number)),
            **TINY,
        )
        made.max_epochs, made.train_dataset_data, made.val_dataset_data = epochs, chosen, images[2:]
        made.initialize()
        made.run()
        assert made.trainer.state.epoch_length == 1
        assert made.parser.get_parsed_content("lr_scheduler").total_steps == max(6, epochs)
        assert made.parser.get_parsed_content("lr_scheduler").last_epoch == epochs
    entries = [
        torch.load(next((tmp_path / name).glob("checkpoint*")), weights_only=True)["trained_with"]["training_entries"]
        for name in "02"
    ]
    assert entries[0] != entries[1]


def test_evaluation_writes_every_mammogram_of_the_fold(folder, tmp_path):
    run(folder, tmp_path / "train", fold=0)
    run(folder, tmp_path / "judged", "evaluate_finder.yaml", fold=0, checkpoint=str(tmp_path / "train" / "model.pt"))

    judged = pd.read_csv(tmp_path / "judged" / "findings.csv")
    held_out = {Path(e["image"]).name for e in read_datalist(folder / "datalist.json", folder) if e["fold"] == 0}
    assert set(judged["image"]) == held_out
    assert set(judged["fold"]) == {0}
    assert judged["confidence"].between(0, 1).all()


def test_training_begins_with_weights_that_are_given(folder, tmp_path):
    run(folder, tmp_path / "first", fold=0)
    parser = run(
        folder, tmp_path / "second", fold="none", learning_rate=0.0, weight_decay=0.0, max_epochs=1,
        pretrained=str(tmp_path / "first" / "model.pt"),
    )  # fmt: skip

    first = torch.load(tmp_path / "first" / "model.pt", weights_only=True)
    model = parser.get_parsed_content("model").state_dict()
    assert all(torch.equal(first[key], model[key]) for key in first if key.endswith("weight"))


def test_training_and_inference_make_the_same_network_and_the_same_frame():
    train, inference = (
        ConfigParser.load_config_file(str(CONFIGS / name)) for name in ("train_finder.yaml", "inference.yaml")
    )

    assert train["finder_features"] == inference["finder_features"]
    assert train["frame_size"] == inference["frame_size"]
    assert train["test_time_flips"] == inference["finder"]["inferer"]["flips"]
    assert train["validate"]["inferer"]["amp"] is inference["finder"]["inferer"]["amp"] is False
    assert 0 < inference["find_threshold"] < 1


@pytest.mark.parametrize("overlays", [(), ("evaluate_finder.yaml",)])
def test_several_processes_are_refused(folder, tmp_path, monkeypatch, overlays):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}.items():  # as torchrun sets them
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError) as failed:
        run(folder, tmp_path, *overlays)
    assert "torchrun started 2 processes, and this config is for one" in str(input_error_behind(failed.value))
    assert not list(tmp_path.iterdir())
