"""The cross-validation as one command: interrupted, shared between processes, and refused where it makes no sense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from forked import run_module
from monai.bundle import ConfigParser
from torch.utils.flop_counter import FlopCounterMode

from monai_rescunet.core.errors import InputError
from monai_rescunet.experiments import runs
from monai_rescunet.experiments.experiment import Experiment, Run, find_network, read_settings
from monai_rescunet.experiments.plan import Cost, RunPlan, duration, measure
from monai_rescunet.networks import SegNet

SETTINGS = {
    "features": [4, 4, 4, 4, 4], "roi_size": 64, "max_epochs": 12, "batch_size": 1, "val_interval": 100,
    "checkpoint_interval": 1,
}  # fmt: skip


def command(phantoms: Path, out: Path) -> list[str]:
    settings = [f"--set={name}={json.dumps(value)}" for name, value in SETTINGS.items()]
    return [
        sys.executable, "-W", "ignore", "-m", "monai_rescunet.cli", "experiment",
        str(phantoms), str(phantoms / "datalist.json"), "--out", str(out),
        "--network", "SegNet", "--supervision", "mixed", *settings,
    ]  # fmt: skip


def kill_when(path: Path, arguments: list[str]) -> None:
    """Start a command and end it with SIGKILL as soon as a file is there."""
    process = subprocess.Popen(
        arguments, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def finish(arguments: list[str]) -> str:
    _, _, _, _, module, *told = arguments
    done = run_module(module, told, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_an_experiment_killed_twice_ends_as_one_that_was_left_alone(phantoms, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    told = finish(command(phantoms, alone))
    assert "0 of 2 runs are finished" in told
    assert "2 runs to do" in told

    first, second = "SegNet_mixed_fold0", "SegNet_mixed_fold1"
    kill_when(killed / first / "checkpoint_epoch=3.pt", command(phantoms, killed))
    assert not (killed / first / "finished.json").exists()
    kill_when(killed / second / "checkpoint_epoch=2.pt", command(phantoms, killed))
    before = (killed / first / "model.pt").stat().st_mtime_ns
    assert "1 of 2 runs are finished" in finish(command(phantoms, killed))
    assert (killed / first / "model.pt").stat().st_mtime_ns == before

    for name in (first, second):
        expected = torch.load(alone / name / "model.pt", weights_only=True)
        found = torch.load(killed / name / "model.pt", weights_only=True)
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        for table in ("per_image.csv", "metrics.json", "model_thresholds.json"):
            if table != "model_thresholds.json" or (alone / name / table).exists():
                assert (killed / name / table).read_text() == (alone / name / table).read_text()
        with np.load(killed / name / "maps.npz") as ours, np.load(alone / name / "maps.npz") as theirs:
            assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
        assert len(json.loads((killed / name / "environment.json").read_text())) == 2
        assert not list((killed / name).glob("checkpoint*")) + list((killed / name).glob(".*"))
        # the config alone repeats the run
        assert ConfigParser.load_config_file(str(killed / name / "config.yaml"))["network"].endswith("SegNet")


@pytest.fixture
def experiment(phantoms, tmp_path):
    return Experiment(phantoms, phantoms / "datalist.json", tmp_path / "out", ["SegNet"], ["mixed"], [0], SETTINGS)


def plans(experiment: Experiment) -> list[RunPlan]:
    return [RunPlan(run, Cost(1, 1, 1.0), 1, 1, 1, 1) for run in experiment.runs]


def test_a_run_that_another_process_works_on_is_left_to_it(experiment, monkeypatch):
    done = []
    monkeypatch.setattr(runs, "do_run", lambda _, run: done.append(run))
    folder = experiment.out / "SegNet_mixed_fold0"
    folder.mkdir(parents=True)
    with FileLock(folder / "lock"):
        assert runs.do_runs(experiment, plans(experiment)) == experiment.runs
    assert done == []
    assert runs.do_runs(experiment, plans(experiment)) == []
    assert done == experiment.runs


def test_a_run_that_was_finished_meanwhile_is_not_repeated(experiment, monkeypatch):
    monkeypatch.setattr(runs, "do_run", lambda *_: pytest.fail("repeated"))
    (experiment.out / "SegNet_mixed_fold0").mkdir(parents=True)
    (experiment.out / "SegNet_mixed_fold0" / "finished.json").write_text("{}")
    assert runs.do_runs(experiment, plans(experiment)) == []
    assert runs.unfinished(experiment) == []


def test_what_others_put_into_a_runs_folder_stays(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".model.pt.x1").touch()
    runs._remove(tmp_path, ".*", "tmp*")
    assert [path.name for path in tmp_path.iterdir()] == [".ipynb_checkpoints"]


def test_a_folder_with_other_settings_is_refused(experiment, phantoms, tmp_path):
    runs.claim_folder(experiment)
    runs.claim_folder(experiment)
    other = Experiment(phantoms, phantoms / "datalist.json", tmp_path / "out", settings={"max_epochs": 3})
    with pytest.raises(InputError, match=r"settings is .* runs of both cannot be compared"):
        runs.claim_folder(other)


def test_ten_configurations_times_folds(phantoms, tmp_path):
    names = [run.name for run in Experiment(phantoms, phantoms / "datalist.json", tmp_path).runs]
    assert len(names) == len(set(names)) == 5 * 2 * 2
    assert names[0] == "FCN-8s_binary_fold0"
    assert names[-1] == "ResCU-Net_mixed_fold1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks": ["VGG"]}, "no network is called 'VGG'"),
        ({"networks": ["monai.networks.nets.NoNet"]}, "no importable class"),
        ({"networks": ["SegNet", "segnet"]}, "two of them have one name"),
        ({"supervisions": ["weak"]}, "supervision is 'weak'; expected one of binary, mixed"),
        ({"folds": [5]}, "fold is 5; expected one of 0, 1"),
    ],
)
def test_what_there_is_not_is_named(phantoms, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        _ = Experiment(phantoms, phantoms / "datalist.json", tmp_path, **changes).runs


def test_any_importable_network_can_take_part():
    assert find_network("monai_rescunet.networks.UNet") == ("U-Net", "monai_rescunet.networks.UNet")
    assert find_network("monai.networks.nets.SegResNet") == ("SegResNet", "monai.networks.nets.SegResNet")
    assert find_network("ResCUNet") == ("ResCU-Net", "monai_rescunet.networks.encoder_decoder.ResCUNet")


def test_settings_are_read_as_in_the_configs():
    settings = read_settings(
        ["max_epochs=2", "learning_rate=1e-3", "features=[4,4,4,4,4]", "roi_mode=window", "amp=false", "lesion_floor=0"]
    )
    assert settings == {
        "max_epochs": 2, "learning_rate": 1e-3, "features": [4] * 5, "roi_mode": "window", "amp": False,
        "lesion_floor": 0,
    }  # fmt: skip
    assert read_settings(["compile=inductor", "device=cpu", "averaging=$1/3"])["averaging"] == "$1/3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_epoch=2", "train.yaml: has no 'max_epoch'; is it 'max_epochs'?"),
        ("max_epochs", "expected name=value"),
        ("fold=1", "the experiment sets it itself"),
        ("max_epochs=abc", "--set max_epochs=abc: max_epochs is 'abc'; expected a whole number from 1, such as 300"),
        ("max_epochs=2.5", "expected a whole number from 1"),
        ("max_epochs=$3", "expected a whole number from 1"),
        ("val_interval=0", "expected a whole number from 1"),
        ("batch_size=0", "expected a whole number from 1"),
        ("batch_size=true", "expected a whole number from 1"),
        ("roi_size=8", "expected a whole number from 32"),
        ("seed=-1", "expected a whole number from 0"),
        ("features=[4,4,0,4,4]", "expected a list of whole numbers from 1"),
        ("features=8", "expected a list of whole numbers from 1"),
        ("learning_rate=fast", "expected a number from 0, such as 0.01"),
        ("learning_rate=NaN", "expected a number"),
        ("amp=1", "expected true or false"),
        ("roi_mode=3", "roi_mode is 3; expected one of scaled, window, fitted"),
        ("otsu_levels=128", "expected a list of numbers"),
        ("levels=[0,half,1]", "expected a list of numbers"),
    ],
)
def test_settings_that_cannot_be_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        read_settings([text])


def test_the_plan_counts_what_torch_counts(experiment):
    network = SegNet(features=SETTINGS["features"])
    with FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 1, 64, 64))
    cost = measure(experiment, experiment.runs[0])
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    assert cost.multiply_adds == counter.get_total_flops() // 2
    assert 0 < cost.seconds < 60


def test_a_plan_adds_training_and_judging():
    plan = RunPlan(Run("a", "b", "mixed", 0), Cost(1, 10, 0.3), 70, 100, 105, 4)
    assert plan.seconds == pytest.approx(0.3 * 7000 + 0.1 * 420)
    assert plan.multiply_adds == 10 * (3 * 7000 + 420)
    assert (duration(30), duration(600), duration(5400)) == ("30 s", "10 min", "1 h 30 min")
