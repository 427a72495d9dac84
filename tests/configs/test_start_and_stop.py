"""What building the bundle's workflows does and does not do, and what running them on nothing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_runs import BUNDLE, TINY
from monai.bundle import ConfigWorkflow, create_workflow

from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.data import read_datalist

SMALL = {"features": TINY, "roi_size": 32, "amp": False, "test_time_flips": False, "batch_size": 2}
TRAIN, EVALUATE, INFER = ["train.yaml"], ["train.yaml", "evaluate.yaml"], ["inference.yaml"]


def workflow(names: list[str], out: Path, **settings: Any) -> ConfigWorkflow:
    made = ConfigWorkflow(
        config_file=[str(BUNDLE / "configs" / name) for name in names],
        logging_file=False,
        workflow_type="inference" if names == INFER else "train",
        bundle_root=str(BUNDLE),
        output_dir=str(out),
        **{name: value for name, value in SMALL.items() if names != INFER or name not in ("batch_size",)} | settings,
    )
    made.initialize()
    return made


def data(phantoms: Path) -> dict[str, str]:
    return {"dataset_dir": str(phantoms), "datalist": str(phantoms / "datalist.json")}


def weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / "model.pt", weights_only=True)


def refusal(made: ConfigWorkflow) -> str:
    with pytest.raises((InputError, RuntimeError)) as caught:
        made.run()
    fault = input_error_behind(caught.value)
    assert fault is not None
    return str(fault)


@pytest.mark.parametrize(
    "names", [TRAIN, EVALUATE, INFER, ["train.yaml", "paper.yaml"], ["train.yaml", "scanners.yaml"]], ids="+".join
)
def test_a_bundle_without_data_can_be_looked_at_and_says_so_when_it_is_run(names, tmp_path):
    made = workflow(names, tmp_path / "out", dataset_dir=str(tmp_path / "nowhere"))
    assert made.check_properties() == []
    assert isinstance(made.network_def, torch.nn.Module)
    assert refusal(made) == (
        f"{tmp_path}/nowhere/datalist.json: cannot be read (No such file or directory); write a datalist with "
        "`monai-rescunet prepare`"
    )
    assert not list((tmp_path / "out").glob("*.pt"))


def test_monais_own_call_makes_it_as_well():
    made = create_workflow(config_file=str(BUNDLE / "configs" / "inference.yaml"), workflow_type="inference")
    assert made.check_properties() == []


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (TRAIN, {"fold": "all"}, "no mass to train on in section 'training' with fold 'all'"),
        (EVALUATE, {"fold": "none"}, "no mass to judge in section 'training' with fold 'none'"),
        (EVALUATE, {"section": "testing", "fold": "all"}, "no mass to judge in section 'testing' with fold 'all'"),
        (["train.yaml", "evaluate.yaml", "thresholds.yaml"], {"fold": "all"}, "no mass to judge in section"),
        (INFER, {"section": "testing"}, "no mass to outline in section 'testing' with fold 'all'"),
    ],
)
def test_empty_sections_and_folds_end_with_one_line(names, settings, message, phantoms, tmp_path):
    told = refusal(workflow(names, tmp_path, **data(phantoms), **settings))
    assert message in told
    assert told.startswith(str(phantoms / "datalist.json"))


@pytest.mark.parametrize(
    ("names", "setting", "value", "message"),
    [
        (INFER, "kappa", -1, "kappa is -1"),
        (INFER, "malignant_share", 0, "malignant_share is 0; expected a share above 0, 1 at most"),
        (INFER, "otsu_levels", [240, 120], "levels is (240, 120); expected the grey levels of benign and malignant"),
        (INFER, "tone_median", 1.5, "median is 1.5; expected 0, which changes nothing, or more, and less than 1"),
        (INFER, "roi_context", 0, "context is 0"),
        (INFER, "find_threshold", 2, "find_threshold is 2; expected a confidence from 0 to 1"),
        (INFER, "max_findings", 0, "max_findings is 0; expected at least 1"),
        (INFER, "frame_size", [0, 448], "frame_size is [0, 448]; expected (columns, rows), above 0"),
        (INFER, "levels", [0, 0.5, 2], "levels is (0.0, 0.5, 2.0); expected one target in [0, 1]"),
        (TRAIN, "min_share", 1, "share is 1; expected one from 0 to below 1"),
        (EVALUATE, "lesion_floor", 300, "lesion_floor 300"),
    ],
)
def test_a_number_out_of_its_range_ends_with_one_line(names, setting, value, message, phantoms, tmp_path):
    made = workflow(names, tmp_path / "out", **data(phantoms), **{setting: value})
    assert message in refusal(made)


def test_looking_at_a_training_that_is_done_is_not_refused(phantoms, tmp_path):
    torch.save({}, tmp_path / "checkpoint_epoch=1.pt")
    made = workflow(TRAIN, tmp_path, **data(phantoms))
    assert made.check_properties() == []
    assert "holds the checkpoints of an earlier training" in refusal(made)


def test_asking_for_the_evaluator_first_changes_nothing(phantoms, tmp_path):
    for out, first in ((tmp_path / "a", None), (tmp_path / "b", "validate#evaluator")):
        made = workflow(TRAIN, out, max_epochs=1, **data(phantoms))
        if first:
            made.parser.get_parsed_content(first)
        made.run()
    expected, found = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_max_epochs_set_as_monais_property_is_the_schedules_length_too(phantoms, tmp_path):
    """More than the config's own 2 used to die at the last step, fewer ended at the peak of the learning rate."""
    for epochs in (1, 4):
        made = workflow(TRAIN, tmp_path / str(epochs), max_epochs=2, **data(phantoms))
        made.max_epochs = epochs
        made.initialize()
        made.run()
        assert made.trainer.state.epoch == epochs
        scheduler = made.parser.get_parsed_content("lr_scheduler")
        assert scheduler.total_steps == max(5, epochs * 2)
        assert scheduler.last_epoch == epochs * 2


def test_data_set_as_monais_properties_are_trained_on(phantoms, tmp_path):
    entries = read_datalist(phantoms / "datalist.json", phantoms)
    made = workflow(TRAIN, tmp_path, max_epochs=1, val_interval=1, dataset_dir=str(phantoms), datalist="nowhere.json")
    made.train_dataset_data, made.val_dataset_data = entries[:3], entries[3:4]
    made.initialize()
    made.run()
    assert made.trainer.state.epoch_length == 2
    assert made.evaluator.state.epoch_length == 1
    checkpoint = torch.load(tmp_path / "checkpoint_epoch=1.pt", weights_only=True)
    assert checkpoint["trained_with"]["training_entries"].startswith("3 masses, SHA-256 ")


def test_without_masses_to_validate_on_it_trains_all_the_same(phantoms, tmp_path):
    made = workflow(TRAIN, tmp_path, max_epochs=1, dataset_dir=str(phantoms), datalist="nowhere.json")
    made.train_dataset_data, made.val_dataset_data = read_datalist(phantoms / "datalist.json", phantoms)[:2], []
    made.initialize()
    made.run()
    assert (tmp_path / "model.pt").is_file()


def test_a_training_is_resumed_with_the_recipe_of_then_alone(phantoms, tmp_path):
    workflow(TRAIN, tmp_path, max_epochs=1, **data(phantoms)).run()
    for name, value, before in (
        ("max_epochs", 2, "1"),
        ("network_def#dropout", 0.2, "not set"),
        ("optimizer#betas", [0.8, 0.9], "not set"),
        ("train#random_transforms#0#prob", 0.5, "1.0"),
    ):
        made = workflow(TRAIN, tmp_path, **{"resume": True, "max_epochs": 1, **data(phantoms), name: value})
        assert f"whose {name} was {before} and is {value}; go on" in refusal(made)
    elsewhere = {"num_workers": 0, "cache_rate": 0.5, "val_interval": 9, "checkpoint_interval": 2, "kappa": 0.2}
    workflow(TRAIN, tmp_path, max_epochs=1, resume=True, **data(phantoms), **elsewhere).run()


def test_without_averaging_nothing_is_saved_twice(phantoms, tmp_path):
    workflow(TRAIN, tmp_path, max_epochs=1, averaging=0, **data(phantoms)).run()
    checkpoint = torch.load(tmp_path / "checkpoint_epoch=1.pt", weights_only=True)
    assert set(checkpoint) == {"model", "head", "optimizer", "lr_scheduler", "trainer", "trained_with"}
    assert all(torch.equal(weights(tmp_path)[name], value) for name, value in checkpoint["model"].items())


def test_what_is_repeated_is_cached_once(phantoms, tmp_path):
    entries = json.loads((phantoms / "datalist.json").read_text())["training"]
    for number, entry in enumerate(entries):
        entry["collection"] = "small" if number == 0 else "large"
    (tmp_path / "datalist.json").write_text(json.dumps({"training": entries}))
    asked = {"dataset_dir": str(phantoms), "datalist": str(tmp_path / "datalist.json"), "fold": "none"}
    made = workflow(TRAIN, tmp_path, min_share=0.3, **asked)
    dataset = made.train_dataset
    assert (len(dataset), dataset.cache_num) == (10, 8)
    assert torch.is_tensor(dataset[9]["image"])
