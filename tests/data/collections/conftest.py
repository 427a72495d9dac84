"""Folders to be prepared."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from PIL import Image

PICTURE = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    """Write pictures of 30 columns and 20 rows, or of an array, under their names below the folder."""

    def write_pictures(*names, array=PICTURE, **options):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".nii.gz"):
                nibabel.save(nibabel.Nifti1Image(array.T, np.eye(4)), path)
            else:
                Image.fromarray(array).save(path, **options)

    return write_pictures
