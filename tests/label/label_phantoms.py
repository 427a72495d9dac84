"""Phantoms with known masses, one in each format that the server is asked to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from dicom_files import write_mammogram
from PIL import Image

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.data import make_phantom

SIZE = (1000, 1100)  # columns, rows; of each half of a picture


@dataclass
class LabelPhantoms:
    """A folder of images that all show the same: a benign mass on the left, a malignant one on the right.

    Attributes:
        folder: where they are.
        masks: of the benign and the malignant mass, bool, `(rows, columns)`.
        files: by id.
    """

    folder: Path
    masks: list[np.ndarray]
    files: dict[str, Path]

    @property
    def boxes(self) -> list[list[int]]:
        """Boxes round both, as somebody draws them."""
        return [box_of(mask) for mask in self.masks]

    @property
    def points(self) -> list[list[int]]:
        """Points in both, `[x, y]`."""
        return [[int(np.mean(index)) for index in reversed(np.nonzero(mask))] for mask in self.masks]


def draw_two_masses() -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a picture of 8 bit and the masks of its benign and its malignant mass, `(rows, columns)`."""
    (upper, benign), (lower, malignant) = (
        make_phantom(np.random.default_rng(seed), name, SIZE) for seed, name in enumerate(CLASS_VALUES)
    )
    nothing = np.zeros_like(benign)  # one above the other they look like one breast, the chest wall left
    return np.vstack([upper, lower]), [np.vstack([benign, nothing]), np.vstack([nothing, malignant])]


def make_studies(folder: Path) -> LabelPhantoms:
    """Write the picture as PNG of 8 and of 16 bit, NIfTI, and DICOM of both photometric interpretations."""
    image, masks = draw_two_masses()
    deep = image.astype(np.uint16) * 16 + 3  # of 12 bits
    Image.fromarray(image).save(folder / "film8.png")
    Image.fromarray(deep).save(folder / "film16.png")
    affine = np.array([[-0.1, 0, 0, 12], [0, -0.1, 0, 7], [0, 0, 1, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(deep.T[..., None], affine), folder / "volume.nii.gz")
    write_mammogram(folder / "mono2.dcm", deep, ImagerPixelSpacing=[0.1, 0.1])
    write_mammogram(folder / "mono1.dcm", 4095 - deep, PhotometricInterpretation="MONOCHROME1")
    return LabelPhantoms(folder, masks, {path.name.split(".")[0]: path for path in sorted(folder.iterdir())})


def box_of(mask: np.ndarray, margin: int = 3) -> list[int]:
    """Return the box round a mask `(rows, columns)`, as somebody draws it."""
    rows, columns = np.nonzero(mask)
    return [int(v) for v in (columns.min() - margin, rows.min() - margin, columns.max() + margin, rows.max() + margin)]
