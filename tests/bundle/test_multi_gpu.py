"""Train and evaluate with several processes, over gloo on CPUs: torchrun starts them where that is what is shown."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundle_runs import BUNDLE, TINY, WITHOUT_CHANCE, command, environment, run_bundle
from monai.bundle import ConfigParser

from monai_rescunet.networks import ResCUNet

TRAIN = ["train.yaml", "multi_gpu_train.yaml"]
TINY_RUN = {"roi_size": 64, "val_interval": 1, "amp": False, "max_epochs": 8}


def torchrun(configs: list[str], data: Path, out: Path, **overrides: Any) -> list[str]:
    """Return the command line that runs the bundle in two processes."""
    _, _, _, *bundle_run = command(configs, data, out, **overrides)
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *bundle_run]


def run_by_torchrun(configs: list[str], data: Path, out: Path, **overrides: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        torchrun(configs, data, out, **overrides), capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / "model.pt", weights_only=True)


@pytest.fixture(scope="module")
def uneven(phantoms, tmp_path_factory) -> Path:
    """Datalist of seven masses: four in fold 0, three in fold 1."""
    path = tmp_path_factory.mktemp("uneven") / "datalist.json"
    entries = json.loads((phantoms / "datalist.json").read_text())["training"]
    left_out = next(entry for entry in entries if entry["fold"] == 1)
    path.write_text(json.dumps({"training": [entry for entry in entries if entry != left_out], "testing": []}))
    return path


@pytest.fixture(scope="module")
def trained(phantoms, uneven, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    run_by_torchrun(TRAIN, phantoms, out, datalist=uneven, fold=1, batch_size=2, **TINY_RUN)
    return out


def test_one_of_the_processes_writes(trained):
    assert {path.name for path in trained.glob("*.pt")} == {
        "checkpoint_epoch=7.pt",
        "checkpoint_epoch=8.pt",
        "model.pt",
    }
    writers = {path.name.rsplit(".", 2)[1] for path in (trained / "tensorboard").iterdir()}
    assert len(writers) == 1
    ResCUNet(features=TINY).load_state_dict(weights(trained), strict=True)


def test_two_processes_train_the_network_that_one_trains(phantoms, uneven, tmp_path):
    """Each step sees all masses, without chance or batch norm: nothing is left but how gradients are added up."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(WITHOUT_CHANCE)
    settings = {"datalist": uneven, "fold": 1, "batch_size": 4, "learning_rate": 0.1, **TINY_RUN}
    one = run_bundle(["train.yaml", str(recipe)], phantoms, tmp_path / "one", **settings)
    two = run_bundle([*TRAIN, str(recipe)], phantoms, tmp_path / "two", processes=2, **settings)

    expected, found = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)
    figures = [[line.split("INFO")[1] for line in run.stderr.splitlines() if "masses:" in line] for run in (one, two)]
    assert len(set(figures[0])) > 1
    assert figures[0] == figures[1]


def test_evaluation_judges_each_mass_once(trained, phantoms, uneven, tmp_path):
    """Seven masses in two processes: the same files, byte for byte, as of one process, and the same maps."""
    settings = {"datalist": uneven, "fold": "all", "roi_size": 64, "checkpoint": trained / "model.pt"}
    settings |= {"save_maps": True}
    run_bundle(["train.yaml", "evaluate.yaml"], phantoms, tmp_path / "one", **settings)
    several = ["train.yaml", "evaluate.yaml", "multi_gpu_train.yaml"]
    run_bundle(several, phantoms, tmp_path / "two", processes=2, **settings)
    for name in ("per_image.csv", "metrics.json"):
        assert (tmp_path / "two" / name).read_text() == (tmp_path / "one" / name).read_text()
    assert json.loads((tmp_path / "two" / "metrics.json").read_text())["counts"]["masses"] == 7
    one, two = (np.load(tmp_path / name / "maps.npz") for name in ("one", "two"))
    assert all(np.array_equal(one[name], two[name]) for name in ("image", "truth", "map"))
    assert len(two["map"]) == 7


@pytest.mark.parametrize("order", ["last", "first"])
def test_thresholds_are_fitted_on_the_training_fold_by_all_processes(trained, phantoms, uneven, tmp_path, order):
    """Wherever multi_gpu_train.yaml lies: four masses in two processes, and not the three that are held out."""
    overlays = ["evaluate.yaml", "thresholds.yaml"]
    settings = {"datalist": uneven, "fold": 1, "roi_size": 64, "checkpoint": tmp_path / "model.pt"}
    shutil.copy(trained / "model.pt", tmp_path)
    run_bundle(["train.yaml", *overlays], phantoms, tmp_path, **settings)
    path = tmp_path / "model_thresholds.json"
    alone = json.loads(path.read_text())
    path.unlink()
    several = ["multi_gpu_train.yaml", *overlays] if order == "first" else [*overlays, "multi_gpu_train.yaml"]
    run_bundle(["train.yaml", *several], phantoms, tmp_path, processes=2, **settings)
    assert json.loads(path.read_text()) == alone
    assert alone["masses"] == 4


def test_processes_that_the_configs_do_not_join_are_refused(phantoms, tmp_path):
    failed = run_bundle("train.yaml", phantoms, tmp_path, processes=2, check=False)
    assert failed.returncode != 0
    assert "torchrun started 2 processes, and the configs do not join them: add multi_gpu_train.yaml" in failed.stderr
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_killed_process_ends_the_job_and_training_resumes(trained, phantoms, uneven, tmp_path):
    settings = {"datalist": uneven, "fold": 1, "batch_size": 2, **TINY_RUN}
    with (tmp_path / "stderr").open("w") as stderr:
        job = subprocess.Popen(
            torchrun(TRAIN, phantoms, tmp_path / "out", **settings), env=environment(), stderr=stderr
        )
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "checkpoint_epoch=1.pt").exists():
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(second_process(job.pid), signal.SIGKILL)
    assert job.wait(timeout=60) != 0
    assert "SIGKILL" in (tmp_path / "stderr").read_text()
    assert not (tmp_path / "out" / "model.pt").exists()

    resumed = run_bundle(TRAIN, phantoms, tmp_path / "out", processes=2, resume="true", **settings)
    assert resumed.stderr.count("resuming from") == 1
    expected, found = weights(trained), weights(tmp_path / "out")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def second_process(agent: int) -> int:
    """Return the process of rank 1 among torchrun's children."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    return next(int(pid) for pid in children if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes())


def test_batch_norms_are_synchronised_on_gpus_alone():
    """The configs' expression, on a network that stays where it is: torch has no such layer for CPUs."""
    for device, synchronised in (("cuda", True), ("cpu", False)):
        parser = ConfigParser(ConfigParser.load_config_files([str(BUNDLE / "configs" / name) for name in TRAIN]))
        parser.update({"features": TINY, "device": f"$torch.device('{device}')", "model": "@network_def"})
        network = parser.get_parsed_content("synchronised_model")
        assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in network.modules()) == synchronised
        assert network is parser.get_parsed_content("model")
