"""The cache of an archive's series; the archive itself is tried in tests/hospital."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from dicom_files import write_mammogram
from pydicom.uid import generate_uid

from monai_rescunet.label import startup


def test_two_requests_at_once_and_a_broken_download_do_a_series_no_harm(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 4096, (60, 41)).astype(np.uint16)
    study = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    source = write_mammogram(tmp_path / "mammogram.dcm", pixels, **study)
    shutil.copy(startup.__file__, tmp_path / "sitecustomize.py")
    script = Path(__file__).with_name("fetch_series.py")
    done = subprocess.run(
        [sys.executable, script, source, tmp_path / "cache"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"both": [60, 60], "fetched": 1, "after": 60}
