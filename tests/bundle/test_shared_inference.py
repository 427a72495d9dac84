"""Inference that several processes share, and that is killed and goes on: the rows of one undisturbed run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundle_runs import command, environment, run_bundle

from monai_rescunet.core.bundle_root import bundle_root

NEEDED = {"features": None, "overlay": "false"}


@pytest.fixture(scope="module")
def one(phantoms, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("one")
    run_bundle("inference.yaml", phantoms, out, **NEEDED)
    return out


def test_two_processes_make_the_table_of_one(one, phantoms, tmp_path):
    run_bundle("inference.yaml", phantoms, tmp_path, processes=2, **NEEDED)
    assert (tmp_path / "results.csv").read_text() == (one / "results.csv").read_text()
    for path in one.glob("*_label.png"):
        assert (tmp_path / path.name).is_file()
    assert not list(tmp_path.glob("results.part*"))


def test_results_of_another_calibration_are_not_put_beside_each_other(one, phantoms, tmp_path):
    """Or one table would have two probabilities for one score."""
    shutil.copytree(one, tmp_path / "out")
    for name in ("model.pt", "model_calibration.json", "model_unlike.npz"):
        shutil.copy(bundle_root() / "models" / name, tmp_path)
    (tmp_path / "model_calibration.json").unlink()
    settings = {**NEEDED, "checkpoint": tmp_path / "model.pt", "resume": "true"}
    failed = run_bundle("inference.yaml", phantoms, tmp_path / "out", check=False, **settings)
    assert "other settings (calibration is None, there" in failed.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="sends SIGKILL")
def test_a_killed_run_leaves_whole_rows_and_is_resumed(one, phantoms, tmp_path):
    with (tmp_path / "stderr").open("w") as stderr:
        job = subprocess.Popen(
            command("inference.yaml", phantoms, tmp_path, **NEEDED), env=environment(), stderr=stderr
        )
    table = tmp_path / "results.csv"
    deadline = time.monotonic() + 600
    while not table.exists() or len(table.read_text().splitlines()) < 3:
        assert job.poll() is None, (tmp_path / "stderr").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    expected = (one / "results.csv").read_text()
    assert expected.startswith(table.read_text())
    failed = run_bundle("inference.yaml", phantoms, tmp_path, resume="true", kappa=0.5, check=False, **NEEDED)
    assert "kappa is 0.5, there 0.3" in failed.stderr
    resumed = run_bundle("inference.yaml", phantoms, tmp_path, resume="true", **NEEDED)
    assert "are done already and are left out" in resumed.stderr
    assert table.read_text() == expected
    assert len(json.loads((phantoms / "datalist.json").read_text())["training"]) == len(expected.splitlines()) - 1
