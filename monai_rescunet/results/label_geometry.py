"""A label map as NIfTI where ITK and 3D Slicer show its image."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import nibabel
import numpy as np

from monai_rescunet.core.result_names import RESULT_MARK

__all__ = ["label_nifti"]

NIFTI1_BYTES = 348
FASTEST = 1  # level of compression: label maps become small at any
SCANNER = 1  # code of qform and sform: coordinates of the scanner, as DICOM has them


def label_nifti(label: np.ndarray, meta: Mapping[str, Any], source: str = "") -> bytes:
    """Return a label map as the content of a `.nii.gz` file, byte for byte the same for the same map.

    Of a NIfTI image it has the header, codes and units among it; of a DICOM image the geometry in which ITK has that,
    with the pixel spacing that viewers show. Where `area_mm2` was computed by another one (a calibration, the estimated
    magnification), the header's description says by which.

    Args:
        label: uint8, `(columns, rows)`.
        meta: of the image, as `MammogramReader` gives it.
        source: what tells the image from all others, at most 16 characters; it stands in `intent_name`, and in
            `aux_file` that the file is a result.
    """
    shape = tuple(int(length) for length in meta.get("nifti_shape", label.shape))
    if "nifti_header" in meta:
        image = _like_nifti(label.reshape(shape, order="F"), np.asarray(meta["nifti_header"], np.uint8).tobytes())
    else:
        image = nibabel.Nifti1Image(label.reshape(shape, order="F"), np.asarray(meta["original_affine"], float))
        image.set_sform(image.affine, SCANNER)
        image.set_qform(image.affine, SCANNER)
        if "spacing" in meta or meta.get("geometry") == "plane":
            image.header.set_xyzt_units("mm")
        image.header["descrip"] = _description(image, meta).encode()
    image.header["aux_file"], image.header["intent_name"] = RESULT_MARK.encode(), source.encode()
    content = BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", compresslevel=FASTEST, mtime=0) as file:
        file.write(image.to_bytes())
    return content.getvalue()


def _like_nifti(label: np.ndarray, header_bytes: bytes) -> nibabel.Nifti1Image:
    """Return a label map with the place and units of its image; as NIfTI-1, since ITK reads no NIfTI-2."""
    header_class = nibabel.Nifti2Header if len(header_bytes) > NIFTI1_BYTES else nibabel.Nifti1Header
    source = header_class(header_bytes)
    image = nibabel.Nifti1Image(label, None)
    image.header.set_zooms(source.get_zooms())
    image.header.set_xyzt_units(*source.get_xyzt_units())
    for name, forms in (("qform_code", ("get_qform", "set_qform")), ("sform_code", ("get_sform", "set_sform"))):
        code = int(source[name])
        if code:
            getattr(image.header, forms[1])(getattr(source, forms[0])(), code)
        image.header[name] = code
    image.header["pixdim"][1:4] = source["pixdim"][1:4]
    return image


def _description(image: nibabel.Nifti1Image, meta: Mapping[str, Any]) -> str:
    if "spacing" not in meta:
        return ""
    column, row = (float(length) for length in np.asarray(meta["spacing"]))
    if np.allclose(image.header.get_zooms()[:2], (column, row), rtol=1e-3):
        return ""
    return f"area_mm2: {column:.5g} x {row:.5g} mm ({meta['spacing_source']})"[:79]
