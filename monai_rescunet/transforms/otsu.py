"""The modified Otsu threshold: both answers, outline and class, read off the grey map M (paper, section II-A)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.histogram import (
    GREY_LEVELS,
    between_class_variance,
    cumulative,
    histogram,
    middle_of_first_plateau,
    upper_quantile,
)
from monai_rescunet.transforms.otsu_result import OtsuResult, check_range

__all__ = ["ModifiedOtsu", "ModifiedOtsud", "calibrate_thresholds", "thresholds_of_histogram"]

MODES = ("paper", "anchored", "fixed")
MOST_PIXELS = math.isqrt((2**63 - 1) * 4 // (GREY_LEVELS - 1))  # the cross product, 255 N^2 / 4 at most, stays in int64


class ModifiedOtsu(Transform):
    """Find lambda1 between background and lesion, then lambda2 between benign and malignant (paper, section II-A).

    Both maximise the variance between the two classes they separate. Taken literally, lambda2 always splits the
    lesion's pixels in two, whether or not two classes are there: the soft border of a benign mass and its core, say,
    and the core is the larger part: malignant. Hence three modes:

    - `paper`: literal.
    - `anchored`: before lambda2 is sought, the lesion's histogram gets pseudo-counts at the two grey levels of the
      annotation, so that a split between the classes exists on any map. They are not counted as pixels.
    - `fixed`: the thresholds are given, for instance by `calibrate_thresholds`.

    On a plateau of the variance the floor of the middle of its first contiguous run is taken.

    Args:
        mode: `paper`, `anchored` or `fixed`.
        kappa: `anchored`: pseudo-counts at each level, as a multiple of the lesion's pixels.
        levels: `anchored`: grey levels of benign and malignant in the annotation; one at or below lambda1 is put at
            lambda1 + 1.
        lesion_floor: mean grey level of the lesion below which none is found; 64 lies midway between background and
            benign.
        lambda1, lambda2: `fixed`: the thresholds, 0 to 255.
        malignant_share: `anchored`, `fixed`: share of the lesion's pixels above lambda2 from which on it is malignant,
            above 0, at most 1. Literally it is one half, the larger part; but a network answers darker towards the
            outline, so that less tells more.
        classify: False for networks trained with binary supervision, whose maps hold no class.

    Raises:
        ValueError: a parameter is outside its range, or thresholds are given with another mode than `fixed`.

    Example:
        >>> import torch
        >>> m = torch.zeros(1, 64, 64)
        >>> m[:, 16:48, 16:48] = 0.9
        >>> result = ModifiedOtsu()(m)
        >>> result.decision, int(result.N[1])
        ('malignant', 1024)
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        mode: str = "anchored",
        *,
        kappa: float = 0.3,
        levels: Sequence[int] = (128, 255),
        lesion_floor: float = 64,
        lambda1: int | None = None,
        lambda2: int | None = None,
        malignant_share: float = 0.5,
        classify: bool = True,
    ) -> None:
        if mode not in MODES:
            raise InputError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
        given = (lambda1 is not None, lambda2 is not None)
        if given != (mode == "fixed",) * 2:
            raise InputError(
                f"mode {mode!r} with lambda1 = {lambda1}, lambda2 = {lambda2}; fixed needs both, others none"
            )
        if mode == "fixed" and not 0 <= lambda1 <= lambda2 <= 255:  # type: ignore[operator]
            raise InputError(f"lambda1 is {lambda1} and lambda2 {lambda2}; expected 0 <= lambda1 <= lambda2 <= 255")
        if len(levels) != 2 or not 0 <= levels[0] < levels[1] < GREY_LEVELS:
            raise InputError(
                f"levels is {tuple(levels)}; expected the grey levels of benign and malignant, rising, 0 to 255"
            )
        if not (0 <= kappa < math.inf and 0 <= lesion_floor < GREY_LEVELS):
            raise InputError(
                f"kappa is {kappa} and lesion_floor {lesion_floor}; expected kappa >= 0 and finite, floor 0 to 255"
            )
        if not 0 < malignant_share <= 1:
            raise InputError(f"malignant_share is {malignant_share}; expected a share above 0, 1 at most")
        self.malignant_share = 0.5 if mode == "paper" else malignant_share
        self.mode, self.kappa, self.levels, self.lesion_floor = mode, kappa, tuple(levels), lesion_floor
        self.lambda1, self.lambda2, self.classify = lambda1, lambda2, classify

    def __call__(self, m: NdarrayOrTensor) -> OtsuResult:
        """Return thresholds, statistics and decision.

        Nothing waits for the device until the result is read.

        Args:
            m: one map `(1, *spatial)`, or a batch `(B, 1, *spatial)` of at least four dimensions, in [0, 1].

        Raises:
            ValueError: another shape, or none or more than 3.8e8 pixels a map; values outside [0, 1] (on other devices
                than the CPU when the decision is read).
        """
        m = convert_to_tensor(m, track_meta=False)
        batched = m.ndim >= 4 and m.shape[1] == 1
        if m.ndim < 2 or not (batched or m.shape[0] == 1):
            raise ValueError(f"the map's shape is {tuple(m.shape)}; expected (1, *spatial) or (B, 1, *spatial)")
        if not m.numel():
            raise ValueError(f"the map's shape is {tuple(m.shape)}; expected at least one pixel")
        maps = m.reshape(m.shape[0] if batched else 1, -1)
        _check_pixels(maps.shape[1])
        in_range = (maps.amin(dim=1) >= 0) & (maps.amax(dim=1) <= 1)  # NaN is not
        if maps.device.type == "cpu":
            check_range(in_range)
        result = self.of_histograms(histogram(maps), in_range)
        return result if batched else OtsuResult(*(_first(value) for value in vars(result).values()))

    def of_histograms(self, counts: Tensor, in_range: Tensor | None = None) -> OtsuResult:
        """Return the result for maps whose grey levels were counted.

        Args:
            counts: pixels of each grey level, `(B, 256)`, int64.
            in_range: whether each map lies in [0, 1], `(B,)`, bool; None: all of them.
        """
        if in_range is None:
            in_range = torch.ones(len(counts), dtype=torch.bool, device=counts.device)
        count, total = cumulative(counts)
        constant = torch.zeros_like(in_range)
        if self.mode == "fixed":
            lambda1, lambda2 = (
                torch.full_like(in_range, threshold, dtype=torch.int64)  # type: ignore[arg-type]
                for threshold in (self.lambda1, self.lambda2)
            )
        else:
            variance = between_class_variance(count, total)
            constant = variance.amax(dim=1) == 0
            lambda1 = middle_of_first_plateau(variance)
            lambda2 = self._second_threshold(counts, lambda1)
        N, S = _four_classes(count, lambda1, lambda2), _four_classes(total, lambda1, lambda2)
        mu = S.double() / N  # NaN where a class is empty
        omega = N.double() / N[:, :2].sum(dim=1, keepdim=True)
        lesion_found = ~constant & (mu[:, 1] >= self.lesion_floor)  # NaN is not
        score = torch.where(lesion_found, upper_quantile(count, lambda1, self.malignant_share) / (GREY_LEVELS - 1), 0.0)
        return OtsuResult(
            lambda1=lambda1,
            lambda2=lambda2,
            N=N,
            S=S,
            mu=mu,
            omega=omega,
            sigma1=_variance_of(omega, mu, 0, 1),
            sigma2=_variance_of(omega, mu, 2, 3),
            score=score if self.classify else torch.full_like(score, math.nan),
            lesion_found=lesion_found,
            in_range=in_range,
            malignant_share=self.malignant_share,
            classify=self.classify,
        )

    def _second_threshold(self, counts: Tensor, lambda1: Tensor) -> Tensor:
        """Return lambda2, the best split of the pixels above lambda1, `(B,)`."""
        grey = torch.arange(GREY_LEVELS, device=counts.device)
        count, total = cumulative(torch.where(grey > lambda1[:, None], counts, 0))
        if self.mode == "anchored":
            # steps on top of the exact sums: a parallel device would sum fractions in another order at each level
            pseudo_count = self.kappa * count[:, -1:].double()
            for level in self.levels:
                anchor = lambda1[:, None].clamp(min=level - 1) + 1
                step = torch.where(grey >= anchor, pseudo_count, 0.0)
                count, total = count + step, total + anchor * step
        variance = between_class_variance(count, total)
        allowed = (grey >= lambda1[:, None]) & (grey < GREY_LEVELS - 1)
        return middle_of_first_plateau(torch.where(allowed, variance, -1.0))


class ModifiedOtsud(MapTransform):
    """Dictionary form of `ModifiedOtsu` for one sample; the map stays as it is.

    Args:
        keys: M, `(1, *spatial)`, in [0, 1]; one key, since there is one result.
        result_key: gets `OtsuResult.as_dict()`.
        allow_missing_keys: do nothing for an entry without M.
        otsu: the parameters of `ModifiedOtsu`.

    Raises:
        ValueError: several keys, or parameters that `ModifiedOtsu` refuses.
    """

    backend = ModifiedOtsu.backend

    def __init__(
        self, keys: KeysCollection = "pred", result_key: str = "result", allow_missing_keys: bool = False, **otsu: Any
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys is {self.keys}; expected one, since {result_key!r} holds the result of one map")
        self.result_key = result_key
        self.otsu = ModifiedOtsu(**otsu)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its result.

        Raises:
            ValueError: a map of more channels than one, or one that `ModifiedOtsu` refuses.
        """
        d = dict(data)
        for key in self.key_iterator(d):
            m = convert_to_tensor(d[key], track_meta=False)
            if m.ndim < 2 or m.shape[0] != 1:
                raise ValueError(f"{key}: the map's shape is {tuple(m.shape)}; expected that of one map, (1, *spatial)")
            # as a row of pixels: a volume of one slice, `(1, 1, ...)`, looks like a batch
            d[self.result_key] = self.otsu(m.reshape(1, -1)).as_dict()
        return d


def calibrate_thresholds(maps: Iterable[Tensor]) -> tuple[int, int]:
    """Return lambda1 and lambda2 for mode `fixed`: those that maximise sigma1, then sigma2, on the pooled histogram.

    Args:
        maps: M of a calibration set, each `(1, *spatial)`, in [0, 1].

    Raises:
        ValueError: there is no map, one has values outside [0, 1], or together they hold fewer than two grey levels
            above lambda1 or more than 3.8e8 pixels.
    """
    pooled = torch.zeros(1, GREY_LEVELS, dtype=torch.int64)
    for m in maps:
        flat = convert_to_tensor(m, track_meta=False).reshape(1, -1)
        check_range((flat.amin() >= 0) & (flat.amax() <= 1))
        pooled += histogram(flat).cpu()
    return thresholds_of_histogram(pooled)


def thresholds_of_histogram(pooled: Tensor) -> tuple[int, int]:
    """Return what `calibrate_thresholds` does, from the pooled histogram of the maps, `(1, 256)`, int64.

    Raises:
        ValueError: it is empty, has fewer than two grey levels above lambda1, or more than 3.8e8 pixels.
    """
    if not pooled.any():
        raise ValueError("there is no map to calibrate the thresholds on")
    _check_pixels(int(pooled.sum()))
    result = ModifiedOtsu("paper").of_histograms(pooled)
    if not (result.sigma1 > 0 and result.sigma2 > 0):
        raise ValueError(
            "the maps are constant, or all their lesions have one grey level, so that no threshold separates two "
            "classes; expected maps of benign and of malignant masses"
        )
    return int(result.lambda1), int(result.lambda2)


def _check_pixels(pixels: int) -> None:
    if pixels > MOST_PIXELS:
        raise ValueError(f"{pixels} pixels in one histogram; expected at most {MOST_PIXELS}: use fewer or smaller maps")


def _four_classes(cumulative: Tensor, lambda1: Tensor, lambda2: Tensor) -> Tensor:
    """Return the normal, lesion, benign and malignant part of a cumulative count or sum, `(B, 4)`."""
    up_to1, up_to2 = (cumulative.gather(1, threshold[:, None])[:, 0] for threshold in (lambda1, lambda2))
    everything = cumulative[:, -1]
    return torch.stack([up_to1, everything - up_to1, up_to2 - up_to1, everything - up_to2], dim=1)


def _variance_of(omega: Tensor, mu: Tensor, a: int, b: int) -> Tensor:
    return torch.nan_to_num(omega[:, a] * omega[:, b] * (mu[:, a] - mu[:, b]).square())


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, Tensor) else value
