"""Folds for cross-validation: no case in two of them, the classes balanced (paper, section III-A)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sklearn.model_selection import StratifiedGroupKFold

from monai_rescunet.core.errors import InputError

__all__ = ["assign_folds"]


def assign_folds(entries: Sequence[dict[str, Any]], n_splits: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """Return the entries with `fold`, 0 to `n_splits` - 1.

    Masses of one case (a patient, several views) come into one fold, which the paper does not say it did. Where several
    collections are pooled, each is spread evenly over the folds too.

    Args:
        entries: with `class` and `case`; `collection` may name where an entry comes from.
        n_splits: number of folds.
        seed: of the shuffling.

    Raises:
        InputError: fewer cases of a class than folds, or an entry without a class.
    """
    if any("class" not in entry for entry in entries):
        raise InputError("an entry has no class; folds need the class of every mass")
    cases = [entry["case"] for entry in entries]
    per_class = Counter(name for name, _ in {(entry["class"], entry["case"]) for entry in entries})
    if min(per_class.values(), default=0) < n_splits:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(per_class.items())) or "none"
        raise InputError(f"cases: {counts}; {n_splits} folds need at least {n_splits} of each class")
    strata = [f"{entry['class']} {entry.get('collection', '')}" for entry in entries]
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    folds = {
        index: fold
        for fold, (_, held_out) in enumerate(splitter.split(strata, strata, cases))
        for index in held_out.tolist()
    }
    return [{**entry, "fold": folds[index]} for index, entry in enumerate(entries)]
