"""The scripts in examples/, at small size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SIZE = (400, 500)  # columns, rows


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("example")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "SIZE": f"{SIZE[0]} {SIZE[1]}",
        "EPOCHS": "2",
    }
    settings = ["--features", "[4,4,4,4,4]", "--roi_size", "64"]
    done = subprocess.run(
        [EXAMPLES / "inbreast_end_to_end.sh", out, *settings],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return out


def test_inbreast_goes_from_files_to_tables(out):
    assert (out / "train" / "model.pt").is_file()
    metrics = json.loads((out / "evaluation" / "metrics.json").read_text())
    held_out = pd.read_csv(out / "evaluation" / "per_image.csv")
    assert len(held_out) == sum(metrics["counts"][name] for name in ("benign", "malignant"))
    assert set(held_out.fold) == {0}


def test_every_mass_of_a_whole_mammogram_has_a_row_and_every_mammogram_one_label_map(out):
    entries = json.loads((out / "datalist.json").read_text())["training"]
    results = pd.read_csv(out / "predictions" / "results.csv")
    assert sorted(zip(results.image, results.mass, strict=True)) == sorted((e["image"], e["mass"]) for e in entries)
    assert results.groupby("image").size().max() == 2
    maps = list((out / "predictions").glob("*_label.nii.gz"))
    assert len(maps) == results.image.nunique()
    for path in maps:
        label = np.asanyarray(nibabel.load(path).dataobj).squeeze()
        assert label.shape == SIZE
        assert set(np.unique(label)) <= {0, 1, 2}
