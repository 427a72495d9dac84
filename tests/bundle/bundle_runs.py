"""Run the bundle as a user does, with a tiny network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from forked import run_module

from monai_rescunet.core.bundle_root import bundle_root

BUNDLE = bundle_root()
TINY = [4, 4, 4, 4, 4]

WITHOUT_CHANCE = """
network_def#norm:
image_head#dropout: 0.0
optimizer: {_target_: torch.optim.SGD, params: '$[*@model.parameters(), *@head.parameters()]', lr: '@learning_rate'}
train#random_transforms:
  - {_target_: CenterSpatialCropd, keys: [image, label], roi_size: ['@roi_size', '@roi_size']}
  - {_target_: monai_rescunet.transforms.ScaleBreastIntensityd, keys: image}
  - {_target_: monai_rescunet.transforms.EncodeMixedSupervisiond, keys: label, levels: '@target_levels'}
"""
"""An overlay of train.yaml: plain gradient steps at a `learning_rate` to be given, and nothing that hangs on chance."""


def command(configs: str | list[str], data: Path, out: Path, **overrides: Any) -> list[str]:
    """Return the command line of `python -m monai.bundle run`."""
    names = [configs] if isinstance(configs, str) else configs
    files = [str(BUNDLE / "configs" / name) for name in names]
    settings = {
        "bundle_root": BUNDLE,
        "dataset_dir": data,
        "datalist": data / "datalist.json",
        "output_dir": out,
        "features": TINY,
        **overrides,
    }
    arguments = [f"--{name}={value}" for name, value in settings.items() if value is not None]
    return [
        sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "--config_file", str(files),
        "--meta_file", str(BUNDLE / "configs" / "metadata.json"),
        "--logging_file", str(BUNDLE / "configs" / "logging.conf"), *arguments,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment of a run: one thread, so that results do not depend on the machine's load."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run_bundle(
    configs: str | list[str], data: Path, out: Path, check: bool = True, processes: int = 0, **overrides: Any
) -> subprocess.CompletedProcess[str]:
    """Run the bundle, alone or in several processes, and return what it printed."""
    _, _, _, _, module, *arguments = command(configs, data, out, **overrides)
    done = run_module(module, arguments, environment(), processes=processes)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done
