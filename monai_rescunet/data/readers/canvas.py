"""What the results of an image are laid over: its size, its metadata, and the picture to draw on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_rescunet.data.readers.display import to_picture

__all__ = ["Canvas", "KeepCanvasd"]


@dataclass(frozen=True)
class Canvas:
    """What is kept of an image when its masses have been cut out.

    Attributes:
        size: (columns, rows).
        meta: what the reader says of the image.
        picture: grey levels for a person's eye, `(columns, rows)`, uint8; None where nothing is drawn.
    """

    size: tuple[int, int]
    meta: dict[str, Any]
    picture: torch.Tensor | None = None


class KeepCanvasd(MapTransform):
    """Keep of a mammogram what its results need, from the pixels that the network gets too: nothing is read twice.

    Args:
        keys: the image, one key, as `MammogramReader` gives it.
        picture: keep the picture too: of a DICOM image as its header says it is to be looked at.
        output_key: gets the `Canvas`.
    """

    def __init__(self, keys: KeysCollection = "image", picture: bool = True, output_key: str = "canvas") -> None:
        super().__init__(keys)
        self.picture, self.output_key = picture, output_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with the canvas."""
        d = dict(data)
        image = d[self.keys[0]]
        picture = _picture(image) if self.picture else None
        d[self.output_key] = Canvas((int(image.shape[1]), int(image.shape[2])), dict(image.meta), picture)
        return d


def _picture(image: MetaTensor) -> torch.Tensor:
    pixels = image.as_tensor()[0].numpy()
    return torch.from_numpy(to_picture(pixels, image.meta))
