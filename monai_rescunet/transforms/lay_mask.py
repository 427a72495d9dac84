"""A mask laid over its image by what both say of where they lie: pixels in another order are a mirror image."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from monai.data import MetaTensor

from monai_rescunet.core.errors import InputError

__all__ = ["lay_mask"]

TOLERANCE = 0.5  # pixels between where corners lie and where they should

MaskT = TypeVar("MaskT", bound=torch.Tensor)


def lay_mask(mask: MaskT, image: torch.Tensor) -> MaskT:
    """Return a mask whose pixels are those of its image, flipped and transposed where its geometry is.

    That is compared where a NIfTI header says it of one and any header of the other (`geometry` in the metadata of
    `MammogramReader`), or position and orientation of two DICOM files; else pixel is laid on pixel, as it is where the
    sizes do not fit anyhow.

    Args:
        mask: `(C, columns, rows)`.
        image: `(C, columns, rows)`.

    Raises:
        InputError: the two have no grid of pixels in common.
    """
    if not (isinstance(mask, MetaTensor) and isinstance(image, MetaTensor) and _comparable(mask, image)):
        return mask
    to_image = np.linalg.inv(_in_plane(image.affine.numpy())) @ _in_plane(mask.affine.numpy())
    columns, rows = mask.shape[1] - 1, mask.shape[2] - 1
    corners = np.array([[0, 0, 0, 1], [columns, 0, 0, 1], [0, rows, 0, 1], [columns, rows, 0, 1]], float).T
    found = (to_image @ corners)[:3]
    transposed = abs(to_image[0, 0]) < abs(to_image[0, 1])
    laid = mask.transpose(1, 2) if transposed else mask
    if laid.shape[1:] != image.shape[1:]:
        return mask
    expected = corners[[1, 0, 2] if transposed else [0, 1, 2]]
    flipped = [axis for axis in (0, 1) if found[axis, 0] > found[axis, 3]]
    for axis in flipped:
        expected[axis] = laid.shape[axis + 1] - 1 - expected[axis]
    if not np.abs(found - expected).max() < TOLERANCE:
        corner = ", ".join(f"{value:.1f}" for value in found[:, 0])
        raise InputError(
            f"its mask lies elsewhere by their headers: the mask's first pixel at ({corner}) of the image's pixels; "
            "expected the same pixels, flipped or transposed at most: save the mask in the geometry of its image, or "
            "as NIfTI with qform_code and sform_code 0 to lay pixel on pixel"
        )
    if not transposed and not flipped:
        return mask
    result = MetaTensor(torch.flip(laid.as_tensor(), [axis + 1 for axis in flipped]), meta=dict(mask.meta))
    result.affine = image.affine
    return result


def _comparable(mask: MetaTensor, image: MetaTensor) -> bool:
    said = [tensor.meta.get("geometry", "none") for tensor in (mask, image)]
    return "none" not in said and ("nifti" in said or said == ["plane", "plane"])


def _in_plane(affine: np.ndarray) -> np.ndarray:
    """Return an affine whose third axis is the normal of the slice, 1 mm long, whatever a file of one slice says of it.

    Raises:
        InputError: it has no plane.
    """
    result = affine.astype(float)
    normal = np.cross(result[:3, 0], result[:3, 1])
    length = np.linalg.norm(normal)
    if not (np.isfinite(result).all() and length > 0):
        raise InputError("the geometry in its header, or in its mask's, is none: its axes span no plane")
    result[:3, 2] = normal / length
    return result
