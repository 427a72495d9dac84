"""Folds for cross-validation: no case in two of them, the classes balanced (paper, section III-A)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sklearn.model_selection import StratifiedGroupKFold

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.datalists.entries import has_mass

__all__ = ["assign_folds"]

WITHOUT_CLASS = "without class"


def assign_folds(entries: Sequence[dict[str, Any]], n_splits: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """Return the entries with `fold`, 0 to `n_splits` - 1.

    Masses of one case (a patient, several views) come into one fold, which the paper does not say it did. Where several
    collections are pooled, each is spread evenly over the folds too.

    Args:
        entries: with `class` and `case`; `collection` may name where an entry comes from. Boxes without a class and
            images without a mass, which teach to find masses alone, are spread evenly too.
        n_splits: number of folds.
        seed: of the shuffling.

    Raises:
        InputError: fewer cases of a class than folds, or a mass of which neither class nor box is known.
    """
    if any(has_mass(entry) and entry.keys().isdisjoint(("class", "box")) for entry in entries):
        raise InputError("an entry has no class and no box; folds need one of them of every mass")
    cases = [entry["case"] for entry in entries]
    kinds = [entry.get("class", WITHOUT_CLASS) if has_mass(entry) else entry["finding"] for entry in entries]
    per_class = Counter(kind for kind, _ in set(zip(kinds, cases, strict=True)) if kind in CLASS_VALUES)
    if not per_class and entries:
        per_class = Counter({"of any kind": len(set(cases))})
    if min(per_class.values(), default=0) < n_splits:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(per_class.items())) or "none"
        raise InputError(f"cases: {counts}; {n_splits} folds need at least {n_splits} of each class")
    strata = [f"{kind} {entry.get('collection', '')}" for kind, entry in zip(kinds, entries, strict=True)]
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # of unsure regions there may be one or two
        folds = {
            index: fold
            for fold, (_, held_out) in enumerate(splitter.split(strata, strata, cases))
            for index in held_out.tolist()
        }
    return [{**entry, "fold": folds[index]} for index, entry in enumerate(entries)]
