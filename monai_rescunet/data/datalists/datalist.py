"""MONAI's datalist as this project uses it: one JSON entry a mass, paths relative to the data's folder.

An entry has `image` and, where they are known, `label` (a mask or a list of masks) or `contour` (`FILE.xml#0,2`,
regions of an OsiriX file), `box` (`[x_min, y_min, x_max, y_max]`, pixels, max exclusive), `point` (`[x, y]`), `class`
(`benign`, `malignant`), `case`, `fold` (from 0), `mass` (its number in the image, from 0) and `collection`, where there
are several. Masses without a number get those that are free, in their order. `crop`, true, says that the image is a
crop of one mass: all of it is the region of interest. `finding` is `mass`, the default, `none` in the one entry of an
image without a mass, or `unsure` of a region that may hold one. Further keys are kept.

Where several masses of an image have a mask each, reading for training and evaluation gives every one of them
`others`: what each of the image's other masses has of `label`, `contour` and `class`. It is not written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import posixpath
from collections.abc import Iterable, Sequence
from itertools import count
from operator import mul
from pathlib import Path
from typing import Any

from monai.utils import ensure_tuple

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import relative_name, write_atomically
from monai_rescunet.data.datalists.entries import NO_MASS, Entry, checked_entry, has_mass

__all__ = [
    "check_replaceable",
    "describe_entries",
    "read_datalist",
    "repeat_small_collections",
    "split_by_fold",
    "write_datalist",
]

SECTIONS = ("training", "testing")
MASK_KEYS = ("label", "contour")

logger = logging.getLogger(__name__)


def read_datalist(
    path: str | Path, dataset_dir: str | Path, section: str = "training", masks: bool = False
) -> list[Entry]:
    """Return the entries of a datalist with absolute paths, the masses of one image one after the other.

    Args:
        path: the datalist.
        dataset_dir: folder that its paths are relative to.
        section: `training` or `testing`.
        masks: every mass must have a mask or contour, as training and evaluation need them; other findings are left
            out.

    Raises:
        InputError: the datalist is missing or malformed; an entry names a file that is not there or lies outside
            `dataset_dir`, has a value outside its range or the image and `mass` of another one, or with `masks` none;
            an image or a case stands in two folds, or in training and testing; some entries of a section have a fold
            and others none.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); write a datalist with `monai-rescunet prepare`"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); write it again with `monai-rescunet prepare`") from error
    if not isinstance(content, dict) or not isinstance(content.get(section), list):
        raise InputError(f"{path}: has no list {section!r}; expected {{'training': [...], 'testing': [...]}}")
    masses: dict[str, list[Entry]] = {}
    for number, entry in enumerate(content[section]):
        try:
            checked = checked_entry(entry, Path(dataset_dir))
            of_one_image = masses.setdefault(checked["image"], [])
            if "mass" in checked and checked["mass"] in [other.get("mass") for other in of_one_image]:
                raise InputError(
                    f"{entry['image']} has a mass {checked['mass']} already; expected another number for each mass of "
                    "an image, or none at all: correct it"
                )
            of_one_image.append(checked)
            if len(of_one_image) > 1 and NO_MASS in [each.get("finding") for each in of_one_image]:
                raise InputError(f"{entry['image']} has another entry beside one that finds none: correct one of them")
            if masks and has_mass(checked) and checked.keys().isdisjoint(MASK_KEYS):
                raise InputError(
                    f"{entry['image']} has neither mask (label) nor contour; training and evaluation need one of every "
                    "mass, a box or point serves inference alone"
                )
        except InputError as error:
            raise InputError(f"{path}: entry {number} of {section!r}: {error}") from None
    _check_split(path, content)
    if not masks:
        return [entry for of_one_image in masses.values() for entry in _numbered(of_one_image)]
    entries = [entry for of_one_image in masses.values() for entry in _with_others(_numbered(of_one_image))]
    with_mass = [entry for entry in entries if has_mass(entry)]
    if len(with_mass) < len(entries):
        logger.info("%s: %d entries that are no mass are left out", path, len(entries) - len(with_mass))
    return with_mass


def write_datalist(path: str | Path, training: Sequence[Entry], testing: Sequence[Entry] = ()) -> None:
    """Write a datalist, whole or not at all.

    Args:
        path: the JSON file.
        training, testing: entries with paths relative to the data's folder.

    Raises:
        InputError: another file than a datalist is there already, or the folder cannot be written to.
    """
    check_replaceable(Path(path))
    content = {"training": list(training), "testing": list(testing)}
    write_atomically(Path(path), json.dumps(content, indent=1) + "\n")


def check_replaceable(path: Path) -> None:
    """Refuse to write over a file that `write_datalist` did not write.

    Raises:
        InputError: it is there and is something else, the table of a collection for instance.
    """
    if not path.exists():
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or set(content) != set(SECTIONS):
        raise InputError(
            f"{path}: is there already and is no datalist of prepare; expected one, or none: name another file"
        )


def split_by_fold(entries: Iterable[Entry], fold: int | str) -> tuple[list[Entry], list[Entry]]:
    """Return the entries to train on and those held out.

    Args:
        entries: with `fold`, where it is a number; of none at all none are returned.
        fold: the fold to hold out; `none` trains on everything, `all` holds everything out.

    Raises:
        InputError: there is no such fold.
    """
    entries = list(entries)
    if fold == "none" or not entries:
        return entries, []
    if fold == "all":
        return [], entries
    folds = sorted({entry["fold"] for entry in entries if "fold" in entry})
    try:
        held_out = int(fold)
    except ValueError:
        held_out = -1
    if held_out not in folds:
        raise InputError(f"fold is {fold!r}; the datalist has {folds or 'none'}: name one of them, 'all' or 'none'")
    return (
        [entry for entry in entries if entry.get("fold") != held_out],
        [entry for entry in entries if entry.get("fold") == held_out],
    )


def repeat_small_collections(entries: Sequence[Entry], share: float) -> list[Entry]:
    """Return the entries with those of small collections repeated, so that none drowns beside a large one.

    Args:
        entries: of several collections where they have `collection`, as `prepare folder A B` writes it.
        share: about this part of the result, in [0, 1), comes from each collection at least.

    Raises:
        ValueError: `share` is outside [0, 1), or there are so many collections that not each can have it.
    """
    collections: dict[str, list[Entry]] = {}
    for entry in entries:
        collections.setdefault(entry.get("collection", ""), []).append(entry)
    if not 0 <= share < 1:
        raise InputError(f"share is {share}; expected one from 0 to below 1")
    if share * len(collections) > 1:
        raise InputError(f"share is {share}; {len(collections)} collections cannot have it each")
    sizes = [len(own) for own in collections.values()]
    before: list[int] = []
    times = [1] * len(sizes)
    while times != before:  # what one has more the others lack; it ends at the latest where all are of one size
        before, total = times, sum(map(mul, times, sizes))
        wanted = [share / (1 - share) * (total - kept * size) / size for kept, size in zip(times, sizes, strict=True)]
        times = [max(1, round(repetitions)) for repetitions in wanted]
    return [entry for own, kept in zip(collections.values(), times, strict=True) for entry in own * kept]


def describe_entries(entries: Sequence[Entry], dataset_dir: str | Path) -> str:
    """Return the number of masses and a digest of what a network learns from them, in their order.

    Args:
        entries: as `read_datalist` returns them.
        dataset_dir: folder that their paths lie in; another place of the same data changes nothing.
    """

    def place(value: Any) -> Any:
        return [place(name) for name in value] if isinstance(value, list) else relative_name(value, dataset_dir)

    told = [
        [place(entry[key]) if key in entry else None for key in ("image", "label", "contour")]
        + [entry.get(key) for key in ("box", "point", "class")]
        + [[place(other[key]) if key in other else None for key in MASK_KEYS] for other in entry.get("others", ())]
        + [other.get("class") for other in entry.get("others", ())]
        + [entry[key] for key in ("boxes", "ignored") if key in entry]
        for entry in entries
    ]
    return f"{len(entries)} masses, SHA-256 {hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:12]}"


def _numbered(of_one_image: Sequence[Entry]) -> list[Entry]:
    """Return the masses of one image, each with a number of its own."""
    given = {entry.get("mass") for entry in of_one_image}
    free = (number for number in count() if number not in given)
    return [entry if "mass" in entry else entry | {"mass": next(free)} for entry in of_one_image]


def _with_others(of_one_image: Sequence[Entry]) -> list[Entry]:
    """Return the masses of one image, each with the others that have a mask which is not its own."""
    masks = [set(ensure_tuple(entry.get("label", ()))) | {entry.get("contour")} - {None} for entry in of_one_image]
    told = [{key: entry[key] for key in (*MASK_KEYS, "class") if key in entry} for entry in of_one_image]
    with_others = []
    for own, entry in zip(masks, of_one_image, strict=True):
        others = [other for mask, other in zip(masks, told, strict=True) if not mask <= own]
        entry.pop("others", None)
        with_others.append(entry | {"others": others} if others and own else entry)
    return with_others


def _check_split(path: Path, content: dict[str, Any]) -> None:
    """Refuse a datalist whose folds or sections share a patient or an image, or in which some entries have no fold."""
    seen: dict[tuple[str, str], str] = {}
    for section in SECTIONS:
        listed = content.get(section)
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        without = sum("fold" not in entry for entry in entries)
        if 0 < without < len(entries):
            raise InputError(
                f"{path}: {without} of the {len(entries)} entries of {section!r} have no fold; expected one in each or "
                "in none, since masses without a fold would be trained on in every fold: prepare the collection again"
            )
        for entry in entries:
            place = f"fold {entry['fold']} of {section!r}" if "fold" in entry else repr(section)
            image, case = posixpath.normpath(str(entry.get("image"))), str(entry.get("case") or "").strip()
            for key, name, spelled in (("image", image, image), ("case", case, case.casefold())):
                before = seen.setdefault((key, spelled), place) if name else place
                if before != place:
                    raise InputError(
                        f"{path}: the {key} {name!r} stands in {before} and in {place}; expected it in one, or what a "
                        "network is judged by it has seen: correct the datalist, or prepare the collection again"
                    )
