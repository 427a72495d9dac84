"""The region of interest round a mass, and its inverse: from a mammogram to what the network sees and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai.data import MetaTensor
from monai.transforms import InvertibleTransform
from monai.utils import TraceKeys, TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.boxes import check_box, check_point
from monai_rescunet.transforms.region import Region

__all__ = ["CropMassROI"]

ROI_MODES = ("scaled", "window", "fitted")
MAX_ASPECT = 2.0  # a region is not stretched more than this


class CropMassROI(InvertibleTransform):
    """Crop the region round a mass and resample it to the network's size (paper, section III-A).

    "Cropped into 256 x 256 pixels size containing the mass ROI" can be read in two ways. `scaled` takes a square of
    `roi_context` times the lesion's longer side, so that every mass has the same size. `window` takes a square of
    fixed size, so that a large mass looks large, which grows only where the lesion with its margin does not fit.
    A third tells the network all that a box says: `fitted` takes `roi_context` times the box in width and in height and
    stretches it to a square, so that every box lies in the same place (the shorter side of a long box counts as half
    the longer one).

    The region is kept inside the image by shifting; what an image is too small to fill is its reflection, and it
    never exceeds the image's longer side: a collection that is itself crops this tight is taken whole. It is resampled
    with antialiasing (label maps: nearest).

    Args:
        roi_mode: `scaled`, `window` or `fitted`.
        roi_size: side of the result, pixels.
        roi_context: `scaled` and `fitted`: side of the region over that of the lesion's box, at least 1.
        window_size: `window`, and wherever only a point is known: side of the square as `(millimetres, pixels)`: the
            first where the image's `spacing` is known, the second otherwise. One number is pixels in either case.
        window_margin: `window`: the square grows until its side is this many times the lesion's longer side.
        min_side: smallest side of the square before resampling, pixels.
        extent: crop this many times wider at the same scale, so that a later random affine transform that takes the
            centre has something to move in; 1 is the ROI itself.

    Raises:
        ValueError: a parameter is outside its range.

    Example:
        >>> import torch
        >>> crop = CropMassROI(roi_size=64, roi_context=2)
        >>> roi = crop(torch.rand(1, 300, 200), box=[90, 100, 130, 120])
        >>> roi.shape, crop.inverse(roi).shape
        (torch.Size([1, 64, 64]), torch.Size([1, 300, 200]))
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        roi_mode: str = "scaled",
        *,
        roi_size: int = 256,
        roi_context: float = 2.0,
        window_size: float | Sequence[float] = (45.0, 512),
        window_margin: float = 1.25,
        min_side: int = 32,
        extent: float = 1.0,
    ) -> None:
        if roi_mode not in ROI_MODES:
            raise InputError(f"roi_mode is {roi_mode!r}; expected one of {', '.join(ROI_MODES)}")
        for name, value, least in (
            ("roi_context", roi_context, 1),
            ("window_margin", window_margin, 1),
            ("extent", extent, 1),
            ("roi_size", roi_size, 1),
            ("min_side", min_side, 1),
        ):
            if value < least:
                raise InputError(f"{name} is {value}; expected at least {least}")
        sizes = (window_size,) if isinstance(window_size, int | float) else tuple(window_size)
        if len(sizes) not in (1, 2) or min(sizes) <= 0:
            raise InputError(f"window_size is {window_size}; expected pixels or (millimetres, pixels), above 0")
        self.roi_mode = roi_mode
        self.roi_size = int(roi_size)
        self.roi_context = roi_context
        self.window_mm = sizes[0] if len(sizes) == 2 else None
        self.window_pixels = sizes[-1]
        self.window_margin = window_margin
        self.min_side = min_side
        self.extent = extent

    def region(
        self,
        image_size: Sequence[int],
        box: Sequence[float] | None = None,
        point: Sequence[float] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Region:
        """Return the region that `__call__` crops.

        Args:
            image_size: (columns, rows).
            box: `[x_min, y_min, x_max, y_max]` round the lesion, pixels, 0-based, max exclusive.
            point: `[x, y]` in the lesion, pixels; used where there is no box.
            spacing: (column, row) spacing in mm, where it is known.

        Raises:
            InputError: the box or point is malformed or outside the image.
        """
        longest = max(image_size)
        whole = (image_size[0], image_size[1]) if self.roi_mode == "fitted" else (longest, longest)
        if box is not None:
            x_min, y_min, x_max, y_max = check_box(box, image_size)
            centre, size = ((x_min + x_max) / 2, (y_min + y_max) / 2), self._size(x_max - x_min, y_max - y_min, spacing)
        elif point is not None:
            centre, size = check_point(point, image_size), (self._window(spacing),) * 2
        else:
            centre, size = (image_size[0] / 2, image_size[1] / 2), whole
        if max(size) > longest:
            size = whole
        return Region.inside(image_size, centre, [max(side, min(self.min_side, longest)) for side in size])

    def _size(self, width: float, height: float, spacing: Sequence[float] | None) -> tuple[float, float]:
        """Return width and height of the region round a box of this size."""
        longer = max(width, height)
        if self.roi_mode == "fitted":
            return (
                self.roi_context * max(width, longer / MAX_ASPECT),
                self.roi_context * max(height, longer / MAX_ASPECT),
            )
        if self.roi_mode == "scaled":
            return (self.roi_context * longer,) * 2
        return (max(self._window(spacing), self.window_margin * longer),) * 2

    def _window(self, spacing: Sequence[float] | None) -> float:
        if self.window_mm is None or spacing is None:
            return self.window_pixels
        return self.window_mm / max(spacing)

    def __call__(
        self,
        image: Tensor,
        box: Sequence[float] | None = None,
        point: Sequence[float] | None = None,
        mode: str = "bilinear",
    ) -> Tensor:
        """Return the region of interest, `(C, roi_size * extent, roi_size * extent)`, of the image's dtype if nearest.

        Args:
            image: `(C, columns, rows)`; a mm `spacing` is read from its metadata where there is one.
            box, point: as in `region`; with neither, the whole image is the ROI.
            mode: `bilinear` for images, `nearest` for label maps.

        Raises:
            InputError: the box or point is malformed or outside the image.
            ValueError: the image is not `(C, columns, rows)`.
        """
        tensor: MetaTensor = convert_to_tensor(image, track_meta=True)
        if image.ndim != 3:
            raise ValueError(f"the image's shape is {tuple(image.shape)}; expected (C, columns, rows)")
        size = tuple(image.shape[1:])
        region = self.region(size, box, point, tensor.meta.get("spacing")).widened(self.extent)
        side = round(self.roi_size * self.extent)
        result = MetaTensor(region.cut(tensor.as_tensor(), side, mode)).copy_meta_from(tensor)
        return self.push_transform(
            result,
            affine=region.affine(side),
            orig_size=size,
            extra_info={"region": list(region), "mode": mode, "affine": tensor.affine},
        )

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """Return a map of the mammogram's size: the region of interest in its place, zeros elsewhere.

        Args:
            data: what `__call__` returned, or a map of the same geometry that carries its trace, `(C, side, side)`.
        """
        region, image_size, info = _geometry(self.pop_transform(data))
        full = region.paste(data.as_tensor(), image_size, info["mode"])
        result = MetaTensor(full).copy_meta_from(data)
        result.affine = info["affine"]
        return result

    @staticmethod
    def in_place(data: MetaTensor) -> tuple[tuple[int, int], Tensor]:
        """Return what `inverse` puts into the mammogram, without the zeros round it: its corner and its pixels.

        Args:
            data: as in `inverse`; the crop must be the last thing that was done to it.

        Raises:
            ValueError: it has no trace of a crop.
        """
        trace = data.applied_operations[-1] if isinstance(data, MetaTensor) and data.applied_operations else {}
        if trace.get(TraceKeys.CLASS_NAME) != CropMassROI.__name__:
            raise ValueError("the map has no trace of CropMassROI; expected the network's answer to what it cropped")
        region, image_size, info = _geometry(trace)
        return region.inside_part(data.as_tensor(), image_size, info["mode"])


def _geometry(trace: Mapping[Any, Any]) -> tuple[Region, list[int], Mapping[str, Any]]:
    """Return region, size of the image (columns, rows) and what else `CropMassROI` left in its trace."""
    info = trace[TraceKeys.EXTRA_INFO]
    return Region(*(int(v) for v in info["region"])), [int(length) for length in trace[TraceKeys.ORIG_SIZE]], info
