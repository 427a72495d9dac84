"""Where the breast is in a mammogram, and whether a picture shows bright tissue on dark air at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from skimage.filters import threshold_otsu
from torch import Tensor
from torch.nn import functional as F

__all__ = ["air_is_bright", "breast_mask"]

LOOK = 192
"""Longer side of the small picture in which the breast is looked for, pixels."""
LABEL_WIDTH = 7
"""Bright lines narrower than this many of its pixels are film edges and letters."""
FLAT_AIR, FAINT = 0.15, 0.2
"""Part of the picture that has one darkest value where the air was blacked out, and what is brighter than that."""
LEAST_BREAST = 0.02
"""Part of the picture that a breast covers at least."""
FRAME_OF_AIR, FRAME_WIDTH = 0.06, 4
"""Where air is looked for: so far from the edges, part of the longer side, and so wide, pixels of the small picture."""
WHITE, BLACK, MORE_WHITE = 0.9, 0.1, 0.2
"""Of the range of percentiles 1 to 99; how much more of it is white than black where air is bright."""
PADDED, ONE_VALUE = 0.98, 0.02
"""Part of a row or column of padding that has one value, and how far from it that is, part of the picture's range."""


def breast_mask(image: Tensor) -> Tensor:
    """Return where the breast is: the largest bright region without labels, film edges, white padding and air.

    Args:
        image: `(columns, rows)`, bright tissue on dark air.

    Returns:
        `(columns, rows)` of the image reduced to 192 pixels on its longer side at most, bool; nothing where no region
        is bright, or all of them are too small to be a breast.
    """
    reduced = _reduce(image)
    mask = torch.zeros(reduced.shape, dtype=torch.bool)
    place = _inside_padding(reduced, [reduced.max()], narrowest=LABEL_WIDTH)
    picture = reduced[place]
    low, high = np.percentile(picture, [1, 99])
    if not high > low:
        return mask
    # the square root brings fat, which is nearer to air than to dense tissue, to the side of the latter
    tone = np.sqrt(np.clip((picture - low) / (high - low), 0, 1))
    # where the air is one value, blacked out or never exposed, all else is breast, however faint
    flat = (tone == 0).mean() > FLAT_AIR
    bright = tone > (FAINT if flat else min(threshold_otsu(tone), 0.5) * 0.8)
    opened = ndimage.binary_opening(bright, np.ones((LABEL_WIDTH, LABEL_WIDTH)))
    regions, count = ndimage.label(opened)
    if count == 0:
        return mask
    sizes = np.bincount(regions.ravel())[1:]
    breast = ndimage.binary_fill_holes(regions == 1 + sizes.argmax())
    if breast.mean() >= LEAST_BREAST:
        mask[place] = torch.from_numpy(breast)
    return mask


def air_is_bright(image: Tensor) -> bool:
    """Return whether a mammogram's greys are inverted: a frame a little inside its edges is white rather than black.

    It is looked at as it is, and without black or white padding. Of 1626 whole mammograms, film and digital, and 103
    crops of 1000 pixels none is taken for inverted as it is (white less black is at most -0.03 of the frame, 0.10 in
    crops), and each whole one is when inverted (at least 0.25), 97 in 100 when it is padded with black then.

    Args:
        image: `(columns, rows)`.
    """
    reduced = _reduce(image)
    content = reduced[_inside_padding(reduced, [reduced.min(), reduced.max()])]
    return max(_white_air(reduced), _white_air(content)) > MORE_WHITE


def _white_air(picture: np.ndarray) -> float:
    """Return how much more white than black there is a little inside a picture's edges, part of what is looked at."""
    low, high = np.percentile(picture, [1, 99])
    edge = max(1, round(FRAME_OF_AIR * max(picture.shape)))
    inside = picture[edge:-edge, edge:-edge]
    if not high > low or inside.size == 0:
        return 0.0
    frame = np.ones(inside.shape, dtype=bool)
    frame[FRAME_WIDTH:-FRAME_WIDTH, FRAME_WIDTH:-FRAME_WIDTH] = False
    air = (inside[frame] - low) / (high - low)
    return float((air > WHITE).mean() - (air < BLACK).mean())


def _inside_padding(picture: np.ndarray, values: Sequence[float], narrowest: int = 1) -> tuple[slice, slice]:
    """Return where a picture lies inside bands of one of some values at its edges; whole where it is all one band."""
    whole = (slice(0, picture.shape[0]), slice(0, picture.shape[1]))
    near = np.stack([np.abs(picture - value) <= ONE_VALUE * np.ptp(picture) for value in values])
    place = list(whole)
    for axis in (0, 1, 0):  # rows may be seen to be padding only without the columns that are, and the other way round
        padded = near[:, place[0], place[1]].mean(axis=2 - axis).max(axis=0) >= PADDED
        if padded.all():
            return whole
        first, last = int(padded.argmin()), int(padded[::-1].argmin())
        start, stop = place[axis].start, place[axis].stop
        place[axis] = slice(start + first * (first >= narrowest), stop - last * (last >= narrowest))
    return place[0], place[1]


def _reduce(image: Tensor) -> np.ndarray:
    """Return an image averaged down until its longer side is 192 pixels at most."""
    scale = min(1.0, LOOK / max(image.shape))
    columns, rows = (max(1, round(length * scale)) for length in image.shape)
    reduced: np.ndarray = F.adaptive_avg_pool2d(image[None, None], (columns, rows))[0, 0].numpy()
    return reduced
