"""Where the breast is in a mammogram, and whether a picture shows bright tissue on dark air at all."""

from __future__ import annotations

import numpy as np
import torch
from monai.utils import convert_to_tensor
from scipy import ndimage
from skimage.filters import threshold_otsu
from torch import Tensor
from torch.nn import functional as F

__all__ = ["air_is_bright", "breast_mask", "is_on_its_side", "is_stretched", "reduced_picture", "shows_several"]

LOOK = 192
"""Longer side of the small picture in which the breast is looked for, pixels."""
LABEL_WIDTH = 7
"""Bright lines narrower than this many of its pixels are film edges and letters."""
LARGEST_MARKER = 0.06
"""Part of the picture that is of the brightest value at most where that may be a marker's."""
FLAT_AIR, FAINT = 0.15, 0.2
"""Part of the picture that has one darkest value where the air was blacked out, and what is brighter than that."""
LEAST_BREAST, SECOND_BREAST = 0.02, 0.3
"""Part of the picture that a breast covers at least; part of the largest region's area that a second breast has."""
FRAME_OF_AIR, FRAME_WIDTH = 0.06, 4
"""Where air is looked for: so far from the edges, part of the longer side, and so wide, pixels of the small picture."""
WHITE, BLACK, MORE_WHITE = 0.9, 0.1, 0.2
"""Of the range of percentiles 1 to 99; how much more of it is white than black where air is bright."""
WHITE_SIDE = 0.5
"""How much of the picture's side that touches padding is white where that is air."""
PADDED, ONE_VALUE = 0.98, 0.02
"""Part of a row or column of padding that has one value, and how far from it that is, part of the picture's range."""
REACHED, ON_ITS_SIDE = 0.04, 0.25
"""How near to an edge the breast reaches it, part of the picture's side; more than that, see `is_on_its_side`."""
PADDED_SQUARE, STRETCHED = 0.15, 0.7
"""Width of black padding beside a breast in a square, part of it; width over height of a breast that is stretched."""


def reduced_picture(image: Tensor) -> np.ndarray:
    """Return the small picture in which the breast is looked for, averaged down.

    Args:
        image: `(C, columns, rows)`, of any type; the first channel is looked at.

    Returns:
        `(columns, rows)`, float32, 192 pixels on its longer side at most; 0 where a grey level is no number.
    """
    values: Tensor = convert_to_tensor(image[:1], dtype=torch.float32, device="cpu", track_meta=False)
    scale = min(1.0, LOOK / max(values.shape[1:]))
    columns, rows = (max(1, round(length * scale)) for length in values.shape[1:])
    reduced: np.ndarray = torch.nan_to_num(F.adaptive_avg_pool2d(values, (columns, rows)))[0].numpy()
    return reduced


def breast_mask(reduced: np.ndarray) -> Tensor:
    """Return where the breast is: the largest bright region without labels, film edges, white padding and air.

    Args:
        reduced: what `reduced_picture` returned, bright tissue on dark air.

    Returns:
        Of the same shape, bool; nothing where no region is bright, or all of them are too small to be a breast.
    """
    mask = torch.zeros(reduced.shape, dtype=torch.bool)
    place = _inside_padding(reduced, reduced.max(), narrowest=LABEL_WIDTH)
    regions, sizes = _bright_regions(reduced[place])
    if sizes.size:
        breast = ndimage.binary_fill_holes(regions == 1 + sizes.argmax())
        if breast.mean() >= LEAST_BREAST:
            mask[place] = torch.from_numpy(breast)
    return mask


def shows_several(reduced: np.ndarray) -> bool:
    """Return whether a picture shows more than one breast: a second bright region has 0.3 of the largest one's area.

    Of 1626 whole mammograms none has one (0.26 at most); of pairs side by side 99 in 100 films and all digital ones
    have whose breasts lie apart; where their chest walls touch `is_on_its_side` tells most of them.

    Args:
        reduced: what `reduced_picture` returned, bright tissue on dark air.
    """
    place = _inside_padding(reduced, reduced.max(), narrowest=LABEL_WIDTH)
    largest = np.sort(_bright_regions(reduced[place])[1])[::-1]
    return bool(largest.size > 1 and largest[1] > SECOND_BREAST * largest[0])


def _bright_regions(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bright regions of a picture, numbered from 1, and their areas; none where all is of one value."""
    low, high = _range_of_tissue(picture)
    if not high > low:
        return np.zeros(picture.shape, dtype=int), np.zeros(0, dtype=int)
    # the square root brings fat, which is nearer to air than to dense tissue, to the side of the latter
    tone = np.sqrt(np.clip((picture - low) / (high - low), 0, 1))
    # where the air is one value, blacked out or never exposed, all else is breast, however faint
    flat = (tone == 0).mean() > FLAT_AIR
    bright = tone > (FAINT if flat else min(threshold_otsu(tone), 0.5) * 0.8)
    opened = ndimage.binary_opening(bright, np.ones((LABEL_WIDTH, LABEL_WIDTH)))
    regions, _ = ndimage.label(opened)
    return regions, np.bincount(regions.ravel())[1:]


def _range_of_tissue(picture: np.ndarray) -> tuple[float, float]:
    """Return percentiles 1 and 99 of a picture, of which a marker may be much brighter than any tissue."""
    low, high = np.percentile(picture, [1, 99])
    marker = picture > picture.max() - ONE_VALUE * np.ptp(picture)
    if marker.mean() < LARGEST_MARKER:
        high = min(high, np.percentile(picture[~marker], 99))
    return float(low), float(high)


def air_is_bright(reduced: np.ndarray) -> bool:
    """Return whether a mammogram's greys are inverted: a frame a little inside its edges is white rather than black.

    It is looked at as it is, and without black padding. Of 1626 whole mammograms, film and digital, and 103
    crops of 1000 pixels none is taken for inverted as it is (white less black is at most -0.03 of the frame, 0.10 in
    crops), and each whole one is when inverted (at least 0.25), 93 to 99 in 100 when it is padded with black then.

    Args:
        reduced: what `reduced_picture` returned.
    """
    if _white_air(reduced) > MORE_WHITE:
        return True
    columns, rows = _inside_padding(reduced, reduced.min())
    content = reduced[columns, rows]
    if _white_air(content) <= MORE_WHITE:
        return False
    # a breast alone touches the sides of what is round it, air reaches along them
    low, high = np.percentile(content, [1, 99])
    white = (content - low) / (high - low) > WHITE
    padded = columns.start > 0, columns.stop < len(reduced), rows.start > 0, rows.stop < reduced.shape[1]
    sides = white[1], white[-2], white[:, 1], white[:, -2]
    return any(side.mean() > WHITE_SIDE for side, is_padded in zip(sides, padded, strict=True) if is_padded)


def is_on_its_side(reduced: np.ndarray, mask: Tensor) -> bool:
    """Return whether a mammogram is turned by a quarter: the chest wall lies along its upper or lower edge.

    Looked at is how much of an upper or lower edge the breast reaches more than of a left or right one, and how wide it
    is for its height: the sum of the former and of the latter's logarithm is at most 0.19 in 1626 mammograms as they
    are, film and digital, and above 0.25 in 98 in 100 of them when they are turned. It
    is so too in most pairs side by side whose chest walls touch.

    Args:
        reduced: what `reduced_picture` returned.
        mask: what `breast_mask` returned.
    """
    breast = mask.numpy()[_inside_padding(reduced, reduced.min())]
    if not breast.any():
        return False
    near_left, near_top = (max(1, round(REACHED * length)) for length in breast.shape)
    sides = max(part.any(axis=0).mean() for part in (breast[:near_left], breast[-near_left:]))
    ends = max(part.any(axis=1).mean() for part in (breast[:, :near_top], breast[:, -near_top:]))
    width, height = _extent(breast)
    return bool(ends - sides + np.log(width / height) > ON_ITS_SIDE)


def is_stretched(reduced: np.ndarray, mask: Tensor) -> bool:
    """Return whether a square picture seems to be a film's scan that was stretched to one, since mammograms are not.

    Then the breast reaches its left or right edge, while it lies in the middle
    where a mammogram was padded at both sides. Where it was padded at one side there is a black band, and the breast is
    less than 0.7 times as wide as high: so are 9 in 10 digital mammograms, and films but for one in 400, while of 1227
    films stretched to squares 3 in 100 have such a band and such a breast.

    Args:
        reduced: what `reduced_picture` returned.
        mask: what `breast_mask` returned.
    """
    if not (mask[0].any() or mask[-1].any()):
        return False
    inside, _ = _inside_padding(reduced, reduced.min())
    band = max(inside.start, len(reduced) - inside.stop) / len(reduced)
    width, height = _extent(mask.numpy())
    return band <= PADDED_SQUARE or width >= STRETCHED * height


def _extent(breast: np.ndarray) -> tuple[int, int]:
    """Return the width and the height of what is there of a mask, pixels."""
    columns, rows = (np.flatnonzero(breast.any(axis=axis)) for axis in (1, 0))
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


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


def _inside_padding(picture: np.ndarray, value: float, narrowest: int = 1) -> tuple[slice, slice]:
    """Return where a picture lies inside bands of a value at its edges; whole where it is all one band."""
    whole = (slice(0, picture.shape[0]), slice(0, picture.shape[1]))
    near = np.abs(picture - value) <= ONE_VALUE * np.ptp(picture)
    place = list(whole)
    for axis in (0, 1, 0):  # rows may be seen to be padding only without the columns that are, and the other way round
        padded = near[place[0], place[1]].mean(axis=1 - axis) >= PADDED
        if padded.all():
            return whole
        first, last = int(padded.argmin()), int(padded[::-1].argmin())
        start, stop = place[axis].start, place[axis].stop
        place[axis] = slice(start + first * (first >= narrowest), stop - last * (last >= narrowest))
    return place[0], place[1]
