"""The other masses of an image, each in a mask of its own, painted into a mass's label map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Compose, LoadImaged, MapTransform

from monai_rescunet.core.classes import BACKGROUND
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.contour import DrawContourd
from monai_rescunet.data.readers.mammogram import MammogramReader
from monai_rescunet.transforms.boxes import lesion_box
from monai_rescunet.transforms.label_map import ToLabelMapd
from monai_rescunet.transforms.lay_mask import lay_mask

__all__ = ["PaintOtherMassesd"]


class PaintOtherMassesd(MapTransform):
    """Paint the other masses of an image into the label map of one, so that they are no background in its crop.

    It comes between `ToLabelMapd` and `CropMassROId`. The entry's own mass lies over the others, and of others
    that overlap the malignant one lies on top. An entry with neither box nor point gets `box`, that of its own mass.

    Args:
        keys: the label maps, `(1, columns, rows)`, uint8, of the image's pixels or laid over it by their geometry.
        others_key: where `read_datalist` puts the other masses: a list of what each has of `label`, `contour` and
            `class`; without it, nothing is done.
        image_key: the loaded image.
    """

    def __init__(self, keys: KeysCollection, others_key: str = "others", image_key: str = "image") -> None:
        super().__init__(keys, allow_missing_keys=True)
        self.others_key, self.image_key = others_key, image_key
        self.load = Compose(
            [
                LoadImaged("label", reader=MammogramReader(), ensure_channel_first=True, allow_missing_keys=True),
                DrawContourd("label", image_key=image_key),
                ToLabelMapd("label"),
            ]
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with the other masses painted and no longer listed.

        Raises:
            InputError: a mask cannot be used, or has another size than the image.
        """
        d = dict(data)
        image = d[self.image_key]
        for key in self.key_iterator(d) if d.get(self.others_key) else ():
            own = lay_mask(d[key], image)
            if d.get("box") is None and d.get("point") is None:
                d["box"] = list(lesion_box(own))
            others = torch.zeros_like(own.as_tensor())
            for other in d[self.others_key]:
                label = lay_mask(self.load({**other, self.image_key: image})["label"], image)
                if label.shape != own.shape:
                    raise InputError(
                        f"{label.meta['filename_or_obj']}: the mask of another mass has {tuple(label.shape[1:])} "
                        f"pixels and the image {tuple(own.shape[1:])} (columns, rows): they must be of one size"
                    )
                others = others.maximum(label.as_tensor())
            painted = torch.where(own.as_tensor() == BACKGROUND, others, own.as_tensor())
            d[key] = MetaTensor(painted).copy_meta_from(own)
        d.pop(self.others_key, None)
        return d
