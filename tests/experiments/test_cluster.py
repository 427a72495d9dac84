"""`examples/experiment_on_slurm.py`, on this machine for want of Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is the extra `cluster`")
SCRIPT = Path(__file__).parents[2] / "examples" / "experiment_on_slurm.py"
LEFT = "SegNet_mixed_fold1"
OWN = """
from monai_rescunet.networks import SegNet

class MyNet(SegNet):
    pass
"""


@pytest.mark.parametrize(
    ("learning_rate", "status", "told", "failed"),
    [(0.01, 0, "1 of 1 runs are finished", ""), (-1, 1, "0 of 1 runs are finished", f"failed: {LEFT}")],
)
def test_each_unfinished_run_is_a_job_and_failed_ones_are_named(
    phantoms, tmp_path, learning_rate, status, told, failed
):
    for name in ("SegNet_mixed_fold0", "SegNet_binary_fold0", "SegNet_binary_fold1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "finished.json").touch()
    done = subprocess.run(
        [
            sys.executable, SCRIPT, phantoms, phantoms / "datalist.json", tmp_path, "--network", "SegNet",
            "--set", "features=[4,4,4,4,4]", "--set", "roi_size=32", "--set", "max_epochs=1",
            "--set", f"learning_rate={learning_rate}",
        ],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == status, done.stderr[-2000:]
    assert told in done.stdout
    assert failed in done.stderr
    assert (tmp_path / LEFT / "finished.json").is_file() == (status == 0)


def test_a_network_of_ones_own_is_named_to_its_jobs_by_its_path(phantoms, tmp_path):
    (tmp_path / "my_networks.py").write_text(OWN)
    out = tmp_path / "out"
    for name in ("MyNet_mixed_fold0", "MyNet_binary_fold0", "MyNet_binary_fold1"):
        (out / name).mkdir(parents=True)
        (out / name / "finished.json").touch()
    done = subprocess.run(
        [
            sys.executable, SCRIPT, phantoms, phantoms / "datalist.json", out, "--network", "my_networks.MyNet",
            "--set", "features=[4,4,4,4,4]", "--set", "roi_size=32", "--set", "max_epochs=1",
        ],
        capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (out / "MyNet_mixed_fold1" / "finished.json").is_file()
