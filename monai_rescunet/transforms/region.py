"""A rectangle of an image, how it is cut out and resampled to a square, and how it is put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Region"]


class Region(NamedTuple):
    """A rectangle of an image, in pixels: its corner of smallest coordinates, which may lie outside, and its size."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def inside(cls, image_size: Sequence[int], centre: Sequence[float], size: Sequence[float]) -> Region:
        """Return the rectangle of a size round a centre, shifted into the image.

        Where the image is too small to hold it, it is centred on the image and leaves it on both sides.

        Args:
            image_size: (columns, rows).
            centre: (x, y), pixels.
            size: (width, height), pixels.
        """
        width, height = (round(length) for length in size)
        x, y = (
            min(max(round(middle - side / 2), 0), length - side) if side <= length else (length - side) // 2
            for middle, side, length in zip(centre, (width, height), image_size, strict=True)
        )
        return cls(x, y, width, height)

    def widened(self, extent: float) -> Region:
        """Return the rectangle of `extent` times the size round the same centre."""
        width, height = round(self.width * extent), round(self.height * extent)
        return Region(self.x - (width - self.width) // 2, self.y - (height - self.height) // 2, width, height)

    def affine(self, side: int) -> Tensor:
        """Return where the pixels of the resampled square lie in the image, `(3, 3)`, float64."""
        affine = torch.eye(3, dtype=torch.float64)
        for axis, (corner, length) in enumerate(((self.x, self.width), (self.y, self.height))):
            scale = length / side
            affine[axis, axis], affine[axis, 2] = scale, corner + (scale - 1) / 2
        return affine

    def cut(self, image: Tensor, side: int, mode: str) -> Tensor:
        """Return the rectangle resampled, `(C, side, side)`; where it leaves the image, the image reflected.

        Args:
            image: `(C, columns, rows)`.
            side: of the result, pixels.
            mode: `bilinear`, antialiased, or `nearest`.
        """
        columns = _reflected(self.x, self.width, image.shape[1]).to(image.device)
        rows = _reflected(self.y, self.height, image.shape[2]).to(image.device)
        return _resize(image[:, columns][:, :, rows], (side, side), mode)

    def paste(self, square: Tensor, image_size: Sequence[int], mode: str) -> Tensor:
        """Return a map of the image's size: the rectangle in its place, zeros elsewhere.

        Args:
            square: `(C, side, side)`.
            image_size: (columns, rows).
            mode: `bilinear` or `nearest`.
        """
        (x, y), part = self.inside_part(square, image_size, mode)
        full = torch.zeros((part.shape[0], *image_size), dtype=part.dtype, device=part.device)
        full[:, x : x + part.shape[1], y : y + part.shape[2]] = part
        return full

    def inside_part(self, square: Tensor, image_size: Sequence[int], mode: str) -> tuple[tuple[int, int], Tensor]:
        """Return the corner and the pixels, `(C, columns, rows)`, of that part of the rectangle that the image has.

        Args:
            square: `(C, side, side)`.
            image_size: (columns, rows).
            mode: `bilinear` or `nearest`.
        """
        x, y, width, height = self
        columns, rows = image_size
        roi = _resize(square, (width, height), mode)
        x_from, x_to, y_from, y_to = max(x, 0), min(x + width, columns), max(y, 0), min(y + height, rows)
        return (x_from, y_from), roi[:, x_from - x : x_to - x, y_from - y : y_to - y]


def _reflected(start: int, length: int, size: int) -> Tensor:
    """Return the indices of consecutive pixels of an axis that goes on in its mirror image on both sides."""
    index = torch.arange(start, start + length) % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def _resize(image: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resample `(C, columns, rows)`."""
    if mode == "nearest":
        return F.interpolate(image[None].float(), size, mode="nearest-exact")[0].to(image.dtype)
    return F.interpolate(image[None].float(), size, mode="bilinear", antialias=True, align_corners=False)[0]
