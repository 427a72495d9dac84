"""What the finder says of the mammograms of an evaluation, kept in a table, and its sensitivity."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from ignite.engine import Engine

from monai_rescunet.core.files import relative_name, write_atomically
from monai_rescunet.decisions.froc import FALSE_FINDINGS, judge_image, operating_point
from monai_rescunet.handlers.epoch import EpochHandler

__all__ = ["FindingEvaluation"]

logger = logging.getLogger(__name__)


class FindingEvaluation(EpochHandler):
    """Judge the findings of every mammogram that an evaluator sees.

    `val_sensitivity` comes into `engine.state.metrics`: part of the masses that a finding's centre lies in, at one
    false finding an image. With an `output_dir`, `findings.csv` has a row for each finding with
    `image, case, fold, x_min, y_min, x_max, y_max, confidence`, and a row without a box, with the highest confidence
    that was seen, for a mammogram without any: `benchmarks/finder.py` reads it.

    Args:
        output_dir: where to write; None to write nothing.
        dataset_dir: images are named by their path below it.
        findings_key: where postprocessing left the `Findings`.
    """

    def __init__(
        self, output_dir: str | Path | None = None, dataset_dir: str | Path = "", findings_key: str = "findings"
    ) -> None:
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.dataset_dir, self.findings_key = dataset_dir, findings_key
        self._reset()

    def _reset(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.judged: list[Any] = []

    def _update(self, engine: Engine) -> None:
        for entry, output in zip(engine.state.batch, engine.state.output, strict=True):
            said = output[self.findings_key]
            image = {
                "image": relative_name(entry["image"].meta["filename_or_obj"], self.dataset_dir),
                "case": entry.get("case"),
                "fold": entry.get("fold"),
            }
            corners = ("x_min", "y_min", "x_max", "y_max")
            self.rows += [
                {**image, **dict(zip(corners, finding.box, strict=True)), "confidence": finding.confidence}
                for finding in said.findings
            ] or [{**image, **dict.fromkeys(corners), "confidence": said.highest}]
            self.judged.append(
                judge_image(
                    [finding.box for finding in said.findings],
                    [finding.confidence for finding in said.findings],
                    entry.get("boxes", ()),
                    entry.get("ignored", ()),
                )
            )

    def _complete(self, engine: Engine) -> None:
        points = {rate: operating_point(self.judged, rate) for rate in FALSE_FINDINGS}
        engine.state.metrics["val_sensitivity"] = points[1.0].sensitivity
        for rate, point in points.items():
            logger.info(
                "%.3f of the masses at %.2f false findings an image (confidence %.3f)",
                point.sensitivity,
                rate,
                point.threshold,
            )
        if self.output_dir is not None:
            self.output_dir.mkdir(parents=True, exist_ok=True)
            write_atomically(self.output_dir / "findings.csv", pd.DataFrame(self.rows).round(5).to_csv(index=False))
