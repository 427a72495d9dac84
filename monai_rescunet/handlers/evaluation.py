"""The paper's figures over a set of masses, kept while an evaluator runs and written when it is done."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import pandas as pd
from ignite.engine import Engine

from monai_rescunet.core.classes import BENIGN, CLASS_VALUES, MALIGNANT, NO_LESION
from monai_rescunet.core.files import relative_name, write_atomically
from monai_rescunet.decisions.metrics import (
    SEGMENTATION_METRICS,
    PixelROC,
    classification_metrics,
    segmentation_metrics,
)
from monai_rescunet.handlers.epoch import EpochHandler
from monai_rescunet.training.processes import gather_in_turn

__all__ = ["MassEvaluation"]

logger = logging.getLogger(__name__)

COLUMNS = (
    "image", "mass", "case", "fold", "class", "decision", "score",
    "dice", "jaccard", "accuracy", "sensitivity", "specificity", "mcc", "lambda1", "lambda2",
)  # fmt: skip


class MassEvaluation(EpochHandler):
    """Judge every mass that an evaluator sees, on the pixels of its region of interest.

    Figures come into `engine.state.metrics` as `val_<name>`, averaged over the masses; with an `output_dir` every mass
    goes to `per_image.csv` and the totals to `metrics.json`. A mass in which no lesion was found has Dice 0, MCC 0 and
    score 0, and is a wrong decision. Without decisions (binary supervision) the classification figures are empty.

    Of several processes that take the masses in turn (`processes.share_of_entries`) each gets the figures of all, and
    the first one writes, in the order of one process.

    Args:
        output_dir: where to write; None to write nothing.
        dataset_dir: images are named by their path below it.
        settings: what the figures depend on, kept in `metrics.json` beside them.
        map_key, mask_key, label_key, result_key: where postprocessing left M, the predicted label map, the annotated
            label map and the result of the modified Otsu.
    """

    def __init__(
        self,
        output_dir: str | Path | None = None,
        dataset_dir: str | Path = "",
        settings: dict[str, Any] | None = None,
        *,
        map_key: str = "pred",
        mask_key: str = "mask",
        label_key: str = "label",
        result_key: str = "result",
    ) -> None:
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.dataset_dir = dataset_dir
        self.settings = settings or {}
        self.map_key, self.mask_key, self.label_key, self.result_key = map_key, mask_key, label_key, result_key
        self._reset()

    def _reset(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.roc = PixelROC()

    def _update(self, engine: Engine) -> None:
        for entry, output in zip(engine.state.batch, engine.state.output, strict=True):
            truth = output[self.label_key]
            mask, result = output[self.mask_key] > 0, output[self.result_key]
            self.roc.update(output[self.map_key], truth > 0)
            self.rows.append(
                {
                    "image": relative_name(entry["image"].meta["filename_or_obj"], self.dataset_dir),
                    "mass": entry.get("mass", 0),
                    "case": entry.get("case"),
                    "fold": entry.get("fold"),
                    "class": entry.get("class") or _class_of(truth),
                    "decision": result["decision"],
                    "score": result["score"],
                    **segmentation_metrics(mask, truth > 0),
                    "lambda1": result["lambda1"],
                    "lambda2": result["lambda2"],
                }
            )

    def summary(self) -> dict[str, Any]:
        """Return `segmentation` and `classification` figures and `counts` of the masses seen so far."""
        decided = [row for row in self.rows if row["score"] is not None]
        truths = Counter(row["class"] for row in self.rows)
        return {
            "segmentation": {
                **{name: _mean(row[name] for row in self.rows) for name in SEGMENTATION_METRICS},
                "auc": self.roc.auc(),
            },
            "classification": classification_metrics(
                [row["class"] for row in decided],
                [row["decision"] for row in decided],
                [row["score"] for row in decided],
            ),
            "counts": {
                "masses": len(self.rows),
                "benign": truths[BENIGN],
                "malignant": truths[MALIGNANT],
                "no_lesion": sum(row["decision"] == NO_LESION for row in self.rows),
            },
            "settings": self.settings,
        }

    def _gather(self) -> None:
        """Bring the masses of all processes together, in every process."""
        self.rows = gather_in_turn(self.rows)
        self.roc.counts = sum(gather_in_turn([self.roc.counts]))

    def _complete(self, engine: Engine) -> None:
        self._gather()
        summary = self.summary()
        for group, prefix in (("segmentation", "val_"), ("classification", "val_class_")):
            engine.state.metrics |= {prefix + k: v for k, v in summary[group].items() if v is not None}
        figures = {"Dice": summary["segmentation"]["dice"], "AUC": summary["classification"]["auc"]}
        figures["accuracy"] = summary["classification"]["accuracy"]
        told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if value is not None)
        logger.info("%d masses: %s", len(self.rows), told)
        if self.output_dir is None or idist.get_rank() > 0:
            return
        table = pd.DataFrame(self.rows, columns=list(COLUMNS)).to_csv(index=False)
        write_atomically(self.output_dir / "per_image.csv", table)
        write_atomically(self.output_dir / "metrics.json", json.dumps(summary, indent=2) + "\n")
        logger.info("wrote per_image.csv and metrics.json to %s", self.output_dir)


def _class_of(label: Any) -> str:
    """Return the class that most of a label map's lesion has, for entries that do not name it."""
    counts = {name: int((label == value).sum()) for name, value in CLASS_VALUES.items()}
    return max(counts, key=lambda name: counts[name])


def _mean(values: Any) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None
