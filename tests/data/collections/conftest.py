"""Folders to be prepared."""

from __future__ import annotations

import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write(tmp_path):
    """Write pictures of 30 columns and 20 rows, each its own, or of an array, under their names below."""

    def write_pictures(*names, array=None, **options):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(zlib.crc32(name.encode(errors="surrogateescape")))
            grey = noise.integers(0, 255, (20, 30)).astype(np.uint8) if array is None else array
            if name.endswith(".nii.gz"):
                nibabel.save(nibabel.Nifti1Image(grey.T, np.eye(4)), path)
            else:
                Image.fromarray(grey).save(path, **options)

    return write_pictures
