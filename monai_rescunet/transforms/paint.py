"""From the grey map M and its thresholds to the label map: the outline painted with the class that was decided on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TransformBackends

from monai_rescunet.core.classes import CLASS_VALUES, NO_LESION, UNDECIDED
from monai_rescunet.transforms.histogram import quantise

__all__ = ["PaintMassd"]


class PaintMassd(MapTransform):
    """Cut M at lambda1 and paint what lies above with the value of the decision: 1 benign mass, 2 malignant mass.

    M may have been resampled since its thresholds were found, to the full mammogram for instance. Where no lesion was
    found nothing is painted; a mass without a decision (binary supervision) is painted 3.

    Args:
        keys: M in [0, 1], `(1, *spatial)`.
        result_key: the result of `ModifiedOtsud`.
        output_key: gets the label map, `(1, *spatial)`, uint8.
        allow_missing_keys: do nothing for an entry without M.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        result_key: str = "result",
        output_key: str = "mask",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.result_key, self.output_key = result_key, output_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its label map."""
        d = dict(data)
        for key in self.key_iterator(d):
            result = d[self.result_key]
            plain = d[key].as_tensor() if isinstance(d[key], MetaTensor) else d[key]
            label = torch.zeros_like(plain, dtype=torch.uint8)
            if result["decision"] != NO_LESION:
                label[quantise(plain) > result["lambda1"]] = CLASS_VALUES.get(result["decision"], UNDECIDED)
            d[self.output_key] = label
        return d
