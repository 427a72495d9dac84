"""What is said of one image in several places, and what is kept of it where that does not agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from monai.data.box_utils import box_iou

from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.data.collections.report import Collector, Entry
from monai_rescunet.data.datalists.entries import NO_MASS

__all__ = ["boxes_given_twice", "without_contradictions"]

ONE_MASS = 0.8
"""Boxes whose intersection over union is more are perhaps of one mass, marked in two formats or by two readers."""


def without_contradictions(
    image: str, known: Sequence[Entry], rows: list[Entry], own_case: str, collector: Collector
) -> list[Entry]:
    """Return an image's masses; a row that stands twice is kept once, and of rows that contradict each other none.

    Args:
        image: its name.
        known: what labels.csv or its folders say of it.
        rows: its masses: `known`, or what boxes.csv made of it.
        own_case: its case where nobody says one.
        collector: is told of what is left out.
    """
    for key, blank in (("class", None), ("case", own_case)):
        before, other = ({str(entry[key]) for entry in entries if key in entry} - {blank} for entries in (known, rows))
        worst = {MALIGNANT} & other or other  # an image may be called as the worst of its masses is
        if before and not worst <= before:
            told = [" and ".join(sorted(names)) for names in (before, other)]
            collector.note(
                image,
                f"has the {key} {told[0]} in labels.csv or by its folder, and {told[1]} in boxes.csv; none is kept: "
                "correct one of them",
            )
            return []
    cases = sorted({entry["case"] for entry in rows})
    if len(cases) > 1:
        collector.note(image, f"stands in rows of the cases {', '.join(cases)}; expected one case: correct the table")
        return []
    if len(rows) > 1 and NO_MASS in [entry.get("finding") for entry in rows]:
        collector.note(image, "stands in a row whose box is blank beside another one; none is kept: correct the table")
        return []
    bare = [entry for entry in rows if "label" not in entry and "box" not in entry]
    if bare and len(bare) < len(rows):
        collector.note(image, "stands in a row without a mask beside one with it; the latter is kept")
        rows = [entry for entry in rows if entry not in bare]
    masses: dict[str, list[Entry]] = {}
    for entry in rows:
        same = masses.setdefault(str((entry.get("label"), entry.get("box"))), [])
        if entry in same:
            collector.note(image, "stands in two rows; the first is kept")
        else:
            same.append(entry)
    for same in masses.values():
        if len(same) > 1:
            classes = ", ".join(str(entry.get("class", "blank")) for entry in same)
            collector.note(image, f"stands in rows that call one mass {classes}; none is kept: correct the table")
    return [entry for same in masses.values() if len(same) == 1 for entry in same]


def boxes_given_twice(entries: Sequence[Entry]) -> str | None:
    """Return what is to be said of boxes that nearly coincide: which of them is right a person has to say."""
    boxes: dict[str, list[Sequence[float]]] = {}
    for entry in entries:
        if "box" in entry:
            boxes.setdefault(entry["image"], []).append(entry["box"])
    pairs = [
        (image, of_image[one], of_image[other])
        for image, of_image in boxes.items()
        if len(of_image) > 1
        for one, other in np.argwhere(np.triu(box_iou(*[np.array(of_image, dtype=float)] * 2), 1) > ONE_MASS)
    ]
    if not pairs:
        return None
    image, one, other = pairs[0]
    more = f", and so do {len(pairs) - 1} other pairs" if len(pairs) > 1 else ""
    return (
        f"{image}: the boxes {list(one)} and {list(other)} nearly coincide{more}: one mass, marked in two formats or "
        "by two readers? All are kept: remove those that are too many"
    )
