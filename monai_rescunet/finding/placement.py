"""Where a breast lies in the finder's frame: from pixels of the stored image to pixels of the frame and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from monai_rescunet.transforms.boxes import Box

__all__ = ["Placement"]

MARGIN = 0.02
"""Round the breast, of the picture's longer side: what a threshold missed of its rim."""


class Placement(NamedTuple):
    """A rectangle of the stored image, and the rectangle of the frame that it is resampled to.

    Attributes:
        x, y, width, height: of the rectangle in the stored image, pixels.
        columns, rows: its size in the frame, pixels; its left edge is the frame's.
        top: the frame's row where it begins.
        mirrored: 1 where the chest wall lies right in the stored image, so that the frame holds it mirrored.
    """

    x: int
    y: int
    width: int
    height: int
    columns: int
    rows: int
    top: int
    mirrored: int

    @classmethod
    def of(
        cls,
        mask: Tensor,
        image_size: Sequence[int],
        frame_size: Sequence[int],
        true_size: Sequence[float] | None = None,
    ) -> Placement:
        """Return the placement of a breast; of the whole picture where there is none.

        Args:
            mask: where the breast is, `(columns, rows)` of the picture at any scale.
            image_size, frame_size: (columns, rows) of the stored image and of the frame.
            true_size: (columns, rows) that the picture had before it was stretched.
        """
        ends, halves = [], torch.zeros(2)
        for axis, length in enumerate(image_size):
            along = mask.sum(dim=1 - axis)
            there = along.nonzero().flatten()
            scale = length / len(along)
            margin = MARGIN * length
            first, last = (float(there[0]), float(there[-1]) + 1) if len(there) else (0.0, float(len(along)))
            ends.append((max(0, round(first * scale - margin)), min(length, round(last * scale + margin))))
            if axis == 0 and len(there):
                middle = round((first + last) / 2)
                halves = torch.stack([along[:middle].sum(), along[middle:].sum()])
        (x, x_end), (y, y_end) = ends
        width, height = x_end - x, y_end - y
        # the stored image's pixels are true_size / image_size as wide as they are high
        aspect = 1.0 if true_size is None else (true_size[0] / image_size[0]) / (true_size[1] / image_size[1])
        scale = min(frame_size[0] / (width * aspect), frame_size[1] / height)
        columns = min(max(1, round(width * aspect * scale)), frame_size[0])
        rows = min(max(1, round(height * scale)), frame_size[1])
        return cls(x, y, width, height, columns, rows, (frame_size[1] - rows) // 2, int(halves[1] > halves[0]))

    def cut(self, image: Tensor, frame_size: Sequence[int]) -> Tensor:
        """Return the frame with the rectangle in its place, antialiased, zeros beside it, `frame_size`, float32.

        Args:
            image: `(columns, rows)` of the stored image.
            frame_size: (columns, rows).
        """
        part = image[self.x : self.x + self.width, self.y : self.y + self.height].float()
        content = F.interpolate(
            part[None, None], (self.columns, self.rows), mode="bilinear", antialias=True, align_corners=False
        )[0, 0]
        frame = torch.zeros(tuple(frame_size), device=image.device)
        frame[: self.columns, self.top : self.top + self.rows] = content.flip(0) if self.mirrored else content
        return frame

    def positions(self, image_size: Sequence[int], frame_size: Sequence[int]) -> Tensor:
        """Return where the frame's pixels lie in the stored image, `(*frame_size, 2)`, (x, y), 0 to 1 from end to end.

        Args:
            image_size, frame_size: (columns, rows).
        """
        x = (torch.arange(frame_size[0]) + 0.5) / self.columns
        x = (1 - x if self.mirrored else x) * self.width + self.x
        y = (torch.arange(frame_size[1]) + 0.5 - self.top) / self.rows * self.height + self.y
        return torch.stack(torch.meshgrid(x / image_size[0], y / image_size[1], indexing="ij"), dim=-1)

    def paste(self, frame: Tensor, image_size: Sequence[int]) -> Tensor:
        """Return a map of the stored image's size: the frame's content in its place, zeros elsewhere.

        Args:
            frame: `(C, *frame_size)`.
            image_size: (columns, rows).
        """
        content = frame[:, : self.columns, self.top : self.top + self.rows].float()
        content = content.flip(1) if self.mirrored else content
        full = torch.zeros((frame.shape[0], *image_size), device=frame.device)
        full[:, self.x : self.x + self.width, self.y : self.y + self.height] = F.interpolate(
            content[None], (self.width, self.height), mode="bilinear", antialias=True, align_corners=False
        )[0]
        return full

    def to_frame(self, box: Sequence[float]) -> Box:
        """Return a box of the stored image in the frame; it may leave the frame."""
        x_scale, y_scale = self.columns / self.width, self.rows / self.height
        x_min, x_max = ((x - self.x) * x_scale for x in (box[0], box[2]))
        y_min, y_max = ((y - self.y) * y_scale + self.top for y in (box[1], box[3]))
        if self.mirrored:
            x_min, x_max = self.columns - x_max, self.columns - x_min
        return x_min, y_min, x_max, y_max

    def to_image(self, box: Sequence[float]) -> Box:
        """Return a box of the frame in the stored image, cut off at the rectangle that the frame holds."""
        x_min, y_min, x_max, y_max = box
        if self.mirrored:
            x_min, x_max = self.columns - x_max, self.columns - x_min
        x_scale, y_scale = self.width / self.columns, self.height / self.rows
        x_min, x_max = (min(max(x * x_scale, 0), self.width) + self.x for x in (x_min, x_max))
        y_min, y_max = (min(max((y - self.top) * y_scale, 0), self.height) + self.y for y in (y_min, y_max))
        return x_min, y_min, x_max, y_max
