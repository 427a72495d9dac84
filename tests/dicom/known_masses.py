"""Masses with known outlines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom

COLUMNS, ROWS = 41, 60


def outline(columns: slice, rows: slice, size: tuple[int, int] = (COLUMNS, ROWS)) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[columns, rows] = True
    return mask


def mass(mask: np.ndarray, decision: str | None, score: float | None = 0.75, index: int = 0) -> dict[str, Any]:
    """Return a mass as `predict` does."""
    lambda2 = None if score is None or decision == "no lesion" else 200
    return {"mask": mask, "decision": decision, "score": score, "lambda1": 90, "lambda2": lambda2, "mass": index}


def masses_of(path: Path) -> list[dict[str, Any]]:
    """Return two overlapping masses of an image of any size."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    size = (int(header.Columns), int(header.Rows))
    whole, half = (
        outline(slice(size[0]), slice(size[1]), size),
        outline(slice(size[0] // 2, size[0]), slice(size[1] // 3, size[1]), size),
    )
    return [mass(half, "malignant", 0.8), mass(whole, "benign", 0.3, index=1)]
