"""The loss of mixed supervision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monai_rescunet.networks import ImageHead

__all__ = ["MixedSupervisionLoss"]


class MixedSupervisionLoss(nn.Module):
    """Binary cross-entropy of the grey map (paper, equation 2), and that of the class at an image head's logit.

    An image's class is that of the mass nearest to its centre: a region of interest lies round its own mass, and what
    reaches in from the side may be another one, of the other class.

    Args:
        levels: targets of background, benign and malignant mass. Levels that do not tell the classes apart leave the
            image head without a target.
        image_head: the head, or None for the paper's loss alone.
        image_weight: weight of the head's term; 0 leaves it out.
    """

    def __init__(self, levels: Sequence[float], image_head: ImageHead | None = None, image_weight: float = 0.5) -> None:
        super().__init__()
        _, self.benign, self.malignant = (float(level) for level in levels)
        self.image_weight = image_weight if self.malignant > self.benign else 0.0
        self.image_head = image_head

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            logits: `(B, 1, *spatial)`.
            target: grey map in [0, 1], `(B, 1, *spatial)`.
        """
        loss = F.binary_cross_entropy_with_logits(logits, target)
        if self.image_head is None or not self.image_weight:
            if isinstance(self.image_head, ImageHead):
                self.image_head.forget()
            return loss
        has_mass = target.flatten(1).amax(dim=1) >= self.benign
        malignant = (self._of_own_mass(target) > (self.benign + self.malignant) / 2).float()
        of_images = F.binary_cross_entropy_with_logits(self.image_head(), malignant, weight=has_mass.float())
        return torch.add(loss, of_images, alpha=self.image_weight)

    def _of_own_mass(self, target: Tensor) -> Tensor:
        """Return the target of the mass pixel nearest to each image's centre, `(B,)`; any where there is no mass."""
        distances = torch.zeros(target.shape[2:], device=target.device)
        for axis, length in enumerate(target.shape[2:]):
            offset = torch.arange(length, device=target.device) - (length - 1) / 2
            distances += (offset**2).reshape(-1, *[1] * (target.ndim - 3 - axis))
        flat = target.flatten(1)
        nearest = torch.where(flat >= self.benign, distances.flatten(), torch.inf).argmin(dim=1, keepdim=True)
        return flat.gather(1, nearest)[:, 0]
