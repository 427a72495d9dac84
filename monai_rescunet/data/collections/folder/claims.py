"""Files that two entries claim, and patients whose names differ in nothing but their spelling."""

from __future__ import annotations

from pathlib import Path

from monai.utils import ensure_tuple

from monai_rescunet.data.collections.folder.names import own_case
from monai_rescunet.data.collections.report import Collector, Entry

__all__ = ["without_shared_files", "without_similar_cases"]


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
                "differ in upper and lower case or spaces alone: are they one patient? None is kept: write each "
                "patient in one way",
            )
    return [entry for entry in entries if len(spellings[_plain(entry["case"])]) < 2]


def _plain(case: str) -> str:
    return "".join(case.casefold().split())
