"""From the finder's maps to boxes: peaks, each with its size, those of one mass merged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.data.box_utils import box_iou
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends
from torch import Tensor
from torch.nn import functional as F

from monai_rescunet.core.errors import InputError
from monai_rescunet.finding.placement import Placement
from monai_rescunet.finding.targets import STRIDE, UNIT_SIDE
from monai_rescunet.transforms.boxes import Box

__all__ = ["Finding", "Findings", "ProposeMasses", "ProposeMassesd"]

CANDIDATES = 100
"""Highest peaks that are looked at."""
SMOOTHING = 3
"""Side of the square that confidences are averaged over, pixels of the maps: boxes then lie better."""
LEAST_SIDE = 4.0
"""Of a box in the frame, pixels."""


class Finding(NamedTuple):
    """A place that the finder takes for a mass.

    Attributes:
        box: `[x_min, y_min, x_max, y_max]`, pixels of the stored image, max exclusive.
        confidence: in [0, 1].
    """

    box: Box
    confidence: float


class Findings(NamedTuple):
    """What the finder says of a mammogram.

    Attributes:
        findings: those at or above the threshold, the surest first; none where it found no mass.
        highest: the highest confidence that it had anywhere, in [0, 1], also where that is no finding.
        remarks: what makes it doubtful, see `core.remarks`.
    """

    findings: list[Finding]
    highest: float
    remarks: str = ""


class ProposeMasses(Transform):
    """Turn the finder's maps into boxes.

    A proposal is a local maximum of the confidence in the breast, which is the geometric mean of `inside` and `centre`,
    each smoothed a little; its box has the size that the maps tell there. Of proposals of which one's centre lies in
    the other's box, or whose boxes overlap by more than `merge_iou`, the surest is kept.

    Args:
        find_threshold: least confidence of a finding, in [0, 1].
        max_findings: of one mammogram at most, the surest.
        merge_iou: see above.
        neighbourhood: side of the square in which a proposal is the highest, pixels of the maps, odd.

    Raises:
        ValueError: a parameter is outside its range.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        find_threshold: float = 0.5,
        max_findings: int = 5,
        merge_iou: float = 0.2,
        neighbourhood: int = 5,
    ) -> None:
        if not 0 <= find_threshold <= 1:
            raise InputError(f"find_threshold is {find_threshold}; expected a confidence from 0 to 1")
        if max_findings < 1:
            raise InputError(f"max_findings is {max_findings}; expected at least 1")
        if neighbourhood < 1 or neighbourhood % 2 == 0:
            raise InputError(f"neighbourhood is {neighbourhood}; expected an odd number of pixels")
        self.find_threshold, self.max_findings = find_threshold, int(max_findings)
        self.merge_iou, self.neighbourhood = merge_iou, int(neighbourhood)

    def __call__(self, logits: Tensor, frame: Tensor, placement: Placement) -> Findings:
        """Return what is found, in pixels of the stored image.

        Args:
            logits: the network's maps, `(4, columns / 2, rows / 2)`.
            frame: the breast, `(1, columns, rows)`, 0 outside it.
            placement: where the frame lies in the stored image.
        """
        maps = logits.as_tensor() if isinstance(logits, MetaTensor) else logits
        maps = maps.float().cpu()
        breast = frame.as_tensor() if isinstance(frame, MetaTensor) else frame
        breast = F.max_pool2d(breast[None].float().cpu(), STRIDE)[0, 0] > 0
        smooth = F.avg_pool2d(torch.sigmoid(maps[None, :2]), SMOOTHING, 1, SMOOTHING // 2, count_include_pad=False)
        confidence = smooth[0].prod(dim=0).sqrt() * breast
        if not breast.any():
            return Findings([], 0.0)
        radius = self.neighbourhood // 2
        highest = F.max_pool2d(confidence[None, None], self.neighbourhood, stride=1, padding=radius)[0, 0]
        peaks = ((confidence == highest) & (confidence > 0) & (confidence >= self.find_threshold)).nonzero()
        order = torch.argsort(confidence[tuple(peaks.T)], descending=True, stable=True)[:CANDIDATES]
        boxes, sureness = self._boxes(maps, peaks[order]), confidence[tuple(peaks[order].T)]
        findings = [
            Finding(placement.to_image(boxes[index].tolist()), float(sureness[index])) for index in self._merged(boxes)
        ]
        return Findings(findings, float(confidence.max()))

    def _boxes(self, maps: Tensor, peaks: Tensor) -> Tensor:
        """Return the box at each peak, `(n, 4)`, pixels of the frame."""
        sides = (maps[2:, peaks[:, 0], peaks[:, 1]].clamp(-4, 4).exp() * UNIT_SIDE).clamp(min=LEAST_SIDE).T
        centres = (peaks.float() + 0.5) * STRIDE
        return torch.cat([centres - sides / 2, centres + sides / 2], dim=1)

    def _merged(self, boxes: Tensor) -> list[int]:
        """Return the indices of the boxes that are kept, `max_findings` at most, of such as come the surest first."""
        kept: list[int] = []
        if len(boxes) == 0:
            return kept
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        overlap = box_iou(boxes, boxes) > self.merge_iou
        within = ((centres[:, None] >= boxes[None, :, :2]) & (centres[:, None] <= boxes[None, :, 2:])).all(dim=2)
        same = overlap | within | within.T
        for index in range(len(boxes)):
            if not same[index, kept].any():
                kept.append(index)
            if len(kept) == self.max_findings:
                break
        return kept


class ProposeMassesd(MapTransform):
    """Dictionary form of `ProposeMasses`.

    Args:
        keys: the network's maps.
        image_key: the frame that they were made of, with its placement, of `BreastFramed`.
        findings_key: where the `Findings` go.
        proposals: as in `ProposeMasses`.
    """

    backend = ProposeMasses.backend

    def __init__(
        self, keys: KeysCollection = "pred", image_key: str = "image", findings_key: str = "findings", **proposals: Any
    ) -> None:
        super().__init__(keys)
        self.image_key, self.findings_key = image_key, findings_key
        self.propose = ProposeMasses(**proposals)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its findings."""
        d = dict(data)
        frame = d[self.image_key]
        d[self.findings_key] = self.propose(d[self.first_key(d)], frame, Placement(*frame.meta["placement"]))
        return d
