"""A label map as a file that viewers lay over the image: in the geometry in which ITK has the image."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from monai_rescunet.core.errors import InputError

__all__ = ["read_geometry", "write_label"]


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
