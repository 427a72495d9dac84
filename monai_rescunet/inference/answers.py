"""The maps M that a network answers with for the masses of a datalist, and for changed pictures of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, LoadImaged
from torch import Tensor

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.weights import load_weights
from monai_rescunet.data import (
    DrawContourd,
    LoadMassROId,
    MammogramReader,
    read_datalist,
    require_entries,
    split_by_fold,
)
from monai_rescunet.data.datalists.entries import has_mass
from monai_rescunet.decisions.changes import CHANGES, Change
from monai_rescunet.networks import FeatureTap
from monai_rescunet.transforms import CropMassROId, NormalizeTone, ToDiscriminativeMapd, ToLabelMapd

__all__ = ["Answers", "answers"]

BATCH = 16
PLACES = ("box", "label", "contour")
"""Of a mass, those in which a score means a probability."""


class Answers(NamedTuple):
    """Masses and a network's maps of them.

    Attributes:
        entries: the datalist's, one a mass.
        maps: a batch of maps M in [0, 1], `(masses, 1, *spatial)`, for each change by its name.
        features: what `FeatureTap` says of each picture, `(masses, values)`, for each change by its name.
        truth: the masks in the regions, bool, of the same shape; empty where they were not asked for.
        settings: what a score depends on beside the weights.
        pictured: what the features depend on beside the weights.
    """

    entries: list[dict[str, Any]]
    maps: dict[str, Tensor]
    features: dict[str, Tensor]
    truth: Tensor
    settings: dict[str, Any]
    pictured: dict[str, Any]


@torch.no_grad()
def answers(
    dataset_dir: str | Path,
    datalist: str | Path,
    checkpoint: str | Path,
    *,
    changes: Sequence[Change] = CHANGES[:1],
    truth: bool = False,
    most: int | None = None,
    bundle: str | Path | None = None,
    **overrides: Any,
) -> Answers:
    """Judge the regions of interest of a datalist's masses as the bundle's `inference.yaml` does.

    Args:
        dataset_dir: folder that the datalist's paths are relative to.
        datalist: as `monai-rescunet prepare` writes it; every mass with its class. Images without a mass are passed
            over.
        checkpoint: the weights.
        changes: of the regions, each judged anew.
        truth: crop the masks as well.
        most: masses of a collection, drawn by a seed; None takes all.
        bundle: folder of another bundle than the installed one.
        overrides: values of the inference config: `fold`, `amp`, ...

    Raises:
        InputError: there is no mass, or one has no class, or neither box nor mask, or a file cannot be read.
    """
    root = bundle_root() if bundle is None else Path(bundle).absolute()
    parser = ConfigParser(ConfigParser.load_config_file(str(root / "configs" / "inference.yaml")))
    given = {"bundle_root": root, "dataset_dir": dataset_dir, "datalist": datalist, "checkpoint": checkpoint}
    parser.update({**{name: str(value) for name, value in given.items()}, **overrides})
    network = parser.get_parsed_content("model")
    load_weights(network, checkpoint)
    device = parser.get_parsed_content("device")
    network.eval()
    roi = {name: parser.get_parsed_content(name) for name in ("roi_mode", "roi_context", "window_size", "roi_size")}
    load: Callable[[Any], Any] = LoadMassROId(**roi) if truth else _regions_alone(roi)
    inferer = parser.get_parsed_content("inferer")
    normalize = NormalizeTone(parser.get_parsed_content("tone_median"), parser.get_parsed_content("tone_contrast"))
    to_map = ToDiscriminativeMapd("pred", levels=parser.get_parsed_content("levels"))
    section, fold = parser.get_parsed_content("section"), parser.get_parsed_content("fold")
    entries = split_by_fold(read_datalist(datalist, dataset_dir, section, masks=truth), fold)[1]
    entries = [entry for entry in entries if has_mass(entry)]
    require_entries(entries, "judge", datalist, dataset_dir, section, fold)
    if most is not None:
        entries = _drawn(entries, most)
    for entry in entries:
        if "class" not in entry:
            raise InputError(f"{entry['image']}: mass {entry['mass']} has no class; give that of every mass")
        if not any(entry.get(place) for place in PLACES):
            raise InputError(
                f"{entry['image']}: mass {entry['mass']} has neither a box nor a mask, in which alone a score means a "
                "probability; give one of every mass"
            )
    tap = FeatureTap(network, parser.get_parsed_content("watched"), inferer.views())
    maps: dict[str, list[Tensor]] = {change.name: [] for change in changes}
    features: dict[str, list[Tensor]] = {change.name: [] for change in changes}
    masks: list[Tensor] = []
    for start in range(0, len(entries), BATCH):
        regions = []
        for entry in entries[start : start + BATCH]:
            data: Any = load(cast("dict[Any, Any]", entry))
            regions.append(_plain(data["image"]))
            if truth:
                masks.append(_plain(data["label"]) > 0)
        for change in changes:
            batch = torch.stack([change(region, normalize) for region in regions])
            batch = batch.to(device, memory_format=torch.channels_last)
            logits = inferer(batch, network)
            features[change.name].append(tap.take())
            maps[change.name] += [change.undo(_plain(to_map({"pred": each})["pred"]).cpu()) for each in logits]
    return Answers(
        entries,
        {name: torch.stack(each) for name, each in maps.items()},
        {name: torch.cat(each) for name, each in features.items()},
        torch.stack(masks) if truth else torch.empty(0),
        parser.get_parsed_content("scored"),
        parser.get_parsed_content("pictured"),
    )


def _drawn(entries: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return at most so many entries of each collection, in their order."""
    order, left = np.random.default_rng(0).permutation(len(entries)), Counter[str]()
    chosen = []
    for index in order.tolist():
        left[entries[index].get("collection", "")] += 1
        if left[entries[index].get("collection", "")] <= most:
            chosen.append(index)
    return [entries[index] for index in sorted(chosen)]


def _regions_alone(roi: dict[str, Any]) -> Compose:
    """Return what loads the region of a mass that perhaps has no mask, as inference does."""
    return Compose(
        [
            LoadImaged(["image", "label"], reader=MammogramReader, ensure_channel_first=True, allow_missing_keys=True),
            DrawContourd("label"),
            ToLabelMapd("label", undecided=True, allow_missing_keys=True),
            CropMassROId("image", **roi),
        ]
    )


def _plain(image: Tensor) -> Tensor:
    return image.as_tensor() if isinstance(image, MetaTensor) else image
