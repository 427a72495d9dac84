"""Mammogram DICOM files with known pixels, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid


def mammogram_dataset(pixels: np.ndarray, *, bits: int = 12, overlay: int | None = None, **attributes: Any) -> Dataset:
    """Return a mammogram of (rows, columns) pixels; attributes by their keyword, None leaves one out.

    `overlay` says that this bit of the pixels is one of an overlay.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SOPClassUID": DigitalMammographyXRayImageStorageForPresentation,
        "SOPInstanceUID": generate_uid(),
        "Modality": "MG",
        "PatientName": "Doe^Jane",
        "PatientID": "secret-17",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.astype("<i2" if pixels.dtype.kind == "i" else "<u2").tobytes(),
        "ImageLaterality": "L",
        "ViewPosition": "MLO",
        **attributes,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if overlay is not None:
        dataset.add_new((0x6000, 0x0100), "US", 16)
        dataset.add_new((0x6000, 0x0102), "US", overlay)
    dataset.file_meta.MediaStorageSOPClassUID = (
        values["SOPClassUID"] or DigitalMammographyXRayImageStorageForPresentation
    )
    dataset.file_meta.MediaStorageSOPInstanceUID = values["SOPInstanceUID"]
    return dataset


def write_mammogram(path: Path, pixels: np.ndarray, **attributes: Any) -> Path:
    """Write what `mammogram_dataset` returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mammogram_dataset(pixels, **attributes).save_as(path, enforce_file_format=True)
    return path
