"""Masses with known outlines, and the handler that writes them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from monai.transforms import LoadImaged

from monai_rescunet.data import KeepCanvasd, MammogramReader
from monai_rescunet.data.datalists.lenient import ImageOfMasses
from monai_rescunet.handlers import SaveMassResults
from monai_rescunet.transforms import Outline

GREY = np.random.default_rng(0).integers(0, 255, (50, 40)).astype(np.uint8)
SIZE = (40, 50)


def outline(columns: slice, rows: slice) -> Outline:
    mask = np.zeros(SIZE, dtype=bool)
    mask[columns, rows] = True
    return Outline.of(mask)


def mass(columns: slice, rows: slice, value: int, score: float, **entry: Any) -> tuple[dict, dict]:
    """Return a mass before and after the network."""
    decision = {0: "no lesion", 1: "benign", 2: "malignant"}[value]
    result = {"decision": decision, "score": score, "lambda1": 90, "lambda2": 200}
    roi = {"source": "box", "box": [1.0, 2.0, 30.0, 40.5]}
    return {"roi": roi, **entry}, {"result": result, "outline": outline(columns, rows)}


A_MASS = mass(slice(0, 20), slice(0, 10), 2, 0.9)
NO_LESION = mass(slice(0), slice(0), 0, 0.0)


def loaded(path: Path) -> dict[str, Any]:
    load = LoadImaged(keys="image", reader=MammogramReader, ensure_channel_first=True, dtype=None)
    return {"image": str(path), "canvas": KeepCanvasd()(load({"image": str(path)}))["canvas"]}


def save(out: Path | None, *images: tuple[Any, ...], **options: Any) -> SaveMassResults:
    """Run the handler over images, each a path and its masses, as an evaluator does."""
    handler = SaveMassResults(out, **options)
    chosen = handler.select(
        [{"image": str(path), "masses": [{"mass": n} for n in range(len(found))]} for path, *found in images]
    )
    for path, *found in (images[index] for index in chosen):
        before = [{"mass": number, **entry} for number, (entry, _) in enumerate(found)]
        state = SimpleNamespace(batch=ImageOfMasses(loaded(path), before), output=[output for _, output in found])
        handler._update(SimpleNamespace(state=state))
    handler._complete(SimpleNamespace())
    return handler


def table(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "results.csv")
