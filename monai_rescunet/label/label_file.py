"""A label map as a file that viewers lay over the image: in the geometry in which ITK has the image."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from monai_rescunet.core.errors import InputError

__all__ = ["lay_label", "read_geometry", "write_label"]

PLACELESS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm")
"""Formats that say nothing of where their pixels lie."""


def read_geometry(image: Path) -> sitk.ImageFileReader:
    """Return ITK's reader of an image, which knows its size, spacing, origin and direction.

    Raises:
        InputError: ITK cannot read it.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(image))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            f"{image.name}: ITK, and so the viewers, cannot read it; send it as PNG, NIfTI or DICOM, its name ending so"
        ) from error
    return reader


def lay_label(label: sitk.Image, geometry: sitk.ImageFileReader, name: str) -> sitk.Image:
    """Return a label map whose pixels are those of its image, flipped and transposed where its geometry is.

    Args:
        label: of one slice.
        geometry: what `read_geometry` returned for the image.
        name: of the label map's file; where its format or its NIfTI header says nothing of places, pixel lies on pixel.

    Raises:
        InputError: it lies elsewhere.
    """
    forms = [label.GetMetaData(key) for key in ("qform_code", "sform_code") if label.HasMetaDataKey(key)]
    unsaid = bool(forms) and all(form in ("0", "NIFTI_XFORM_UNKNOWN") for form in forms)
    placeless = unsaid or name.lower().endswith(PLACELESS)
    if placeless or label.GetDimension() != geometry.GetDimension():
        return label
    there = geometry.GetOrigin(), geometry.GetSpacing(), geometry.GetDirection()
    here = label.GetOrigin(), label.GetSpacing(), label.GetDirection()
    if label.GetSize() == geometry.GetSize() and all(map(np.allclose, here, there)):
        return label
    laid = sitk.Resample(label, geometry.GetSize(), sitk.Transform(), sitk.sitkNearestNeighbor, *there, 0)
    pixels = [np.bincount(sitk.GetArrayViewFromImage(each).ravel().astype(np.int64)) for each in (label, laid)]
    if not np.array_equal(pixels[0][1:], pixels[1][1:]):
        raise InputError(
            f"{name}: the label map lies elsewhere than its image, or has pixels of another size; expected the same "
            "pixels, flipped or transposed at most: save it in the geometry of its image"
        )
    return laid


def write_label(label: np.ndarray, geometry: sitk.ImageFileReader, suffix: str, compress: bool) -> str:
    """Write a label map to a new temporary file and return its path.

    Args:
        label: uint8, `(columns, rows)`.
        geometry: what `read_geometry` returned for the image.
        suffix: of the file, which says its format.
        compress: whether the format may compress.

    Raises:
        InputError: ITK sees the image in another size.
    """
    size = geometry.GetSize()
    if tuple(size[:2]) != label.shape or any(length != 1 for length in size[2:]):
        raise InputError(f"ITK reads the image as {size}; expected {label.shape}, its columns and rows: save it as PNG")
    result = sitk.GetImageFromArray(label.T.reshape(tuple(reversed(size))))
    result.SetSpacing(geometry.GetSpacing())
    result.SetOrigin(geometry.GetOrigin())
    result.SetDirection(geometry.GetDirection())
    if suffix == ".png" and result.GetDimension() == 3:
        result = result[:, :, 0]
    with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
        pass
    sitk.WriteImage(result, file.name, useCompression=compress)
    return file.name
