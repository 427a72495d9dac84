"""The outline of a mass: a small array and where it lies in its image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TransformBackends, convert_to_tensor
from scipy import ndimage

from monai_rescunet.core.classes import NO_LESION
from monai_rescunet.transforms.histogram import quantise
from monai_rescunet.transforms.roi import CropMassROI

__all__ = ["KeepOwnMassd", "Outline", "OutlineMassd"]


@dataclass(frozen=True)
class Outline:
    """The pixels of one mass.

    Attributes:
        corner: column and row in the image of the first pixel of `mask`.
        mask: bool, `(columns, rows)` of the smallest region that has all of the mass; of no size where it is empty.
    """

    corner: tuple[int, int]
    mask: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray, corner: Sequence[int] = (0, 0)) -> Outline:
        """Return the outline of what is not 0 in a mask, `(columns, rows)`, whose first pixel lies at `corner`."""
        found = mask != 0
        columns, rows = (np.flatnonzero(found.any(axis=axis)) for axis in (1, 0))
        if not len(columns):
            return cls((int(corner[0]), int(corner[1])), np.zeros((0, 0), dtype=bool))
        left, top = int(columns[0]), int(rows[0])
        inside = found[left : columns[-1] + 1, top : rows[-1] + 1]
        return cls((int(corner[0]) + left, int(corner[1]) + top), np.ascontiguousarray(inside))

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Columns and rows of the image that `mask` is of."""
        (x, y), (width, height) = self.corner, self.mask.shape
        return slice(x, x + width), slice(y, y + height)

    def whole(self, size: Sequence[int]) -> np.ndarray:
        """Return it as a bool array `(columns, rows)` of the image's size."""
        image = np.zeros(tuple(size), dtype=bool)
        image[self.slices] = self.mask
        return image

    def together(self, other: Outline) -> tuple[np.ndarray, np.ndarray]:
        """Return both as bool arrays of the smallest region that has them."""
        outlines = [outline for outline in (self, other) if outline.area] or [self]
        x, y = (min(outline.corner[axis] for outline in outlines) for axis in (0, 1))
        right, bottom = (
            max(outline.corner[axis] + outline.mask.shape[axis] for outline in outlines) for axis in (0, 1)
        )
        moved = (Outline((o.corner[0] - x, o.corner[1] - y) if o.area else (0, 0), o.mask) for o in (self, other))
        first, second = (outline.whole((right - x, bottom - y)) for outline in moved)
        return first, second


class OutlineMassd(MapTransform):
    """Cut M at lambda1 in the mammogram's own pixels, within the region of interest alone.

    It is what MONAI's `Invertd` and `PaintMassd` do, without an array of the whole mammogram. Where no lesion was found
    the outline is empty.

    Args:
        keys: M in [0, 1], `(1, size, size)`, with the trace of the `CropMassROI` that its image went through.
        result_key: the result of `ModifiedOtsud`.
        output_key: gets the `Outline`.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, keys: KeysCollection, result_key: str = "result", output_key: str = "outline") -> None:
        super().__init__(keys)
        self.result_key, self.output_key = result_key, output_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with the outline."""
        d = dict(data)
        for key in self.key_iterator(d):
            result = d[self.result_key]
            if result["decision"] == NO_LESION:
                d[self.output_key] = Outline.of(np.zeros((0, 0), dtype=bool))
                continue
            corner, region = CropMassROI.in_place(d[key])
            d[self.output_key] = Outline.of((quantise(region[0]) > result["lambda1"]).cpu().numpy(), corner)
        return d


class KeepOwnMassd(MapTransform):
    """Reduce an image's annotated masses to the outline of those that reach into an entry's own region, whole.

    Where none does, all of them stay.

    Args:
        keys: label maps of the image, `(1, columns, rows)`; each becomes an `Outline`.
        roi_key: what `CropMassROId` says of the region.
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, keys: KeysCollection, roi_key: str = "roi") -> None:
        super().__init__(keys, allow_missing_keys=True)
        self.roi_key = roi_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its own masses' outline."""
        d = dict(data)
        for key in self.key_iterator(d):
            if d[key] is None:
                continue
            plain = d[key].as_tensor() if isinstance(d[key], MetaTensor) else convert_to_tensor(d[key])
            d[key] = _own_mass(Outline.of(torch.as_tensor(plain)[0].cpu().numpy()), d[self.roi_key]["box"])
        return d


def _own_mass(masses: Outline, box: Sequence[float]) -> Outline:
    """Return those of an image's masses that reach into a box `[x_min, y_min, x_max, y_max]`; a point stands twice."""
    components, count = ndimage.label(masses.mask)
    x, y = masses.corner
    x_min, y_min, x_max, y_max = (int(value) for value in box)
    columns, rows = (
        slice(max(x_min - x, 0), max(x_max, x_min + 1) - x),
        slice(max(y_min - y, 0), max(y_max, y_min + 1) - y),
    )
    reached = components[columns, rows] if columns.stop > 0 and rows.stop > 0 else components[:0]
    own = np.unique(reached)
    own = own[own > 0]
    if count <= 1 or len(own) == 0:
        return masses
    return Outline.of(np.isin(components, own), masses.corner)
