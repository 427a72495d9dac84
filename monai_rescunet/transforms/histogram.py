"""Histograms of the grey map's 256 levels, and what Otsu's method computes from them, in batches and exactly."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "GREY_LEVELS",
    "between_class_variance",
    "cumulative",
    "histogram",
    "middle_of_first_plateau",
    "quantise",
    "share_of",
    "upper_quantile",
]

GREY_LEVELS = 256
CHUNK = 2**19  # pixels whose indices stay in a processor's cache


def quantise(m: Tensor) -> Tensor:
    """Return M's grey levels, round(255 M), half to even, int32, of the shape of `m`."""
    return (m.float() * (GREY_LEVELS - 1)).round_().int()


def histogram(maps: Tensor) -> Tensor:
    """Return how many pixels have each grey level, `(B, 256)`, int64, from maps `(B, n)`."""
    counts = torch.zeros(maps.shape[0], GREY_LEVELS, dtype=torch.int64, device=maps.device)
    one = torch.ones((), dtype=torch.int64, device=maps.device)
    rows = max(1, CHUNK // maps.shape[1])
    for part, bins in zip(maps.split(rows), counts.split(rows), strict=True):
        # not torch.bincount, which waits for the device; a value out of range is reported, and must not crash before
        index = quantise(part).clamp_(0, GREY_LEVELS - 1).long()
        bins.scatter_add_(1, index, one.expand_as(index))
    return counts


def cumulative(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the count and the sum of grey levels of the pixels up to each level, `(B, 256)` each."""
    grey = torch.arange(GREY_LEVELS, device=counts.device)
    return counts.cumsum(dim=1), (counts * grey).cumsum(dim=1)


def between_class_variance(count: Tensor, total: Tensor) -> Tensor:
    """Return the variance between the pixels up to each level and those above, times the squared pixel count.

    omega_a omega_b (mu_a - mu_b)^2 N^2 = (N_b S_a - N_a S_b)^2 / (N_a N_b). From whole numbers the cross product is
    exact, so that levels which split the pixels alike have the same value to the last bit, and a plateau is one.
    """
    count_above, total_above = count[:, -1:] - count, total[:, -1:] - total
    cross = (count_above * total - count * total_above).double()
    product = count.double() * count_above.double()
    return torch.where(product > 0, cross.square() / product, 0.0)


def middle_of_first_plateau(variance: Tensor) -> Tensor:
    """Return the floor of the middle of the first contiguous run of maxima, `(B,)`, from `(B, 256)`."""
    maximal = variance == variance.amax(dim=1, keepdim=True)
    first = maximal.int().argmax(dim=1)
    grey = torch.arange(variance.shape[1], device=variance.device)
    after = ~maximal & (grey > first[:, None])
    end = torch.where(after.any(dim=1), after.int().argmax(dim=1), variance.shape[1]) - 1
    return (first + end) // 2


def share_of(pixels: Tensor, share: float) -> Tensor:
    """Return how many pixels are at least such a share of a number of pixels, int64."""
    return (pixels.double() * share).ceil().long()


def upper_quantile(count: Tensor, lambda1: Tensor, share: float = 0.5) -> Tensor:
    """Return the highest grey level that a share of the pixels above lambda1 reaches at least, float64, `(B,)`.

    One half: the upper median.
    """
    below = count.gather(1, lambda1[:, None])
    lesion = count[:, -1:] - below
    return (count - below <= lesion - share_of(lesion, share)).sum(dim=1).clamp(max=GREY_LEVELS - 1).double()
