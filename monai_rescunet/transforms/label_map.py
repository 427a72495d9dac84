"""Bring masks as collections hold them to the label map: 0 background, 1 benign mass, 2 malignant mass."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from monai_rescunet.core.classes import BACKGROUND, CLASS_VALUES, PAPER_GREY_LEVELS, UNDECIDED
from monai_rescunet.core.errors import EMPTY_MASK, InputError

__all__ = ["ToLabelMap", "ToLabelMapd"]

INVERTED_AREA, INVERTED_BORDER = 0.5, 0.75
"""A mask that marks more of the image and at least so much of its border is no mass's; a tight crop's touches it."""


class ToLabelMap(Transform):
    """Turn a mask into a label map of 0 background, 1 benign mass, 2 malignant mass.

    Accepted are a label map (0, 1, 2) that no class stands beside, the paper's grey levels (0, 128, 255; section II-A),
    and, where the class of the mass is given, a binary mask: background and one other value, which becomes that class.
    Several channels, one mask each, are one set of lesions: their union. What may mean something else is refused: the
    values 1 and 2 beside a class, which may be the numbers of lesions, and masks that seem to be inverted.

    Args:
        undecided: accept a binary mask without a class too, as 3: it says where a mass is.

    Example:
        >>> import torch
        >>> ToLabelMap()(torch.tensor([[[0, 255], [0, 255]]]), "malignant").unique().tolist()
        [0, 2]
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, undecided: bool = False) -> None:
        self.undecided = undecided

    def __call__(self, mask: NdarrayOrTensor, mass_class: str | None = None) -> torch.Tensor:
        """Return the label map, `(1, *spatial)`, uint8.

        Args:
            mask: `(C, *spatial)`.
            mass_class: `benign` or `malignant`, where it is known.

        Raises:
            InputError: the mask is empty, has other values, contradicts `mass_class`, is binary and has no class, has
                no background, or marks most of the image and of its border, as an inverted mask does.
        """
        mask = convert_to_tensor(mask, track_meta=isinstance(mask, MetaTensor))
        if mass_class is not None and mass_class not in CLASS_VALUES:
            raise InputError(f"class is {mass_class!r}; expected one of {', '.join(CLASS_VALUES)}")
        mask = mask.amax(dim=0, keepdim=True)
        found = tuple(value for value in torch.unique(mask).tolist() if value != BACKGROUND)
        mapping = self._mapping(found, mass_class)
        _check_background(mask)
        label = torch.zeros_like(mask, dtype=torch.uint8)
        for value, label_value in mapping.items():
            label[mask == value] = label_value
        return label

    def _mapping(self, found: tuple[float, ...], mass_class: str | None) -> dict[float, int]:
        """Say which label value each grey value found in the mask stands for."""
        if not found:
            raise InputError(EMPTY_MASK)
        if set(found) == set(CLASS_VALUES.values()) and mass_class is not None:
            raise InputError(
                f"the mask holds the values 1 and 2, and the class beside it is {mass_class!r}: are they classes or "
                "the numbers of lesions? Save the lesions as 255 in one mask, or each class in a mask of its own"
            )
        label_map = {value: value for value in CLASS_VALUES.values()}
        for levels in (label_map, PAPER_GREY_LEVELS):
            if len(found) > 1 and set(found) <= set(levels):
                return {value: levels[int(value)] for value in found}
        if len(found) > 1:
            values = ", ".join(f"{value:g}" for value in found[:6])
            raise InputError(
                f"the mask holds the values {values}{', ...' if len(found) > 6 else ''} beside 0; expected a binary "
                "mask, a label map of 0, 1, 2, or the grey levels 0, 128, 255: save masks without smoothing or JPEG"
            )
        (value,) = found
        # 2 and 128 name their class wherever they stand; 1 and 255 are also what binary masks hold.
        named = {2: 2, 128: 1}.get(int(value)) if value in (2, 128) else None
        if mass_class is None:
            if named is None and value != 1:
                if self.undecided:
                    return {value: UNDECIDED}
                raise InputError(
                    f"the mask holds only 0 and {value:g}, which does not say whether the mass is benign or malignant: "
                    "give its class beside it, or save a label map of 0, 1, 2"
                )
            return {value: named or int(value)}
        if named is not None and named != CLASS_VALUES[mass_class]:
            raise InputError(f"the mask's value {value:g} contradicts the class {mass_class!r}: correct one of them")
        return {value: CLASS_VALUES[mass_class]}


def _check_background(mask: torch.Tensor) -> None:
    """Refuse a mask, `(1, *spatial)`, without background, or whose marked part looks like the background."""
    marked = mask != BACKGROUND
    area = float(marked.float().mean())
    if area == 1:
        raise InputError(
            "no pixel of the mask is 0; expected 0 in the background and another value in the mass: correct the mask"
        )
    inner = marked[(slice(None), *(slice(1, -1) for _ in marked.shape[1:]))]
    border = (int(marked.sum()) - int(inner.sum())) / max(marked.numel() - inner.numel(), 1)
    if area > INVERTED_AREA and border >= INVERTED_BORDER:
        raise InputError(
            f"the mask marks {area:.0%} of the image and {border:.0%} of its border, as an inverted one does; expected "
            "0 in the background and another value in the mass: invert it"
        )


class ToLabelMapd(MapTransform):
    """Dictionary form of `ToLabelMap`; the class is read from the entry, and errors name the mask's file.

    Args:
        keys: the masks.
        class_key: where the entry holds `benign` or `malignant`; it may be missing.
        undecided: as in `ToLabelMap`.
        allow_missing_keys: do nothing for an entry without a mask.
    """

    backend = ToLabelMap.backend

    def __init__(
        self,
        keys: KeysCollection,
        class_key: str = "class",
        undecided: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.class_key = class_key
        self.to_label_map = ToLabelMap(undecided)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its masks replaced by label maps."""
        d = dict(data)
        for key in self.key_iterator(d):
            try:
                d[key] = self.to_label_map(d[key], d.get(self.class_key))
            except InputError as error:
                name = d[key].meta.get("filename_or_obj", key) if isinstance(d[key], MetaTensor) else key
                raise InputError(f"{name}: {error}") from None
        return d
