"""The finder as one call: a whole mammogram in, the places that it takes for masses out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.inferers import Inferer
from monai.transforms import MapTransform
from monai.utils import TransformBackends
from torch import Tensor, nn

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import NO_PROPOSAL, REMARKS, remark_image, with_remark
from monai_rescunet.finding.breast import (
    air_is_bright,
    breast_mask,
    is_on_its_side,
    reduced_picture,
    shows_several,
)
from monai_rescunet.finding.frame import BreastFrame
from monai_rescunet.finding.placement import Placement
from monai_rescunet.finding.proposals import Finding, Findings, ProposeMasses
from monai_rescunet.finding.weights import load_finder_weights
from monai_rescunet.transforms.boxes import check_point

__all__ = ["FindMassesd", "Finder"]

logger = logging.getLogger(__name__)

AT_POINTS: dict[str, Any] = {"find_threshold": 0.02, "max_findings": 50}
"""Of proposals among which that round a point is chosen: somebody says that there is a mass."""


class Finder:
    """Find the masses of a whole mammogram.

    Args:
        network: `FinderNet` or one with its maps; or what makes it, called when the first mammogram is looked at.
        inferer: how the network is run, `AutocastInferer(amp=False, flips=[1])` for the shipped weights: float32, so
            that the answer is the same on every machine, and averaged over the mammogram upside down. None: once.
        frame_size: (columns, rows) that the network was trained with.
        device: where it is run.
        checkpoint: the network's weights, read when the first mammogram is looked at; None: it has them already.
        proposals: `find_threshold`, `max_findings` and the others of `ProposeMasses`.

    Example:
        >>> import torch
        >>> from monai_rescunet.finding import Finder, FinderNet
        >>> finder = Finder(FinderNet((8, 16, 16)), frame_size=(64, 128), find_threshold=0.9)
        >>> breast = torch.zeros(1, 300, 400)
        >>> breast[:, 180:, 50:350] = 1000 + 100 * torch.rand(120, 300)
        >>> finder(breast).findings
        []
    """

    def __init__(
        self,
        network: nn.Module | Callable[[], nn.Module],
        inferer: Inferer | None = None,
        frame_size: Sequence[int] = (256, 448),
        device: torch.device | str = "cpu",
        checkpoint: str | Path | None = None,
        **proposals: Any,
    ) -> None:
        self.network, self.checkpoint = network, checkpoint
        self.inferer, self.device = inferer, torch.device(device)
        self.frame, self.propose = BreastFrame(frame_size), ProposeMasses(**proposals)
        self.propose_at = ProposeMasses(**{**proposals, **AT_POINTS})

    def __call__(self, image: Tensor, true_size: Sequence[float] | None = None) -> Findings:
        """Return the findings, the surest first, and the highest confidence seen.

        Args:
            image: `(C, columns, rows)`, the mammogram as `MammogramReader` loads it, of any bit depth, breast on either
                side; its metadata are not needed.
            true_size: (columns, rows) of a picture that was stretched, before; see `BreastFrame`.

        Raises:
            InputError: the weights are missing or damaged, or do not fit the network; the picture shows no breast or
                several, lies on its side, or has a white background instead of dark air.
        """
        found, frame = self._look(image, true_size, self.propose)
        self._require_mammogram(image, frame)
        return found

    def at(
        self, image: Tensor, points: Sequence[Sequence[float]], true_size: Sequence[float] | None = None
    ) -> tuple[list[Finding | None], str]:
        """Return, for each point in a mass, the surest proposal that holds it, and what makes them doubtful.

        A proposal may be as unsure as it likes; None stands where none holds the point.

        Args:
            image: as for a call; a picture that is no mammogram has no proposals.
            points: `[x, y]` each, pixels of the stored image.
            true_size: as for a call.

        Raises:
            InputError: a point is none, or lies outside the image; the weights are missing or damaged, or do not fit
                the network.
        """
        places = [check_point(point, tuple(image.shape[1:])) for point in points]
        (proposals, _, remarks), _ = self._look(image, true_size, self.propose_at)

        def around(x: float, y: float) -> Finding | None:
            held = (each for each in proposals if each.box[0] <= x < each.box[2] and each.box[1] <= y < each.box[3])
            return next(held, None)

        return [around(*place) for place in places], remarks

    def _look(
        self, image: Tensor, true_size: Sequence[float] | None, propose: ProposeMasses
    ) -> tuple[Findings, MetaTensor]:
        """Return what is proposed, with what makes it doubtful, and the frame that was looked at."""
        network = self._ready()
        frame = self.frame(image, true_size)
        batch = frame.as_tensor()[None].to(self.device)
        with torch.inference_mode():
            logits = network(batch) if self.inferer is None else self.inferer(batch, network)
        found = propose(logits[0], frame.as_tensor(), Placement(*frame.meta["placement"]))
        return found._replace(remarks=frame.meta.get(REMARKS, "")), frame

    def _require_mammogram(self, image: Tensor, frame: Tensor) -> None:
        """Raise where "no mass found" would be said of a picture that was not really looked at."""
        name = str(getattr(image, "meta", {}).get("filename_or_obj", "the image"))
        remedy = "give the box of the mass, or say that the picture is a crop of one"
        reduced = reduced_picture(image)
        if air_is_bright(reduced):
            raise InputError(
                f"{name}: the background is white; expected bright tissue on dark air: the greys seem to be inverted, "
                "or the picture to be padded with white. Correct that (in DICOM: Photometric Interpretation, or Pixel "
                "Intensity Relationship Sign); a box is no remedy, as the class is read off the same greys"
            )
        if shows_several(reduced):
            raise InputError(
                f"{name}: shows more than one breast, or a second bright region of such a size; the finder looks at "
                f"one: give each view as an image of its own, or {remedy}"
            )
        if is_on_its_side(reduced, breast_mask(reduced)):
            raise InputError(
                f"{name}: lies on its side, the chest wall along its upper or lower edge, or shows two breasts whose "
                f"chest walls touch, and the finder misses masses so: give each view upright, or {remedy}"
            )
        if not frame.any():
            raise InputError(
                f"{name}: the finder sees no breast; expected a mammogram, with a bright region that covers two "
                f"hundredths of it at least: {remedy}"
            )

    def _ready(self) -> nn.Module:
        """Return the network with its weights."""
        if not isinstance(self.network, nn.Module):
            with torch.random.fork_rng(devices=[]):  # a new network's weights are random first
                self.network = self.network()
        if self.checkpoint is not None:
            load_finder_weights(self.network, self.checkpoint)
            self.checkpoint = None
        self.network = self.network.to(self.device).eval()
        return self.network


class FindMassesd(MapTransform):
    """Dictionary form of `Finder`: gives an entry without a list of masses those that are found in its mammogram.

    Each has `mass`, its number, the surest being 0, `box`, and `found`, the finder's confidence. The entry's own
    `found` is the highest confidence that was seen, also where the list stays empty. Of an entry that has its masses,
    one that is told by a point alone gets the `box` of the surest proposal that holds the point, or a remark where none
    does; the others stay as they are. What makes the finder's answer doubtful is remarked in the image's metadata.

    Args:
        keys: the mammogram, whole, `(C, columns, rows)`.
        finder: see there.
        masses_key: where the entry may have its masses.
        true_size_key: where an entry may hold the (columns, rows) that its picture had before it was stretched.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        finder: Finder,
        masses_key: str = "masses",
        true_size_key: str = "true_size",
    ) -> None:
        super().__init__(keys)
        self.finder, self.masses_key, self.true_size_key = finder, masses_key, true_size_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its masses.

        Raises:
            InputError: the finder has to look, and raises it.
        """
        d = dict(data)
        key = self.first_key(d)
        image = d[key]
        if d.get(self.masses_key) is not None:
            d[self.masses_key], remarks = self._with_boxes(d)
            d[key] = remark_image(image, remarks)
        else:
            said = self.finder(image, d.get(self.true_size_key))
            d[self.masses_key] = [
                {"mass": number, "box": list(box), "found": confidence}
                for number, (box, confidence) in enumerate(said.findings)
            ]
            d["found"] = said.highest
            d[key] = remark_image(image, said.remarks)
        return d

    def _with_boxes(self, d: Mapping[Hashable, Any]) -> tuple[list[dict[str, Any]], str]:
        """Return an entry's masses, those with a point alone with a box where a proposal holds it, and remarks."""
        masses, image = list(d[self.masses_key]), d[self.first_key(d)]

        def has_point_alone(mass: Mapping[str, Any]) -> bool:
            if mass.get("point") is None or mass.get("box") is not None:
                return False
            try:
                check_point(mass["point"], tuple(image.shape[1:]))
            except InputError:  # the fault of that mass alone, of which whoever crops its region tells
                return False
            return True

        pointed = [n for n, mass in enumerate(masses) if has_point_alone(mass)]
        if not pointed:
            return masses, ""
        found, remarks = self.finder.at(image, [masses[n]["point"] for n in pointed], d.get(self.true_size_key))
        for n, finding in zip(pointed, found, strict=True):
            if finding is not None:
                masses[n] = {**masses[n], "box": list(finding.box)}
            else:
                masses[n] = with_remark(masses[n], NO_PROPOSAL)
                logger.warning(
                    "%s: the finder sees no mass round the point %s, which is looked at in a window of one size: the "
                    "outline may be much too large; a box says more",
                    getattr(image, "meta", {}).get("filename_or_obj", "the image"), masses[n]["point"],
                )  # fmt: skip
        return masses, remarks
