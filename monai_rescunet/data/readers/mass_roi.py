"""From files to the region of interest in one transform, which reads no more of a mammogram than the region."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, LoadImaged, MapTransform

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.contour import DrawContourd, draw_contour
from monai_rescunet.data.readers.dicom import MappedMammogram
from monai_rescunet.data.readers.mammogram import MammogramReader, image_format
from monai_rescunet.data.readers.other_masses import PaintOtherMassesd
from monai_rescunet.transforms.label_map import ToLabelMapd
from monai_rescunet.transforms.locate import CropMassROId
from monai_rescunet.transforms.region import Region

__all__ = ["LoadMassROId"]


class LoadMassROId(MapTransform):
    """Load image and label map of the region of interest round a mass.

    The result is that of `LoadImaged` with the `MammogramReader`, `DrawContourd`, `ToLabelMapd`, `PaintOtherMassesd`
    and `CropMassROId` one after the other. Where an entry has a box or point, a contour and a class, and its image is
    an uncompressed DICOM file, as all of INbreast is, no more than the region is read: a mammogram of 27 MB is never in
    memory.

    It is for training, which needs no way back to the mammogram; validation has the five transforms.

    Args:
        image_key, label_key: of the image and of the label map.
        box_jitter, jitter_seed, roi: as in `CropMassROId`.
    """

    def __init__(self, image_key: str = "image", label_key: str = "label", **roi: Any) -> None:
        super().__init__([image_key, label_key])
        self.image_key, self.label_key = image_key, label_key
        self.crop = CropMassROId(self.keys, ["bilinear", "nearest"], label_key=label_key, **roi)
        self.load_whole = Compose(
            [
                LoadImaged(self.keys, reader=MammogramReader(), ensure_channel_first=True, allow_missing_keys=True),
                DrawContourd(label_key, image_key=image_key),
                ToLabelMapd(label_key),
                PaintOtherMassesd(label_key, image_key=image_key),
                self.crop,
            ]
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with image, float32, and label map, uint8, `(1, roi_size * extent, roi_size * extent)`.

        Raises:
            InputError: a file cannot be used, or the box or point is outside the image.
        """
        mammogram = self._mapped(data)
        if mammogram is None:
            return self.load_whole(data)
        d = dict(data)
        try:
            region, d["roi"] = self._region(d, mammogram)
        except InputError as error:
            raise InputError(f"{d[self.image_key]}: {error}") from None
        left, right = max(region.x, 0), min(region.x + region.width, mammogram.size[0])
        top, bottom = max(region.y, 0), min(region.y + region.height, mammogram.size[1])
        part = slice(left, right), slice(top, bottom)
        label = draw_contour(d["contour"], mammogram.size, *part) * np.uint8(CLASS_VALUES[d["class"]])
        image = mammogram.read(*part).astype(np.float32)
        side = round(self.crop.cropper.roi_size * self.crop.cropper.extent)
        within = Region(region.x - left, region.y - top, region.width, region.height)
        for key, array, mode in ((self.image_key, image, "bilinear"), (self.label_key, label, "nearest")):
            square = within.cut(torch.from_numpy(array)[None], side, mode)
            d[key] = MetaTensor(square, meta=dict(mammogram.meta, filename_or_obj=str(data[self.image_key])))
        return d

    def _mapped(self, data: Mapping[Hashable, Any]) -> MappedMammogram | None:
        """Return the entry's mammogram mapped, or None where the whole of it has to be loaded."""
        given = {key for key, value in data.items() if value is not None}
        if not given & {"box", "point"} or not given >= {"contour", "class"} or given & {self.label_key, "others"}:
            return None
        path = Path(data[self.image_key])
        return MappedMammogram.open(path) if path.is_file() and image_format(path) == "dicom" else None

    def _region(self, data: Mapping[Hashable, Any], mammogram: MappedMammogram) -> tuple[Region, dict[str, Any]]:
        """Return the region to cut out, and the entry's `roi`."""
        name = str(data[self.image_key])
        source, box, point = self.crop.locate(data, name, mammogram.size)
        cropper = self.crop.cropper
        region = cropper.region(mammogram.size, box, point, mammogram.meta.get("spacing")).widened(cropper.extent)
        return region, self.crop.described(source, box, point, mammogram.size)
