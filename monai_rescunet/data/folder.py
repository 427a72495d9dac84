"""Plain folders of mammograms, however they say where the masses are, as datalist entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from glob import escape
from os.path import commonpath
from pathlib import Path
from typing import Any

import pandas as pd

from monai_rescunet.classes import BENIGN, CLASS_VALUES, MALIGNANT
from monai_rescunet.data.datalist import path_below
from monai_rescunet.data.folds import assign_folds
from monai_rescunet.data.reader import image_format, image_size
from monai_rescunet.errors import InputError
from monai_rescunet.transforms.boxes import check_box

__all__ = ["FolderReport", "prepare_folder"]

Entry = dict[str, Any]
MASK_FOLDERS = ("mask", "masks")


@dataclass
class FolderReport:
    """What a folder holds.

    Attributes:
        dataset_dir: folder that the entries' paths are relative to.
        entries: one a mass, in the datalist's form, with folds where every mass has a class.
        problems: what was left out, with file and row.
        without_folds: why the entries have no folds, where they have none.
    """

    dataset_dir: Path
    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    without_folds: str = ""

    def summary(self) -> str:
        """Return the counts as one line a fact."""
        classes = Counter(entry.get("class", "without class") for entry in self.entries)
        roi = Counter(
            "box" if "box" in entry else "mask" if "label" in entry else "whole image" for entry in self.entries
        )
        lines = [
            f"{len(self.entries)} masses in {len({e['image'] for e in self.entries})} images of "
            f"{len({e['case'] for e in self.entries})} cases: "
            + ", ".join(f"{classes[name]} {name}" for name in (*CLASS_VALUES, "without class") if classes[name]),
            "region of interest from: " + ", ".join(f"{name} {count}" for name, count in roi.items()),
        ]
        for fold in sorted({entry["fold"] for entry in self.entries if "fold" in entry}):
            held = Counter(entry["class"] for entry in self.entries if entry["fold"] == fold)
            lines.append(f"fold {fold}: {held[BENIGN]} benign, {held[MALIGNANT]} malignant")
        if self.without_folds:
            lines.append(f"no folds: {self.without_folds}")
        if self.problems:
            lines.append(f"left out: {len(self.problems)}")
        return "\n".join(lines)


def prepare_folder(
    roots: Sequence[str | Path], *, n_splits: int = 3, seed: int = 0, strict: bool = False
) -> FolderReport:
    """Return the masses of one folder, or of several as one collection.

    A folder says where its masses are in one of these ways, tried in this order:

    - `labels.csv` with the columns `image, mask, label` and perhaps `case`; the mask may be blank.
    - folders `benign` and `malignant` of images.
    - images, their class unknown.

    Masks of an image are `<stem>_mask*` beside it, or files of its stem in a folder `mask` or `masks` beside its folder
    `images`; several are one set of lesions. Without masks, `boxes.csv` with `image, x_min, y_min, x_max, y_max` has a
    row a mass. With neither, the whole image is the region of interest.

    Args:
        roots: the folders; the paths of several are relative to their common parent, and their cases do not mix.
        n_splits: number of folds.
        seed: of the folds.
        strict: raise the first problem instead of leaving its row out.

    Raises:
        InputError: nothing usable is there, or with `strict` something is not.
    """
    folders = [Path(root).resolve() for root in roots]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
    report = FolderReport(folders[0] if len(folders) == 1 else Path(commonpath(folders)))
    collector = _Collector(report.problems, strict)
    for folder in folders:
        prefix = "" if len(folders) == 1 else folder.relative_to(report.dataset_dir).as_posix() + "/"
        report.entries += [_prefixed(entry, prefix) for entry in _entries(folder, collector)]
    if not report.entries:
        details = f": {report.problems[0]}" if report.problems else "; expected images, or labels.csv that names them"
        raise InputError(f"{', '.join(map(str, folders))}: no usable image{details}")
    try:
        report.entries = assign_folds(report.entries, n_splits, seed)
    except InputError as error:
        report.without_folds = str(error)
    for entry in report.entries:
        entry.pop("collection", None)
    return report


def _prefixed(entry: Entry, prefix: str) -> Entry:
    if not prefix:
        return entry
    label = entry.get("label")
    paths: Entry = {"image": prefix + entry["image"], "case": prefix + entry["case"], "collection": prefix}
    if label is not None:
        paths["label"] = prefix + label if isinstance(label, str) else [prefix + name for name in label]
    return entry | paths


class _Collector:
    """Gathers entries; what is wrong with one is noted, or raised if asked to be strict."""

    def __init__(self, problems: list[str], strict: bool) -> None:
        self.problems, self.strict = problems, strict

    def gather(self, where: str, make: Callable[..., Entry], *args: Any) -> list[Entry]:
        """Return the entry that `make` makes, or nothing."""
        try:
            return [make(*args)]
        except InputError as error:
            self.note(where, str(error))
            return []

    def note(self, where: str, fault: str) -> None:
        if self.strict:
            raise InputError(f"{where}: {fault}")
        self.problems.append(f"{where}: {fault}")


def _entries(root: Path, collector: _Collector) -> list[Entry]:
    """Return the entries of one folder, the masses of one image one after the other."""
    listed = _listed(root, collector)
    boxed = _boxed(root, {entry["image"]: entry for entry in listed}, collector)
    with_box = {entry["image"] for entry in boxed}
    masses: dict[str, list[Entry]] = {entry["image"]: [] for entry in listed + boxed}
    for entry in [entry for entry in listed if entry["image"] not in with_box] + boxed:
        others = masses[entry["image"]]
        if entry in others:
            collector.note(entry["image"], "stands in two rows; the first is kept")
        else:
            others.append(entry)
    return [entry | {"mass": mass} for entries in masses.values() for mass, entry in enumerate(entries)]


def _listed(root: Path, collector: _Collector) -> list[Entry]:
    """Return what labels.csv lists, or else the images there are."""
    path = root / "labels.csv"
    if not path.is_file():
        return [entry for image in _images(root) for entry in collector.gather(str(image), _from_image, root, image)]
    rows = _read_csv(path, ("image", "mask", "label"))
    return [entry for number, row in rows for entry in collector.gather(f"{path} row {number}", _from_row, root, row)]


def _boxed(root: Path, known: dict[str, Entry], collector: _Collector) -> list[Entry]:
    """Return the masses of boxes.csv, if it is there."""
    path = root / "boxes.csv"
    if not path.is_file():
        return []
    rows = _read_csv(path, ("image", "x_min", "y_min", "x_max", "y_max"))
    return [
        entry for number, row in rows for entry in collector.gather(f"{path} row {number}", _from_box, root, row, known)
    ]


def _read_csv(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their line numbers; every cell is trimmed text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: cannot be read as CSV ({error}); expected the columns {', '.join(columns)}"
        ) from error
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; found {', '.join(table.columns)}, "
            f"expected {', '.join(columns)}"
        )
    return [
        (number, {str(name): str(cell).strip() for name, cell in row.items()})
        for number, row in enumerate(table.to_dict("records"), start=2)  # the header is row 1
    ]


def _from_row(root: Path, row: dict[str, str]) -> Entry:
    """Return the entry of a row of labels.csv."""
    if not row["image"]:
        raise InputError("the image is blank")
    entry: Entry = {
        "image": row["image"],
        "class": _class(row["label"]),
        "case": row.get("case") or Path(row["image"]).stem,
    }
    image = _image(root, row["image"])
    if row["mask"]:
        _check_mask(image, _image(root, row["mask"]))
        entry["label"] = row["mask"]
    return entry


def _from_image(root: Path, image: Path) -> Entry:
    """Return the entry of an image that no table describes."""
    entry: Entry = {
        "image": image.relative_to(root).as_posix(),
        "case": image.relative_to(root).with_suffix("").as_posix(),
    }
    folders = image.relative_to(root).parts[:-1]
    classes = [name.lower() for name in folders if name.lower() in CLASS_VALUES]
    if classes:
        entry["class"] = classes[0]
    masks = _masks(image)
    for mask in masks:
        _check_mask(image, mask)
    names = [mask.relative_to(root).as_posix() for mask in masks]
    if names:
        entry["label"] = names[0] if len(names) == 1 else names
    return entry


def _from_box(root: Path, row: dict[str, str], known: dict[str, Entry]) -> Entry:
    """Return the entry of a row of boxes.csv, with what else is known of its image."""
    image = _image(root, row["image"])
    try:
        box = [float(row[name]) for name in ("x_min", "y_min", "x_max", "y_max")]
    except ValueError:
        raise InputError("x_min, y_min, x_max, y_max are not four numbers") from None
    entry = {
        **known.get(row["image"], {"case": image.stem}),
        "image": row["image"],
        "box": list(check_box(box, image_size(image))),
    }
    if row.get("label"):
        entry["class"] = _class(row["label"])
    if row.get("case"):
        entry["case"] = row["case"]
    return entry


def _class(text: str) -> str:
    name = text.lower()
    if name not in CLASS_VALUES:
        raise InputError(f"label is {text!r}; expected {' or '.join(CLASS_VALUES)}")
    return name


def _image(root: Path, name: str) -> Path:
    path = path_below(root, name)
    if image_format(path) is None:
        raise InputError(f"{name!r} is no image that can be read, or is cut off")
    return path


def _check_mask(image: Path, mask: Path) -> None:
    sizes = image_size(image), image_size(mask)
    if sizes[0] != sizes[1]:
        raise InputError(f"the mask {mask.name} has {sizes[1]} pixels and the image {sizes[0]} (columns, rows)")


def _is_mask(path: Path) -> bool:
    return path.parent.name.lower() in MASK_FOLDERS or "_mask" in path.stem.lower()


def _images(root: Path) -> list[Path]:
    """Return the images below a folder that are no masks and not hidden."""
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.suffix.lower() not in (".csv", ".json", ".txt", ".md")
        and not _is_mask(path)
        and image_format(path) is not None
    ]


def _masks(image: Path) -> list[Path]:
    """Return the masks of an image."""
    stem = image.name.removesuffix(".gz").rsplit(".", 1)[0]
    folders = [image.parent / name for name in MASK_FOLDERS]
    if image.parent.name.lower() == "images":
        folders += [image.parent.parent / name for name in MASK_FOLDERS]
    candidates = list(image.parent.glob(f"{escape(stem)}_mask*"))
    for folder in folders:
        candidates += [*folder.glob(f"{escape(stem)}.*"), *folder.glob(f"{escape(stem)}_mask*")]
    return sorted(path for path in candidates if path.is_file() and image_format(path) is not None)
