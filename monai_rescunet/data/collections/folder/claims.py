"""Files that two entries claim, pictures that are there twice, and patients who differ in their spelling alone."""

from __future__ import annotations

import filecmp
import re
from itertools import combinations
from pathlib import Path

from monai.utils import ensure_tuple

from monai_rescunet.data.collections.folder.names import own_case
from monai_rescunet.data.collections.report import Collector, Entry

__all__ = ["with_copies", "without_shared_files", "without_similar_cases"]

SAMPLE = 2**16
"""Bytes in the middle of a file, where the breast is, that differ but in copies."""


def without_shared_files(root: Path, entries: list[Entry], collector: Collector) -> list[Entry]:
    """Return the entries of images none of whose files is anything else's, an image or the mask of another one."""
    uses: dict[Path, dict[str, str]] = {}
    spelled: dict[Path, str] = {}
    for entry in entries:
        image = entry["image"]
        roles = [
            (image, f"the image {image}"),
            *((m, f"a mask of {image}") for m in ensure_tuple(entry.get("label", ()))),
        ]
        for name, role in roles:
            path = (root / name).resolve()  # two names may be one file
            spelled.setdefault(path, name)
            uses.setdefault(path, {})[role] = image
    left_out: set[str] = set()
    for path, claims in uses.items():
        if len(claims) > 1:
            collector.note(
                str(root / spelled[path]),
                f"is {' and '.join(sorted(claims))}; expected one of them, and none is kept: correct it",
            )
            left_out |= set(claims.values())
    return [entry for entry in entries if entry["image"] not in left_out]


def with_copies(root: Path, entries: list[Entry], collector: Collector) -> list[Entry]:
    """Return the entries, copies of a picture under its own case; those of several patients are left out.

    Copies, byte for byte, could otherwise be in two folds.
    """
    samples: dict[tuple[int, bytes], list[str]] = {}
    for image in dict.fromkeys(entry["image"] for entry in entries):
        samples.setdefault(_sample(root / image), []).append(image)
    cases = {entry["image"]: entry["case"] for entry in entries}
    left_out: set[str] = set()
    for alike in samples.values():
        for one, other in combinations(alike, 2):
            if cases[one] == cases[other] or not filecmp.cmp(root / one, root / other, shallow=False):
                continue
            if cases[other] == own_case(root, root / other):
                cases[other] = cases[one]
            elif cases[one] == own_case(root, root / one):
                cases[one] = cases[other]
            else:
                collector.note(
                    f"{root / one} and {other}",
                    f"are one picture, of the cases {cases[one]} and {cases[other]}; none is kept: correct them",
                )
                left_out |= {one, other}
    return [entry | {"case": cases[entry["image"]]} for entry in entries if entry["image"] not in left_out]


def _sample(path: Path) -> tuple[int, bytes]:
    """Return a file's size and what stands in its middle."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, (size - SAMPLE) // 2))
        return size, file.read(SAMPLE)


def without_similar_cases(root: Path, entries: list[Entry], collector: Collector) -> list[Entry]:
    """Return the entries whose case is spelled in one way: `P01` and `p01` as two patients could be in two folds."""
    spellings: dict[str, set[str]] = {}
    for entry in entries:
        of_its_own = entry["case"] == own_case(root, root / entry["image"])
        spellings.setdefault(_plain(entry["case"]), set()).update(() if of_its_own else [entry["case"]])
    for names in spellings.values():
        if len(names) > 1:
            collector.note(
                f"the cases {', '.join(map(repr, sorted(names)))}",
                "differ in upper and lower case, spaces or zeros before numbers alone: are they one patient? None is "
                "kept: write each patient in one way",
            )
    return [entry for entry in entries if len(spellings[_plain(entry["case"])]) < 2]


def _plain(case: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", "".join(case.casefold().split()))
