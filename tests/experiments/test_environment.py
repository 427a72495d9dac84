from __future__ import annotations

import getpass
import json
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from monai_rescunet.experiments.environment import environment

ROOT = Path(__file__).resolve().parents[2]


def test_versions_and_revision_are_noted():
    told = environment()
    assert told["packages"]["torch"] == torch.__version__
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert told["revision"].removesuffix("+") == head.stdout.strip()


def test_neither_person_nor_machine_is_named():
    told = json.dumps(environment())
    assert platform.node() not in told
    assert str(Path.home()) not in told
    assert f'"{getpass.getuser()}"' not in told
