"""The breast as the finder sees it, whatever the mammogram: alone, upright, chest wall left, one size, one tone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TraceKeys, TransformBackends, convert_to_tensor
from torch import Tensor
from torch.nn import functional as F

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import STRETCHED, with_remark
from monai_rescunet.finding.breast import breast_mask, is_stretched, reduced_picture
from monai_rescunet.finding.placement import Placement

__all__ = ["BreastFrame", "BreastFramed"]

DARK, BRIGHT, MIDDLE = 2.0, 99.5, 0.4
"""Percentiles of the breast that become 0 and 1, and what its median becomes."""
SCAN_ASPECT = 0.585
"""Width over height of a scanned film, the median of CBIS-DDSM's, where a stretched picture does not tell its own."""
MOST_STRETCHED = 2.5
"""Ratio of a pixel's sides at most: films in a square have 1.3 to 2."""
RIM = 0.03
"""Part of the picture at each end that does not count in them: white edges of films."""


class BreastFrame(InvertibleTransform):
    """Cut out the breast and bring it to one size and tone.

    The largest bright region is taken for the breast and everything else blacked out: labels, markers, film edges and
    padding. It is mirrored where the chest wall lies right, scaled into the frame with its aspect kept, its left edge
    at the frame's left edge, and its grey levels are brought to [0, 1] by percentiles and a gamma that gives their
    median one value; so neither bit depth nor the tone curve of a scanner is left of them. A picture without a breast
    becomes an empty frame.

    Args:
        frame_size: (columns, rows) of the frame.

    Example:
        >>> import torch
        >>> picture = torch.zeros(1, 300, 400)
        >>> picture[:, 180:, 50:350] = 1000 + 100 * torch.rand(120, 300)
        >>> frame = BreastFrame((64, 112))
        >>> framed = frame(picture)
        >>> framed.shape, frame.inverse(framed).shape
        (torch.Size([1, 64, 112]), torch.Size([1, 300, 400]))
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, frame_size: Sequence[int] = (256, 448)) -> None:
        if len(frame_size) != 2 or min(frame_size) < 1:
            raise InputError(f"frame_size is {frame_size}; expected (columns, rows), above 0")
        self.frame_size = int(frame_size[0]), int(frame_size[1])

    def __call__(self, image: Tensor, true_size: Sequence[float] | None = None) -> MetaTensor:
        """Return the frame, `(1, *frame_size)`, float32 in [0, 1], its `Placement` in the trace and in `meta`.

        Args:
            image: `(C, columns, rows)`; the first channel is looked at.
            true_size: (columns, rows) that the picture had before it was stretched; only their ratio matters. Without
                it, the `spacing` in the metadata tells how wide a pixel is for its height. Without both, a square
                picture that was not padded to one, see `is_stretched`, is taken for a film's scan stretched, of 0.585
                times its height in width, which is remarked in the metadata. Boxes come back to the stored image
                either way.

        Raises:
            InputError: with the true size pixels would be more than 2.5 times as wide as high, or the other way round.
            ValueError: the image is not `(C, columns, rows)`.
        """
        if image.ndim != 3:
            raise ValueError(f"the image's shape is {tuple(image.shape)}; expected (C, columns, rows)")
        tensor: MetaTensor = convert_to_tensor(image, track_meta=True)
        values = tensor.as_tensor()[0].float()
        values = torch.nan_to_num(values)
        reduced = reduced_picture(values[None])
        mask = breast_mask(reduced)
        size = tuple(values.shape)
        spacing = tensor.meta.get("spacing")
        if true_size is not None:
            _check_true_size(true_size, size)
        elif spacing is not None:
            true_size = size[0] * float(spacing[0]), size[1] * float(spacing[1])
        guessed = true_size is None and size[0] == size[1] and is_stretched(reduced, mask)
        if guessed:
            true_size = (SCAN_ASPECT, 1.0)
        placement = Placement.of(mask, size, self.frame_size, true_size)
        framed = torch.zeros(self.frame_size) if not mask.any() else self._toned(placement, values, mask)
        result = MetaTensor(framed[None].to(values.device)).copy_meta_from(tensor)
        result.meta["placement"] = list(placement)
        if guessed:
            result.meta = with_remark(result.meta, STRETCHED)
        info = {"placement": list(placement), "affine": tensor.affine}
        traced: MetaTensor = self.push_transform(result, orig_size=size, extra_info=info)
        return traced

    def _toned(self, placement: Placement, values: Tensor, mask: Tensor) -> Tensor:
        """Return the breast in its place in the frame, in one tone."""
        positions = placement.positions(tuple(values.shape), self.frame_size)
        # grid_sample's x is the last axis, from -1 to 1
        inside = (
            F.grid_sample(mask[None, None].float(), 2 * positions.flip(-1)[None] - 1, align_corners=False)[0, 0] > 0.5
        )
        framed = placement.cut(values, self.frame_size).cpu()
        breast = framed[inside & ((positions > RIM) & (positions < 1 - RIM)).all(dim=-1)]
        if breast.numel() == 0:
            return torch.zeros(self.frame_size)
        low, median, high = np.percentile(breast.numpy(), [DARK, 50, BRIGHT])
        span = max(high - low, np.finfo(np.float32).tiny)
        gamma = float(np.clip(np.log(MIDDLE) / np.log(np.clip((median - low) / span, 1e-3, 0.999)), 0.4, 2.5))
        toned = ((framed - low) / span).clamp(0, 1) ** gamma
        # what is breast is never quite black, so that the frame tells where it is
        return torch.where(inside, toned.clamp(min=1 / 255), torch.zeros(()))

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """Return a map of the mammogram's size: the frame's content in its place, zeros elsewhere.

        Args:
            data: what `__call__` returned, or a map of the same geometry with its trace, `(C, *frame_size)`.
        """
        trace = self.pop_transform(data)
        placement = Placement(*trace[TraceKeys.EXTRA_INFO]["placement"])
        size = [int(length) for length in trace[TraceKeys.ORIG_SIZE]]
        result = MetaTensor(placement.paste(data.as_tensor(), size)).copy_meta_from(data)
        result.affine = trace[TraceKeys.EXTRA_INFO]["affine"]
        return result


def _check_true_size(true_size: Sequence[float], size: Sequence[int]) -> None:
    """Refuse a true size that no stretching explains; of columns and rows exchanged, say."""
    aspect = (true_size[0] / size[0]) / (true_size[1] / size[1])
    if not 1 / MOST_STRETCHED <= aspect <= MOST_STRETCHED:
        raise InputError(
            f"true_size is {tuple(true_size)} and the picture has {tuple(size)} columns and rows: its pixels would be "
            f"{aspect:.2g} times as wide as high; expected the columns and rows that it had before it was stretched"
        )


class BreastFramed(MapTransform, InvertibleTransform):
    """Dictionary form of `BreastFrame`.

    Args:
        keys: the mammograms.
        frame_size: as in `BreastFrame`.
        true_size_key: where an entry may hold the (columns, rows) that its picture had before it was stretched.
        allow_missing_keys: frame those keys that are there.
    """

    backend = BreastFrame.backend

    def __init__(
        self,
        keys: KeysCollection,
        frame_size: Sequence[int] = (256, 448),
        true_size_key: str = "true_size",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.frame, self.true_size_key = BreastFrame(frame_size), true_size_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its mammograms framed."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.frame(d[key], d.get(self.true_size_key))
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its maps back in the mammograms' geometry."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.frame.inverse(d[key])
        return d
