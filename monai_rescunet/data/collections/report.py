"""What every collection's adapter shares: gathering masses, noting what is left out, folds and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from monai_rescunet.core.classes import BENIGN, CLASS_VALUES, MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.datalists.entries import NO_MASS, UNSURE, Entry, has_mass
from monai_rescunet.data.datalists.folds import assign_folds

T = TypeVar("T")

__all__ = ["CollectionReport", "Collector", "Entry"]

LOCATIONS = {"box": "box", "contour": "contour", "label": "mask"}


@dataclass
class CollectionReport:
    """What a collection holds.

    Attributes:
        dataset_dir: folder that the entries' paths are relative to.
        entries: one a mass, in the datalist's form, with folds where every mass has a class.
        testing: masses that the collection itself keeps aside for the last judgement.
        problems: what was left out, with file and row.
        notes: what is to be said of the counts.
        without_folds: why the entries have no folds, where they have none.
    """

    dataset_dir: Path
    entries: list[Entry] = field(default_factory=list)
    testing: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    without_folds: str = ""

    def assign_folds(self, n_splits: int, seed: int) -> None:
        """Give the entries their folds, or say why they have none."""
        try:
            self.entries = assign_folds(self.entries, n_splits, seed)
        except InputError as error:
            self.without_folds = str(error)

    def summary(self) -> str:
        """Return the counts as one line a fact."""
        every = self.entries + self.testing
        roi = Counter(_where(entry) for entry in every if has_mass(entry))
        lines = [
            _count(self.entries),
            *([f"kept aside for testing: {_count(self.testing)}"] if self.testing else []),
            "region of interest from: " + ", ".join(f"{name} {count}" for name, count in roi.items()),
        ]
        for fold in sorted({entry["fold"] for entry in self.entries if "fold" in entry}):
            held = Counter(entry.get("class") for entry in self.entries if entry["fold"] == fold)
            lines.append(f"fold {fold}: {held[BENIGN]} benign, {held[MALIGNANT]} malignant")
        lines += self.notes
        if self.without_folds:
            lines.append(f"no folds: {self.without_folds}")
        if self.problems:
            lines.append(f"left out: {len(self.problems)}")
        return "\n".join(lines)


def _where(entry: Entry) -> str:
    """Return what says where an entry's mass is."""
    if entry.get("crop"):
        return "whole crop"
    return next((told for key, told in LOCATIONS.items() if key in entry), "the finder")


def _count(entries: Sequence[Entry]) -> str:
    """Return the numbers of masses, images, cases and classes."""
    masses = [entry for entry in entries if has_mass(entry)]
    classes = Counter(entry.get("class", "without class") for entry in masses)
    findings = Counter(entry["finding"] for entry in entries if not has_mass(entry))
    return (
        f"{len(masses)} masses in {len({e['image'] for e in entries})} images of "
        f"{len({e['case'] for e in entries})} cases: "
        + ", ".join(f"{classes[name]} {name}" for name in (*CLASS_VALUES, "without class") if classes[name])
        + (f"; images without a mass {findings[NO_MASS]}" if findings[NO_MASS] else "")
        + (f"; unsure regions {findings[UNSURE]}" if findings[UNSURE] else "")
    )


class Collector:
    """Gathers entries; what is wrong with one is noted, or raised if asked to be strict.

    Args:
        problems: the report's list, which notes go to.
        strict: raise an `InputError` instead.
    """

    def __init__(self, problems: list[str], strict: bool) -> None:
        self.problems, self.strict = problems, strict

    def gather(self, where: str, make: Callable[..., T], *args: Any) -> list[T]:
        """Return the entry, or whatever, that `make` makes of `args`, or nothing; `where` names the file and row."""
        try:
            return [make(*args)]
        except (InputError, OSError) as error:  # OSError: a file that may not be read
            self.note(where, str(error))
            return []

    def note(self, where: str, fault: str) -> None:
        """Leave something out, saying why."""
        if self.strict:
            raise InputError(f"{where}: {fault}")
        self.problems.append(f"{where}: {fault}")
