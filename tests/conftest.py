"""What tests of several modules share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real mammograms, named by MONAI_RESCUNET_DATA."""
    folder = os.environ.get("MONAI_RESCUNET_DATA")
    if not folder:
        pytest.skip("MONAI_RESCUNET_DATA names no folder of real mammograms")
    return Path(folder)


@pytest.fixture
def write_png(tmp_path: Path):
    """Write an array of (rows, columns) as PNG and return its path."""

    def write(array: np.ndarray, name: str = "image.png") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Path:
    """Folder of eight small phantoms with their datalist of two folds."""
    from monai_rescunet.data import make_phantoms, prepare_folder, write_datalist

    folder = tmp_path_factory.mktemp("phantoms")
    make_phantoms(folder, count=8, size=(160, 140), seed=1)
    write_datalist(folder / "datalist.json", prepare_folder([folder], n_splits=2).entries)
    return folder
