"""The finder's loss: where masses are, their centres, and their sizes, outside of regions that are ignored."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FinderLoss"]


class FinderLoss(nn.Module):
    """Sum of what the network's four maps lose.

    `inside`: binary cross-entropy with the masses' pixels weighted, and Dice over the batch. `centre`: quality focal
    loss (Li et al., Generalized focal loss, NeurIPS 2020, equation 4) over the masses' number. Sizes: smooth L1 of the
    logarithms inside the masses.

    Args:
        mass_weight: of a mass's pixel in the cross-entropy.
        size_weight: of the sizes.
    """

    def __init__(self, mass_weight: float = 4.0, size_weight: float = 0.3) -> None:
        super().__init__()
        self.mass_weight, self.size_weight = mass_weight, size_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            logits: `(B, 4, *spatial)`, of `inside`, `centre`, `log_width`, `log_height`.
            targets: `(B, 5, *spatial)` of `FindingTargets`.
        """
        logits, counted = logits.float(), targets[:, 4]
        inside, centre = targets[:, 0], targets[:, 1]
        masses = inside * counted
        entropy = F.binary_cross_entropy_with_logits(
            logits[:, 0], inside, weight=counted, pos_weight=logits.new_tensor(self.mass_weight)
        )
        seen = torch.sigmoid(logits[:, 0]) * counted
        dice = 1 - (2 * (seen * masses).sum() + 1) / (seen.sum() + masses.sum() + 1)
        peaks = torch.sigmoid(logits[:, 1])
        focal = F.binary_cross_entropy_with_logits(logits[:, 1], centre, weight=counted, reduction="none")
        focal = (focal * (peaks - centre).abs() ** 2).sum() / (centre * counted).sum().clamp(min=1)
        sizes = F.smooth_l1_loss(logits[:, 2:], targets[:, 2:4], reduction="none").sum(dim=1)
        sizes = (sizes * masses).sum() / masses.sum().clamp(min=1)
        return 4 * entropy + dice + focal + self.size_weight * sizes
