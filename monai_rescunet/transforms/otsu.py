"""The modified Otsu threshold: both answers, outline and class, read off the grey map M (paper, section II-A)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.classes import BENIGN, MALIGNANT, NO_LESION

__all__ = ["ModifiedOtsu", "ModifiedOtsud", "OtsuResult", "calibrate_thresholds", "lesion_mask", "quantise"]

GREY_LEVELS = 256
CHUNK = 2**19  # pixels whose indices stay in a processor's cache
MODES = ("paper", "anchored", "fixed")


@dataclass(frozen=True)
class OtsuResult:
    """What the modified Otsu threshold says of one map (fields without batch dimension) or of a batch (`(B, ...)`).

    N, S, mu and omega count real pixels of four classes, in this order: 0 normal [0, lambda1], 1 lesion (lambda1, 255],
    2 benign (lambda1, lambda2], 3 malignant (lambda2, 255].

    Attributes:
        lambda1, lambda2: thresholds, grey levels 0 to 255, int64; what is above belongs to the brighter class.
        N: pixels, int64, `(4,)`.
        S: sum of grey levels, int64, `(4,)`.
        mu: mean grey level, float64, `(4,)`, NaN for an empty class.
        omega: share of the whole map's pixels, float64, `(4,)`.
        sigma1, sigma2: variance between normal and lesion, and between benign and malignant, float64.
        score: upper median of the lesion's grey levels over 255, float64: ranks masses from benign to malignant;
            0 where no lesion was found.
        lesion_found: bool; False where the lesion class is empty, too dark, or Otsu has no answer (a constant map).
        in_range: bool; False where the map has values outside [0, 1].
        classify: whether benign and malignant are told apart.
    """

    lambda1: Tensor
    lambda2: Tensor
    N: Tensor
    S: Tensor
    mu: Tensor
    omega: Tensor
    sigma1: Tensor
    sigma2: Tensor
    score: Tensor
    lesion_found: Tensor
    in_range: Tensor
    classify: bool = True

    @property
    def decision(self) -> Any:
        """`benign`, `malignant` or `no lesion`, a list of them for a batch; None for a lesion without classification.

        Benign if omega2 > omega3, else malignant (section II-A): a tie is malignant.

        Raises:
            ValueError: a map has values outside [0, 1].
        """
        _check_range(self.in_range)
        rows = torch.stack([self.lesion_found, self.N[..., 2] > self.N[..., 3]], dim=-1).reshape(-1, 2).tolist()
        decisions = [self._decide(found, benign) for found, benign in rows]
        return decisions if self.lambda1.ndim else decisions[0]

    def _decide(self, found: bool, benign: bool) -> str | None:
        if not found:
            return NO_LESION
        if not self.classify:
            return None
        return BENIGN if benign else MALIGNANT

    def as_dict(self) -> dict[str, Any]:
        """Return the result of one map as plain Python values; what does not apply is None."""
        if self.lambda1.ndim:
            raise ValueError("as_dict is for the result of one map, not of a batch")
        decision = self.decision
        lambda2 = int(self.lambda2) if self.classify and decision != NO_LESION else None
        return {
            "decision": decision,
            "score": float(self.score) if self.classify else None,
            "lambda1": int(self.lambda1),
            "lambda2": lambda2,
            "N": self.N.tolist(),
            "S": self.S.tolist(),
            "mu": [None if value != value else value for value in self.mu.tolist()],
            "omega": self.omega.tolist(),
            "sigma1": float(self.sigma1),
            "sigma2": float(self.sigma2),
        }


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
        classify: bool = True,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
        given = (lambda1 is not None, lambda2 is not None)
        if given != (mode == "fixed",) * 2:
            raise ValueError(
                f"mode {mode!r} with lambda1 = {lambda1}, lambda2 = {lambda2}; fixed needs both, others none"
            )
        if mode == "fixed" and not 0 <= lambda1 <= lambda2 <= 255:  # type: ignore[operator]
            raise ValueError(f"lambda1 is {lambda1} and lambda2 {lambda2}; expected 0 <= lambda1 <= lambda2 <= 255")
        if len(levels) != 2 or not all(0 <= level < GREY_LEVELS for level in levels):
            raise ValueError(f"levels is {tuple(levels)}; expected the grey levels of benign and malignant, 0 to 255")
        if kappa < 0 or not 0 <= lesion_floor < GREY_LEVELS:
            raise ValueError(f"kappa is {kappa} and lesion_floor {lesion_floor}; expected kappa >= 0, floor 0 to 255")
        self.mode, self.kappa, self.levels, self.lesion_floor = mode, kappa, tuple(levels), lesion_floor
        self.lambda1, self.lambda2, self.classify = lambda1, lambda2, classify

    def __call__(self, m: NdarrayOrTensor) -> OtsuResult:
        """Return thresholds, statistics and decision.

        Nothing waits for the device until the result is read.

        Args:
            m: one map `(1, *spatial)`, or a batch `(B, 1, *spatial)` of at least four dimensions, in [0, 1].

        Raises:
            ValueError: another shape; values outside [0, 1] (on other devices than the CPU when the result is read).
        """
        m = convert_to_tensor(m, track_meta=False)
        batched = m.ndim >= 4 and m.shape[1] == 1
        if m.ndim < 2 or not (batched or m.shape[0] == 1):
            raise ValueError(f"the map's shape is {tuple(m.shape)}; expected (1, *spatial) or (B, 1, *spatial)")
        maps = m.reshape(m.shape[0] if batched else 1, -1)
        in_range = (maps.amin(dim=1) >= 0) & (maps.amax(dim=1) <= 1)  # NaN is not
        if maps.device.type == "cpu":
            _check_range(in_range)
        result = self._threshold(_histogram(maps), in_range)
        return result if batched else OtsuResult(*(_first(value) for value in vars(result).values()))

    def _threshold(self, histogram: Tensor, in_range: Tensor) -> OtsuResult:
        """Return the result for histograms, `(B, 256)`, int64."""
        count, total = _cumulative(histogram)
        constant = torch.zeros_like(in_range)
        if self.mode == "fixed":
            lambda1 = torch.full_like(in_range, self.lambda1, dtype=torch.int64)
            lambda2 = torch.full_like(in_range, self.lambda2, dtype=torch.int64)
        else:
            variance = _between_class_variance(count, total)
            constant = variance.amax(dim=1) == 0
            lambda1 = _middle_of_first_plateau(variance)
            lambda2 = self._second_threshold(histogram, lambda1)
        N, S = _four_classes(count, lambda1, lambda2), _four_classes(total, lambda1, lambda2)
        mu = S.double() / N  # NaN where a class is empty
        omega = N.double() / N[:, :2].sum(dim=1, keepdim=True)
        lesion_found = ~constant & (mu[:, 1] >= self.lesion_floor)  # NaN is not
        return OtsuResult(
            lambda1=lambda1,
            lambda2=lambda2,
            N=N,
            S=S,
            mu=mu,
            omega=omega,
            sigma1=_variance_of(omega, mu, 0, 1),
            sigma2=_variance_of(omega, mu, 2, 3),
            score=torch.where(lesion_found, _upper_median(count, lambda1) / (GREY_LEVELS - 1), 0.0),
            lesion_found=lesion_found,
            in_range=in_range,
            classify=self.classify,
        )

    def _second_threshold(self, histogram: Tensor, lambda1: Tensor) -> Tensor:
        """Return lambda2, the best split of the pixels above lambda1, `(B,)`."""
        grey = torch.arange(GREY_LEVELS, device=histogram.device)
        lesion = torch.where(grey > lambda1[:, None], histogram, 0)
        if self.mode == "anchored":
            lesion = lesion.double()
            pseudo_count = self.kappa * lesion.sum(dim=1, keepdim=True)
            for level in self.levels:
                anchor = lambda1.clamp(min=level - 1, max=GREY_LEVELS - 2) + 1
                lesion = lesion.scatter_add(1, anchor[:, None], pseudo_count)
        variance = _between_class_variance(*_cumulative(lesion))
        allowed = (grey >= lambda1[:, None]) & (grey < GREY_LEVELS - 1)
        return _middle_of_first_plateau(torch.where(allowed, variance, -1.0))


class ModifiedOtsud(MapTransform):
    """Dictionary form of `ModifiedOtsu` for one sample; the map stays as it is.

    Args:
        keys: M, `(1, *spatial)`, in [0, 1].
        result_key: gets `OtsuResult.as_dict()`.
        allow_missing_keys: do nothing for an entry without M.
        otsu: the parameters of `ModifiedOtsu`.
    """

    backend = ModifiedOtsu.backend

    def __init__(
        self, keys: KeysCollection, result_key: str = "result", allow_missing_keys: bool = False, **otsu: Any
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.result_key = result_key
        self.otsu = ModifiedOtsu(**otsu)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its result."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.result_key] = self.otsu(d[key]).as_dict()
        return d


def quantise(m: Tensor) -> Tensor:
    """Return M's grey levels, round(255 M), half to even, int32, of the shape of `m`."""
    return (m.float() * (GREY_LEVELS - 1)).round_().int()


def lesion_mask(m: Tensor, result: OtsuResult) -> Tensor:
    """Return where M lies above lambda1, bool, of the shape of `m`; nowhere if no lesion was found.

    Args:
        m: the map the result is of, or the same map at another size.
        result: what `ModifiedOtsu` returned.
    """
    shape = (*result.lambda1.shape, *[1] * (m.ndim - result.lambda1.ndim))
    return (quantise(m) > result.lambda1.reshape(shape)) & result.lesion_found.reshape(shape)


def calibrate_thresholds(maps: Iterable[Tensor]) -> tuple[int, int]:
    """Return lambda1 and lambda2 for mode `fixed`: those that maximise sigma1, then sigma2, on the pooled histogram.

    Args:
        maps: M of a calibration set, each `(1, *spatial)`, in [0, 1].

    Raises:
        ValueError: there is no map, or one has values outside [0, 1].
    """
    pooled = torch.zeros(1, GREY_LEVELS, dtype=torch.int64)
    for m in maps:
        flat = convert_to_tensor(m, track_meta=False).reshape(1, -1)
        _check_range((flat.amin() >= 0) & (flat.amax() <= 1))
        pooled += _histogram(flat).cpu()
    if not pooled.any():
        raise ValueError("there is no map to calibrate the thresholds on")
    result = ModifiedOtsu("paper")._threshold(pooled, torch.ones(1, dtype=torch.bool))
    return int(result.lambda1), int(result.lambda2)


def _check_range(in_range: Tensor) -> None:
    if not in_range.all():
        raise ValueError("the map has NaN or values outside [0, 1]; expected M, the sigmoid of the logits")


def _histogram(maps: Tensor) -> Tensor:
    """Return how many pixels have each grey level, `(B, 256)`, int64, from maps `(B, n)`."""
    histogram = torch.zeros(maps.shape[0], GREY_LEVELS, dtype=torch.int64, device=maps.device)
    one = torch.ones((), dtype=torch.int64, device=maps.device)
    rows = max(1, CHUNK // maps.shape[1])
    for part, bins in zip(maps.split(rows), histogram.split(rows), strict=True):
        # not torch.bincount, which waits for the device; a value out of range is reported, and must not crash before
        index = quantise(part).clamp_(0, GREY_LEVELS - 1).long()
        bins.scatter_add_(1, index, one.expand_as(index))
    return histogram


def _cumulative(histogram: Tensor) -> tuple[Tensor, Tensor]:
    """Return the count and the sum of grey levels of the pixels up to each level, `(B, 256)` each."""
    grey = torch.arange(GREY_LEVELS, device=histogram.device)
    return histogram.cumsum(dim=1), (histogram * grey).cumsum(dim=1)


def _between_class_variance(count: Tensor, total: Tensor) -> Tensor:
    """Return the variance between the pixels up to each level and those above, times the squared pixel count.

    omega_a omega_b (mu_a - mu_b)^2 N^2 = (N_b S_a - N_a S_b)^2 / (N_a N_b). From whole numbers the cross product is exact,
    so that levels which split the pixels alike have the same value to the last bit, and a plateau is one.
    """
    count_above, total_above = count[:, -1:] - count, total[:, -1:] - total
    cross = (count_above * total - count * total_above).double()
    product = count.double() * count_above.double()
    return torch.where(product > 0, cross.square() / product, 0.0)


def _middle_of_first_plateau(variance: Tensor) -> Tensor:
    """Return the floor of the middle of the first contiguous run of maxima, `(B,)`, from `(B, 256)`."""
    maximal = variance == variance.amax(dim=1, keepdim=True)
    first = maximal.int().argmax(dim=1)
    grey = torch.arange(variance.shape[1], device=variance.device)
    after = ~maximal & (grey > first[:, None])
    end = torch.where(after.any(dim=1), after.int().argmax(dim=1), variance.shape[1]) - 1
    return (first + end) // 2


def _four_classes(cumulative: Tensor, lambda1: Tensor, lambda2: Tensor) -> Tensor:
    """Return the normal, lesion, benign and malignant part of a cumulative count or sum, `(B, 4)`."""
    up_to1, up_to2 = (cumulative.gather(1, threshold[:, None])[:, 0] for threshold in (lambda1, lambda2))
    everything = cumulative[:, -1]
    return torch.stack([up_to1, everything - up_to1, up_to2 - up_to1, everything - up_to2], dim=1)


def _variance_of(omega: Tensor, mu: Tensor, a: int, b: int) -> Tensor:
    return torch.nan_to_num(omega[:, a] * omega[:, b] * (mu[:, a] - mu[:, b]).square())


def _upper_median(count: Tensor, lambda1: Tensor) -> Tensor:
    """Return the upper median grey level of the pixels above lambda1, float64, `(B,)`."""
    below = count.gather(1, lambda1[:, None])
    lesion = count[:, -1:] - below
    return (count - below <= lesion // 2).sum(dim=1).clamp(max=GREY_LEVELS - 1).double()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, Tensor) else value
