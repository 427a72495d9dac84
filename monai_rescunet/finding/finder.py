"""The finder as one call: a whole mammogram in, the places that it takes for masses out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.inferers import Inferer
from monai.transforms import MapTransform
from monai.utils import TransformBackends
from torch import Tensor, nn

from monai_rescunet.finding.frame import BreastFrame
from monai_rescunet.finding.placement import Placement
from monai_rescunet.finding.proposals import Findings, ProposeMasses

__all__ = ["FindMassesd", "Finder"]


class Finder:
    """Find the masses of a whole mammogram.

    Args:
        network: `FinderNet` or one with its maps, with its weights; see `load_finder_weights`.
        inferer: how the network is run, `AutocastInferer(amp=False, flips=[1])` for the shipped weights: float32, so
            that the answer is the same on every machine, and averaged over the mammogram upside down. None: once.
        frame_size: (columns, rows) that the network was trained with.
        device: where it is run.
        proposals: `find_threshold`, `max_findings` and the others of `ProposeMasses`.

    Example:
        >>> import torch
        >>> from monai_rescunet.finding import Finder, FinderNet
        >>> finder = Finder(FinderNet((8, 16, 16)), frame_size=(64, 128), find_threshold=0.9)
        >>> finder(torch.zeros(1, 300, 400)).findings
        []
    """

    def __init__(
        self,
        network: nn.Module,
        inferer: Inferer | None = None,
        frame_size: Sequence[int] = (256, 448),
        device: torch.device | str = "cpu",
        **proposals: Any,
    ) -> None:
        self.network = network.to(device).eval()
        self.inferer, self.device = inferer, torch.device(device)
        self.frame, self.propose = BreastFrame(frame_size), ProposeMasses(**proposals)

    def __call__(self, image: Tensor, true_size: Sequence[float] | None = None) -> Findings:
        """Return the findings, the surest first, and the highest confidence seen.

        Args:
            image: `(C, columns, rows)`, the mammogram as `MammogramReader` loads it, of any bit depth, breast on either
                side; its metadata are not needed.
            true_size: (columns, rows) of a picture that was stretched, before; see `BreastFrame`.
        """
        frame: MetaTensor = self.frame(image, true_size)
        placement, plain = Placement(*frame.meta["placement"]), frame.as_tensor()
        batch = plain[None].to(self.device)
        with torch.inference_mode():
            logits = self.network(batch) if self.inferer is None else self.inferer(batch, self.network)
        return self.propose(logits[0], plain, placement)


class FindMassesd(MapTransform):
    """Dictionary form of `Finder`: an entry's mammogram stays as it is, and `findings` says what was found in it.

    Args:
        keys: the mammogram, whole, `(C, columns, rows)`.
        finder: see there.
        findings_key: where the `Findings` go.
        true_size_key: where an entry may hold the (columns, rows) that its picture had before it was stretched.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        finder: Finder,
        findings_key: str = "findings",
        true_size_key: str = "true_size",
    ) -> None:
        super().__init__(keys)
        self.finder, self.findings_key, self.true_size_key = finder, findings_key, true_size_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its findings."""
        d = dict(data)
        d[self.findings_key] = self.finder(d[self.first_key(d)], d.get(self.true_size_key))
        return d
