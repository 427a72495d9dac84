"""What the modified Otsu threshold says of a grey map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from monai_rescunet.core.classes import BENIGN, MALIGNANT, NO_LESION
from monai_rescunet.transforms.histogram import quantise, share_of

__all__ = ["OtsuResult", "check_range", "lesion_mask"]


@dataclass(frozen=True)
class OtsuResult:
    """What the modified Otsu threshold says of one map (fields without batch dimension) or of a batch (`(B, ...)`).

    N, S, mu and omega count real pixels of four classes, in this order: 0 normal [0, lambda1], 1 lesion (lambda1, 255],
    2 benign (lambda1, lambda2], 3 malignant (lambda2, 255].

    Attributes:
        lambda1, lambda2: thresholds, grey levels 0 to 255, int64; what is above belongs to the brighter class. lambda2
            is meaningless where no lesion was found: the middle of the levels it could have had, or as given if fixed.
        N: pixels, int64, `(4,)`.
        S: sum of grey levels, int64, `(4,)`.
        mu: mean grey level, float64, `(4,)`, NaN for an empty class.
        omega: share of the whole map's pixels, float64, `(4,)`.
        sigma1, sigma2: variance between normal and lesion, and between benign and malignant, float64.
        score: the highest grey level that `malignant_share` of the lesion's pixels reach at least, over 255, float64:
            ranks masses from benign to malignant; 0 where no lesion was found, NaN without classification.
        lesion_found: bool; False where the lesion class is empty, too dark, or Otsu has no answer (a constant map).
        in_range: bool; False where the map has values outside [0, 1].
        malignant_share: share of the lesion's pixels above lambda2 from which on it is malignant; the paper's one half.
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
    malignant_share: float = 0.5
    classify: bool = True

    @property
    def decision(self) -> Any:
        """`benign`, `malignant` or `no lesion`, a list of them for a batch; None for a lesion without classification.

        With a share of one half benign if omega2 > omega3, else malignant (section II-A): a tie is malignant.

        Raises:
            ValueError: a map has values outside [0, 1].
        """
        check_range(self.in_range)
        benign = self.N[..., 3] < share_of(self.N[..., 1], self.malignant_share)
        rows = torch.stack([self.lesion_found, benign], dim=-1).reshape(-1, 2).tolist()
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
            "mu": [None if math.isnan(value) else value for value in self.mu.tolist()],
            "omega": self.omega.tolist(),
            "sigma1": float(self.sigma1),
            "sigma2": float(self.sigma2),
        }


def lesion_mask(m: Tensor, result: OtsuResult) -> Tensor:
    """Return where M lies above lambda1, bool, of the shape of `m`; nowhere if no lesion was found.

    Args:
        m: the map the result is of, or the same map at another size.
        result: what `ModifiedOtsu` returned.

    Raises:
        ValueError: the result is of a batch of another length.
    """
    if result.lambda1.ndim and m.shape[:1] != result.lambda1.shape:
        raise ValueError(f"a map of shape {tuple(m.shape)} with the result of {len(result.lambda1)} maps")
    shape = (*result.lambda1.shape, *[1] * (m.ndim - result.lambda1.ndim))
    return (quantise(m) > result.lambda1.reshape(shape)) & result.lesion_found.reshape(shape)


def check_range(in_range: Tensor) -> None:
    """Raise a ValueError if one of the maps had NaN or values outside [0, 1]."""
    if not in_range.all():
        raise ValueError("the map has NaN or values outside [0, 1]; expected M, the sigmoid of the logits")
