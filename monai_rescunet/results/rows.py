"""The rows of `results.csv`: one a mass, or one of an image in which nothing was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from monai_rescunet.core.classes import NO_FINDING, NO_LESION, WHOLE_IMAGE
from monai_rescunet.core.remarks import REMARKS, UNLIKE_TRAINING, joined
from monai_rescunet.core.result_names import COLUMNS, MOST_USUAL
from monai_rescunet.decisions.metrics import segmentation_metrics
from monai_rescunet.transforms.outline import Outline

__all__ = ["mass_row", "no_finding_row", "written_cells"]

CALIBRATED_SOURCES = ("box", "label")
"""Where a calibration knows what a score means: it was fitted on masses in a box."""


def mass_row(
    image: str,
    meta: Mapping[str, Any],
    entry: Mapping[str, Any],
    output: Mapping[str, Any],
    calibration: Callable[[float], float] | None,
    label_map: str | None,
    asked: str,
) -> dict[str, Any]:
    """Return the row of a mass.

    Args:
        image: its image's name.
        meta: its image's metadata.
        entry: the mass before the network: `roi`, and where they are known `mass`, `found`, `remarks`, and `label`, the
            outline of the annotated mass.
        output: the mass after it: `result` and `outline`.
        calibration: gives the probability of malignancy of a score; None tells none.
        label_map: name of the label map's file.
        asked: see `asked_of`.
    """
    result, outline = output["result"], output["outline"]
    unlike = output.get("unlike_training")
    unlike_training = UNLIKE_TRAINING if unlike is not None and unlike > MOST_USUAL else None
    told = {
        "image": image,
        "mass": entry.get("mass", 0),
        "box": _describe(entry["roi"]),
        "found": entry.get("found"),
        "decision": result["decision"],
        "score": result["score"],
        "probability": _probability(result, entry["roi"], calibration),
        "unlike_training": unlike,
        "remarks": joined(meta.get(REMARKS), entry.get(REMARKS), unlike_training) or None,
        "lambda1": result["lambda1"],
        "lambda2": result["lambda2"],
        "area_px": outline.area,
        "area_mm2": outline.area * float(np.prod(np.asarray(meta["spacing"]))) if "spacing" in meta else None,
        "spacing_source": meta["spacing_source"],
        "dice": _dice(outline, entry["label"]) if entry.get("label") is not None else None,
        "label_map": label_map,
        "asked": asked,
    }
    return {name: told[name] for name in COLUMNS}


def no_finding_row(
    image: str, meta: Mapping[str, Any], found: float | None, label_map: str | None, asked: str
) -> dict[str, Any]:
    """Return the row of an image in which nothing was found: it has no class and no score.

    Args:
        image: its name.
        meta: its metadata.
        found: the highest confidence that was seen.
        label_map: name of the label map's file, which is empty.
        asked: see `asked_of`.
    """
    told = {
        "image": image,
        "mass": 0,
        "found": found,
        "decision": NO_FINDING,
        "remarks": meta.get(REMARKS) or None,
        "spacing_source": meta["spacing_source"],
        "label_map": label_map,
        "asked": asked,
    }
    return {name: told.get(name) for name in COLUMNS}


def written_cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row as it stands in the table: fractions with four digits, nothing for None."""
    return {name: _written(row[name]) for name in COLUMNS}


def _written(value: Any) -> str:
    if value is None:
        return ""
    return f"{float(value):.4f}" if isinstance(value, float | np.floating) else str(value)


def _describe(roi: Mapping[str, Any]) -> str:
    """Return the box or point as it stands in the table: `x_min y_min x_max y_max`, `x y`, or `whole image`."""
    if roi["source"] == "image":
        return WHOLE_IMAGE
    values = [float(v) for v in roi["box"]]
    return " ".join(f"{v:g}" for v in (values[:2] if roi["source"] == "point" else values))


def _probability(
    result: Mapping[str, Any], roi: Mapping[str, Any], calibration: Callable[[float], float] | None
) -> float | None:
    known = roi["source"] in CALIBRATED_SOURCES and result["score"] is not None and result["decision"] != NO_LESION
    return calibration(float(result["score"])) if calibration is not None and known else None


def _dice(outline: Outline, truth: Outline) -> float:
    found, annotated = (torch.from_numpy(mask)[None] for mask in outline.together(truth))
    return float(segmentation_metrics(found, annotated)["dice"])
