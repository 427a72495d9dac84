"""Phantoms in CBIS-DDSM's layout: folders named by UIDs, mammogram, crop and mask as DICOM, and the two tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.files import write_atomically
from monai_rescunet.data.phantoms.crops import PHANTOM_README, check_phantom_folder
from monai_rescunet.data.phantoms.dicom import phantom_uid, write_film
from monai_rescunet.data.phantoms.mammogram import PhantomMammogram, PhantomMass, draw_nth_mammogram, plate

__all__ = ["make_cbis_ddsm_phantoms"]

TABLES = {"Training": "mass_case_description_train_set.csv", "Test": "mass_case_description_test_set.csv"}
FINDINGS = {  # shape, margins, assessment and pathology, by view
    BENIGN: (("OVAL", "CIRCUMSCRIBED", 3, "BENIGN"), ("ROUND", "CIRCUMSCRIBED", 2, "BENIGN_WITHOUT_CALLBACK")),
    MALIGNANT: (("IRREGULAR", "SPICULATED", 5, "MALIGNANT"), ("LOBULATED", "SPICULATED", 4, "MALIGNANT")),
}
COLUMNS = (
    "patient_id", "breast_density", "left or right breast", "image view", "abnormality id", "abnormality type",
    "mass shape", "mass margins", "assessment", "pathology", "subtlety",
    "image file path", "cropped image file path", "ROI mask file path",
)  # fmt: skip
Row = tuple[str | int, ...]
CROP_MARGIN = 0.2  # round the mass's box, of its side


def make_cbis_ddsm_phantoms(
    out: str | Path, *, count: int = 12, size: Sequence[int] | None = None, seed: int = 0
) -> list[Path]:
    """Write phantoms as CBIS-DDSM is distributed, with the faults of its tables.

    Two images of a patient follow one another, CC and MLO of one breast; benign and malignant patients take turns. The
    second of six images has two masses, each with its own crop and mask. Paths of masks end in a newline inside the
    quotes, and of every third mass crop and mask have changed places: the file that the table calls the mask is the
    crop.

    Args:
        out: folder; written are folders `Mass-Training_P_00001_LEFT_CC/<study UID>/<series UID>/000000.dcm`, the two
            tables and a README.txt that says what they are.
        count: number of mammograms of the training set; the test set has a third as many patients, at least two.
        size: (columns, rows) of all; without it those of INbreast's two detectors.
        seed: the same seed gives the same files.

    Returns:
        The DICOM files of mammograms.

    Raises:
        InputError: the folder holds other files than these phantoms, or the size is too small.
    """
    out = Path(out)
    check_phantom_folder(out, TABLES["Training"])
    plate(0, size)
    patients = -(-count // 2)
    tested = 2 * max(2, patients // 3)
    images = [("Training", index) for index in range(count)]
    images += [("Test", index) for index in range(2 * patients, 2 * patients + tested)]
    rows: dict[str, list[Row]] = {part: [] for part in TABLES}
    files = []
    for part, index in images:
        phantom, rng = draw_nth_mammogram(seed, index, size, masses=2 if index % 6 == 1 else 1)
        patient, side = f"P_{1 + index // 2:05d}", {"L": "LEFT", "R": "RIGHT"}[phantom.laterality]
        folder = f"Mass-{part}_{patient}_{side}_{phantom.view}"
        image = _write(out, rng, folder, "full mammogram images", phantom.pixels)
        files.append(out / image)
        for abnormality, mass in enumerate(phantom.masses, start=1):
            swapped = len(rows[part]) % 3 == 2
            crop, mask = _write_crop_and_mask(out, rng, f"{folder}_{abnormality}", phantom, mass, swapped)
            shape_and_more = FINDINGS[mass.mass_class][index % 2]
            named = (patient, 1 + index // 2 % 4, side, phantom.view, abnormality, "mass", *shape_and_more, 5)
            rows[part].append((*named, image, crop, f"{mask}\n"))
    for part, table in TABLES.items():
        write_atomically(out / table, pd.DataFrame(rows[part], columns=COLUMNS).to_csv(index=False))
    write_atomically(out / "README.txt", PHANTOM_README)
    return files


def _write(out: Path, rng: np.random.Generator, folder: str, description: str, *images: np.ndarray) -> str:
    """Write a series of images, and return the path of its first file below `out`."""
    study, series = phantom_uid(rng), phantom_uid(rng)
    for number, pixels in enumerate(images):
        write_film(
            out / folder / study / series / f"{number:06d}.dcm",
            pixels,
            rng,
            StudyInstanceUID=study,
            SeriesInstanceUID=series,
            SeriesDescription=description,
            InstanceNumber=number + 1,
            PatientID=folder,
            Laterality="L" if "_LEFT_" in folder else "R",
            BodyPartExamined="BREAST",
        )
    return f"{folder}/{study}/{series}/000000.dcm"


def _write_crop_and_mask(
    out: Path, rng: np.random.Generator, folder: str, phantom: PhantomMammogram, mass: PhantomMass, swapped: bool
) -> tuple[str, str]:
    """Write crop and mask of a mass, and return the paths that the table has for them."""
    rows, columns = (np.flatnonzero(mass.mask.any(axis=axis)) for axis in (1, 0))
    window = []
    for axis, inside in enumerate((rows, columns)):
        margin = round(CROP_MARGIN * len(inside))
        window.append(slice(max(inside[0] - margin, 0), min(inside[-1] + 1 + margin, mass.mask.shape[axis])))
    images = [phantom.pixels[tuple(window)], mass.mask.astype(np.uint8) * 255]
    if swapped:
        images.reverse()
    first = _write(out, rng, folder, "ROI mask images", *images)
    return first, first.replace("000000.dcm", "000001.dcm")
