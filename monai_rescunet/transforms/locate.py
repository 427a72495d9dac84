"""Where the mass of an entry is, by whatever the entry says of it, and the crop of all its maps there."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import InvertibleTransform, MapTransform

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.boxes import Box, check_box, check_point, jitter_box, lesion_box
from monai_rescunet.transforms.lay_mask import lay_mask
from monai_rescunet.transforms.roi import CropMassROI

__all__ = ["CropMassROId"]


class CropMassROId(MapTransform, InvertibleTransform):
    """Dictionary form of `CropMassROI`: finds out where the mass is, and crops every key in the same place.

    The ROI is taken from the entry's box, else its point, else the bounding box of its label map; of an entry that says
    that its image is a crop of one mass it is the whole image. Which of them it was is kept in `roi` as `{"source":
    "box" | "point" | "label" | "image", "box": [...]}` (a point stands twice). Where image and label map say where they
    lie, the label map is laid by that (`lay_mask`).

    Args:
        keys: images and label maps to crop, all of one size.
        mode: `bilinear` or `nearest`, one or one for each key.
        box_key, point_key, label_key: where the entry may hold them; the label map need not be cropped itself.
        crop_key: where the entry may say, true, that its image is a crop of one mass.
        box_jitter: standard deviation of seeded noise on each edge of the box, as a fraction of the box's side: how a
            hurried hand would draw it. It depends on `jitter_seed`, the file's name and the mass alone.
        jitter_seed: see `box_jitter`.
        allow_missing_keys: crop those keys that are there.
        roi: the parameters of `CropMassROI`.
    """

    backend = CropMassROI.backend

    def __init__(
        self,
        keys: KeysCollection,
        mode: str | Sequence[str] = "bilinear",
        *,
        box_key: str = "box",
        point_key: str = "point",
        label_key: str = "label",
        crop_key: str = "crop",
        box_jitter: float = 0.0,
        jitter_seed: int = 0,
        allow_missing_keys: bool = False,
        **roi: Any,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.modes = (mode,) * len(self.keys) if isinstance(mode, str) else tuple(mode)
        self.box_key, self.point_key, self.label_key, self.crop_key = box_key, point_key, label_key, crop_key
        self.box_jitter, self.jitter_seed = box_jitter, jitter_seed
        self.cropper = CropMassROI(**roi)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its keys cropped, and with `roi`.

        Raises:
            InputError: the entry says nowhere where its mass is, or what it says does not fit the image.
        """
        d = dict(data)
        image = d[self.first_key(d)]
        name = str(getattr(image, "meta", {}).get("filename_or_obj", "the image"))
        size = tuple(image.shape[1:])
        try:
            if d.get(self.label_key) is not None:
                d[self.label_key] = lay_mask(d[self.label_key], image)
            for key in (*self.key_iterator(d), self.label_key):
                if d.get(key) is not None and tuple(d[key].shape[1:]) != size:
                    raise InputError(
                        f"its {key} has {tuple(d[key].shape[1:])} pixels and the image {size} (columns, rows): "
                        "they must be of one size"
                    )
            source, box, point = self.locate(d, name, size)
            for key, mode in self.key_iterator(d, self.modes):
                d[key] = self.cropper(d[key], box, point, mode)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        d["roi"] = self.described(source, box, point, size)
        return d

    @staticmethod
    def described(
        source: str, box: Box | None, point: tuple[float, float] | None, image_size: Sequence[int]
    ) -> dict[str, Any]:
        """Return `roi` of an entry for what `locate` found."""
        where = box or (point and point * 2) or (0, 0, *image_size)
        return {"source": source, "box": [float(value) for value in where]}

    def locate(
        self, d: Mapping[Hashable, Any], name: str, image_size: Sequence[int]
    ) -> tuple[str, Box | None, tuple[float, float] | None]:
        """Return how the mass of an entry is found, and its box or point.

        Args:
            d: the entry.
            name: of the image, which the noise on the box depends on.
            image_size: (columns, rows).

        Raises:
            InputError: the box or point is malformed or outside the image, or there is nothing of the kind.
        """
        if d.get(self.box_key) is not None:
            source, box = "box", check_box(d[self.box_key], image_size)
        elif d.get(self.point_key) is not None:
            return "point", None, check_point(d[self.point_key], image_size)
        elif d.get(self.label_key) is not None:
            source, box = "label", lesion_box(d[self.label_key])
        elif d.get(self.crop_key):
            return "image", None, None
        else:
            raise InputError(
                "nothing says where its mass is; give a box, a point or a mask, or say that the image is a crop of one "
                "mass"
            )
        if self.box_jitter:
            entry = zlib.crc32(f"{Path(name).name}#{d.get('mass', 0)}".encode())
            box = jitter_box(box, image_size, self.box_jitter, np.random.default_rng([self.jitter_seed, entry]))
        return source, box, None

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its keys back in the mammogram's geometry."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.cropper.inverse(d[key])
        return d
