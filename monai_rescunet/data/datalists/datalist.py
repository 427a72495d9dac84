"""MONAI's datalist as this project uses it: one JSON entry a mass, paths relative to the data's folder.

An entry has `image` and, where they are known, `label` (a mask or a list of masks) or `contour` (`FILE.xml#0,2`,
regions of an OsiriX file), `box` (`[x_min, y_min, x_max, y_max]`, pixels, max exclusive), `point` (`[x, y]`), `class`
(`benign`, `malignant`), `case`, `fold` (from 0), `mass` (its number in the image, from 0) and `collection`, where there
are several. Masses without a number get those that are free, in their order. Further keys are kept.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from itertools import count
from operator import mul
from pathlib import Path
from typing import Any

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import relative_name, write_atomically
from monai_rescunet.data.readers.contour import split_contour

__all__ = [
    "describe_entries",
    "path_below",
    "read_datalist",
    "repeat_small_collections",
    "split_by_fold",
    "write_datalist",
]

Entry = dict[str, Any]


def read_datalist(
    path: str | Path, dataset_dir: str | Path, section: str = "training", masks: bool = False
) -> list[Entry]:
    """Return the entries of a datalist with absolute paths, the masses of one image one after the other.

    Args:
        path: the datalist.
        dataset_dir: folder that its paths are relative to.
        section: `training` or `testing`.
        masks: every entry must have a mask or contour, as training and evaluation need them.

    Raises:
        InputError: the datalist is missing or malformed; an entry names a file that is not there or lies outside
            `dataset_dir`, has a value outside its range or the image and `mass` of another one, or with `masks` none.
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
            checked = _checked(entry, Path(dataset_dir))
            of_one_image = masses.setdefault(checked["image"], [])
            if "mass" in checked and checked["mass"] in [other.get("mass") for other in of_one_image]:
                raise InputError(
                    f"{entry['image']} has a mass {checked['mass']} already; expected another number for each mass of "
                    "an image, or none at all: correct it"
                )
            of_one_image.append(checked)
            if masks and not {"label", "contour"} & checked.keys():
                raise InputError(
                    f"{entry['image']} has neither mask (label) nor contour; training and evaluation need one of every "
                    "mass, a box or point serves inference alone"
                )
        except InputError as error:
            raise InputError(f"{path}: entry {number} of {section!r}: {error}") from None
    return [entry for of_one_image in masses.values() for entry in _numbered(of_one_image)]


def write_datalist(path: str | Path, training: Sequence[Entry], testing: Sequence[Entry] = ()) -> None:
    """Write a datalist, whole or not at all.

    Args:
        path: the JSON file.
        training, testing: entries with paths relative to the data's folder.
    """
    content = {"training": list(training), "testing": list(testing)}
    write_atomically(Path(path), json.dumps(content, indent=1) + "\n")


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
        raise ValueError(f"share is {share}; expected one from 0 to below 1")
    if share * len(collections) > 1:
        raise ValueError(f"share is {share}; {len(collections)} collections cannot have it each")
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
        for entry in entries
    ]
    return f"{len(entries)} masses, SHA-256 {hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:12]}"


def path_below(folder: Path, relative: str) -> Path:
    """Return a path below a folder.

    Raises:
        InputError: it leads outside the folder, or there is no such file.
    """
    path = folder / relative
    try:
        inside, there = path.resolve().is_relative_to(folder.resolve()), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a link to itself, a NUL
        raise InputError(f"the path {relative!r} cannot be followed ({error})") from error
    if not inside:
        raise InputError(f"the path {relative!r} leads outside {folder}: keep the data in one folder")
    if not there:
        raise InputError(f"there is no file {relative!r} in {folder}")
    return path


def _checked(entry: Any, folder: Path) -> Entry:
    """Return the entry with absolute paths and values of the right types."""
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError(f"is {entry!r}; expected an object with 'image'")
    checked = dict(entry, image=str(path_below(folder, entry["image"])))
    if entry.get("label") is not None:
        names = [entry["label"]] if isinstance(entry["label"], str) else entry["label"]
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            raise InputError(f"label is {entry['label']!r}; expected a path or a list of paths")
        files = [str(path_below(folder, name)) for name in names]
        checked["label"] = files[0] if len(files) == 1 else files
    if entry.get("contour") is not None:
        file, indices = split_contour(str(entry["contour"]))
        checked["contour"] = f"{path_below(folder, str(file))}#{','.join(map(str, indices))}"
    for key, length in (("box", 4), ("point", 2)):
        if entry.get(key) is not None:
            checked[key] = _numbers(entry[key], key, length)
    if entry.get("class") is not None and entry["class"] not in list(CLASS_VALUES):
        raise InputError(f"class is {entry['class']!r}; expected {' or '.join(CLASS_VALUES)}")
    for key in ("mass", "fold"):
        value = entry.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{key} is {value!r}; expected a whole number from 0")
    return {key: value for key, value in checked.items() if value is not None}


def _numbered(of_one_image: Sequence[Entry]) -> list[Entry]:
    """Return the masses of one image, each with a number of its own."""
    given = {entry.get("mass") for entry in of_one_image}
    free = (number for number in count() if number not in given)
    return [entry if "mass" in entry else entry | {"mass": next(free)} for entry in of_one_image]


def _numbers(value: Any, key: str, length: int) -> list[float]:
    if (
        not isinstance(value, list)
        or len(value) != length
        or not all(isinstance(v, int | float) and math.isfinite(v) for v in value)
    ):
        raise InputError(f"{key} is {value!r}; expected {length} numbers")
    if key == "box" and (value[0] >= value[2] or value[1] >= value[3]):
        raise InputError(f"box is {value}; expected [x_min, y_min, x_max, y_max] with min below max")
    return [float(v) for v in value]
