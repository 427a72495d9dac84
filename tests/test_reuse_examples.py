"""The scripts in examples/ that reuse the networks in somebody else's training code."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("script", "needs", "printed"),
    [
        ("plain_torch.py", "torch", "decisions: ['benign', 'malignant']"),
        ("monai_3d.py", "monai", "voxels a class:"),
        ("lightning_module.py", "lightning", "val_dice"),
    ],
)
def test_it_runs_as_it_stands(script, needs, printed, tmp_path):
    if find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    done = subprocess.run(
        [sys.executable, EXAMPLES / script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert printed in done.stdout
