"""Masks drawn on the fly from contours, so that no second copy of a collection is written."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.osirix import draw_region, read_osirix_rois

__all__ = ["DrawContourd", "draw_contour", "split_contour"]


def split_contour(contour: str) -> tuple[Path, list[int]]:
    """Return file and indices of an entry's `contour`, `FILE.xml#0,2`.

    Raises:
        InputError: it is of another form.
    """
    file, _, indices = contour.rpartition("#")
    numbers = indices.split(",")
    if not file or not all(number.isdecimal() for number in numbers):
        raise InputError(f"contour is {contour!r}; expected FILE.xml#0, or #0,2 for several")
    return Path(file), [int(number) for number in numbers]


def draw_contour(
    contour: str, image_size: Sequence[int], columns: slice = slice(None), rows: slice = slice(None)
) -> np.ndarray:
    """Return the mask of an entry's `contour`, or a part of it, binary, `(columns, rows)`, uint8.

    Args:
        contour: `FILE.xml#0,2`.
        image_size: (columns, rows) of the image.
        columns, rows: the part.

    Raises:
        InputError: the file cannot be read, or has no such region.
    """
    path, indices = split_contour(contour)
    rois = read_osirix_rois(path)
    (left, right, _), (top, bottom, _) = columns.indices(image_size[0]), rows.indices(image_size[1])
    mask = np.zeros((right - left, bottom - top), dtype=np.uint8)
    for index in indices:
        if not 0 <= index < len(rois) or not rois[index].is_region:
            raise InputError(f"{path}: has no region {index}; prepare the collection again")
        region, (x, y) = draw_region(rois[index].points, image_size)
        inside = region[max(left - x, 0) : max(right - x, 0), max(top - y, 0) : max(bottom - y, 0)]
        from_x, from_y = max(x - left, 0), max(y - top, 0)
        mask[from_x : from_x + inside.shape[0], from_y : from_y + inside.shape[1]] |= inside
    return mask


class DrawContourd(MapTransform):
    """Draw the mask of an entry that has a `contour` instead of a mask file, in the size of its image.

    Args:
        keys: where the mask is put, `(1, columns, rows)`, uint8: 0 and 255, as a contour says nothing of the class.
        contour_key: where an entry may say `FILE.xml#0,2`: an OsiriX file and the regions in it; without it, nothing
            is done.
        image_key: the loaded image.
    """

    def __init__(self, keys: KeysCollection, contour_key: str = "contour", image_key: str = "image") -> None:
        super().__init__(keys, allow_missing_keys=True)
        self.contour_key, self.image_key = contour_key, image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its mask drawn.

        Raises:
            InputError: the file cannot be read, or has no such region.
        """
        d = dict(data)
        if d.get(self.contour_key) is None:
            return d
        image = d[self.image_key]
        mask = torch.from_numpy(draw_contour(d[self.contour_key], image.shape[1:]))[None] * 255
        path, _ = split_contour(d[self.contour_key])
        meta = dict(image.meta, filename_or_obj=str(path)) if isinstance(image, MetaTensor) else None
        affine = image.affine if isinstance(image, MetaTensor) else None
        for key in self.keys:
            d[key] = MetaTensor(mask, affine=affine, meta=meta)
        return d
