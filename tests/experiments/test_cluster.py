"""`examples/experiment_on_slurm.py`, on this machine for want of Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is the extra `cluster`")
SCRIPT = Path(__file__).parents[2] / "examples" / "experiment_on_slurm.py"
OWN = """
from monai_rescunet.networks import SegNet

class MyNet(SegNet):
    pass
"""


def experiment(phantoms: Path, out: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script where all runs but that of the second fold in mixed supervision are finished."""
    return subprocess.run(
        [
            sys.executable, SCRIPT, phantoms, phantoms / "datalist.json", out, *arguments,
            "--set", "features=[4,4,4,4,4]", "--set", "roi_size=32", "--set", "max_epochs=1",
        ],
        capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{path}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip


def finish_others(out: Path, network: str) -> None:
    for name in ("mixed_fold0", "binary_fold0", "binary_fold1"):
        folder = out / f"{network}_{name}"
        folder.mkdir(parents=True)
        (folder / "finished.json").touch()


def test_a_job_that_fails_is_named(phantoms, tmp_path):
    finish_others(tmp_path, "SegNet")
    done = experiment(phantoms, tmp_path, "--network", "SegNet", "--set", "kappa=-1")
    assert done.returncode == 1, done.stderr[-2000:]
    assert "0 of 1 runs are finished" in done.stdout
    assert "failed: SegNet_mixed_fold1" in done.stderr
    assert not (tmp_path / "SegNet_mixed_fold1" / "finished.json").exists()


def test_each_unfinished_run_is_a_job_and_ones_own_network_is_named_to_it_by_its_path(phantoms, tmp_path):
    (tmp_path / "my_networks.py").write_text(OWN)
    out = tmp_path / "out"
    finish_others(out, "MyNet")
    done = experiment(phantoms, out, "--network", "my_networks.MyNet", path=str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 of 1 runs are finished" in done.stdout
    assert (out / "MyNet_mixed_fold1" / "finished.json").is_file()
