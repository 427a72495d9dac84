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

    Args:
        levels: targets of background, benign and malignant mass. An image's class is that of the highest target in it;
            levels that do not tell the classes apart leave the image head without a target.
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
        highest = target.flatten(1).amax(dim=1)
        has_mass = highest >= self.benign
        malignant = (highest > (self.benign + self.malignant) / 2).float()
        of_images = F.binary_cross_entropy_with_logits(self.image_head(), malignant, weight=has_mass.float())
        return torch.add(loss, of_images, alpha=self.image_weight)
