"""Mammograms with known masses, as hospitals send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_mammogram
from known_masses import COLUMNS, ROWS, mass, outline
from pydicom.uid import generate_uid

PIXELS = np.random.default_rng(0).integers(0, 4096, (ROWS, COLUMNS)).astype(np.uint16)


@pytest.fixture
def three_masses() -> list[dict[str, Any]]:
    """A malignant mass, one that was not found, and a benign one that overlaps the first."""
    return [
        mass(outline(slice(3, 20), slice(5, 40)), "malignant", 0.9),
        mass(outline(slice(0), slice(0)), "no lesion", 0.0, index=1),
        mass(outline(slice(15, 41), slice(30, 60)), "benign", 0.2, index=2),
    ]


@pytest.fixture
def mammogram(tmp_path):
    """Write a mammogram with a patient, a study and no plane; attributes by keyword."""

    def write(name: str = "mammogram.dcm", pixels: np.ndarray = PIXELS, **attributes: Any) -> Path:
        study = {
            "StudyInstanceUID": generate_uid(),
            "SeriesInstanceUID": generate_uid(),
            "PatientBirthDate": "19500101",
            "PatientSex": "F",
            "StudyDate": "20200102",
            "StudyTime": "101112",
            "StudyID": "7",
            "AccessionNumber": "A17",
            "ReferringPhysicianName": "",
            "PatientOrientation": ["A", "FR"],
        }
        return write_mammogram(tmp_path / name, pixels, **{**study, **attributes})

    return write


@pytest.fixture
def real_mammograms(real_data) -> list[Path]:
    """Digitised film as Secondary Capture in JPEG 2000, and two views of a digital mammogram, MONOCHROME1 and 2."""
    return [
        real_data / "mg_dicom" / name
        for name in ("MG1_J2KI.dcm", "MG-Im-GE_Seno_1_ForProcessing.dcm", "MG-Im-GE_Seno_1_ForPresentation.dcm")
    ]
