"""Files that two entries claim, pictures that are there twice, and patients who differ in their spelling alone."""

from __future__ import annotations

import filecmp
import re
from pathlib import Path

from monai.utils import ensure_tuple

from monai_rescunet.data.collections.folder.names import own_case, same_name
from monai_rescunet.data.collections.report import Collector, Entry

__all__ = ["with_one_case_a_picture", "without_shared_files", "without_similar_cases"]

SAMPLE = 2**16
"""Bytes read from the middle of a file, where the breast is, to find what may be a copy."""


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


def with_one_case_a_picture(root: Path, entries: list[Entry], collector: Collector) -> tuple[list[Entry], int]:
    """Return the entries, copies of a picture under one case, and how many images are a copy of another one.

    Copies, byte for byte, could otherwise be in two folds. Of those of several patients none is kept, nor of those
    that are of two classes as a whole, without a box or mask that would tell their masses apart.
    """
    samples: dict[tuple[int, bytes], list[str]] = {}
    of_image: dict[str, list[Entry]] = {}
    for entry in entries:
        of_image.setdefault(entry["image"], []).append(entry)
    for image in of_image:
        samples.setdefault(_sample(root / image), []).append(image)
    cases: dict[str, str] = {}
    left_out: set[str] = set()
    copies = 0
    for alike in (group for sampled in samples.values() for group in _equal(root, sampled)):
        told = [entry for image in alike for entry in of_image[image]]
        known = sorted({entry["case"] for entry in told if entry["case"] != own_case(root, root / entry["image"])})
        whole = sorted({entry["class"] for entry in told if "class" in entry and not {"box", "label"} & entry.keys()})
        for name, values in (("cases", known), ("classes", whole)):
            if len(values) > 1:
                fault = f"are one picture, of the {name} {', '.join(values)}; none is kept: correct it"
                collector.note(", ".join(alike), fault)
                left_out |= set(alike)
                break
        else:
            copies += len(alike) - 1
            cases |= dict.fromkeys(alike, known[0] if known else of_image[alike[0]][0]["case"])
    kept = [entry | {"case": cases.get(entry["image"], entry["case"])} for entry in entries]
    return [entry for entry in kept if entry["image"] not in left_out], copies


def _equal(root: Path, images: list[str]) -> list[list[str]]:
    """Return groups of images that are equal byte for byte, those that are like no other left out."""
    groups: list[list[str]] = []
    for image in images if len(images) > 1 else ():
        for group in groups:
            if filecmp.cmp(root / group[0], root / image, shallow=False):
                group.append(image)
                break
        else:
            groups.append([image])
    return [group for group in groups if len(group) > 1]


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
    return re.sub(r"(?<![\d.])0+(?=\d)", "", "".join(same_name(case).casefold().split()))
