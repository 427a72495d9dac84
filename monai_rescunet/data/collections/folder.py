"""Plain folders of mammograms, however they say where the masses are, as datalist entries."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonpath, relpath
from pathlib import Path

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.report import CollectionReport, Collector, Entry
from monai_rescunet.data.collections.tables import read_csv_rows
from monai_rescunet.data.datalists.entries import path_below
from monai_rescunet.data.readers.mammogram import image_format, image_size, image_stem
from monai_rescunet.transforms.boxes import check_box

__all__ = ["prepare_folder"]

MASK_FOLDERS, IMAGE_FOLDERS = ("mask", "masks"), ("image", "images")
Masks = dict[tuple[str, ...], list[Path]]
"""Masks by the place and the stem of their image."""


def prepare_folder(
    roots: Sequence[str | Path],
    *,
    crops: Sequence[str | Path] = (),
    n_splits: int = 3,
    seed: int = 0,
    strict: bool = False,
) -> CollectionReport:
    """Return the masses of one folder, or of several as one collection.

    A folder says where its masses are in one of these ways, tried in this order:

    - `labels.csv` with the columns `image, mask, label` and perhaps `case`; the mask may be blank.
    - folders `benign` and `malignant` of images.
    - images, their class unknown.

    Masks of an image are `<stem>_mask*` beside it, or files of its stem or of such a name in a folder `mask` or
    `masks`, which may stand beside a folder `images` and hold the same folders; several are one set of lesions. Without
    masks, `boxes.csv` with `image, x_min, y_min, x_max, y_max` has a row a mass. With neither, the whole image is the
    region of interest. Links to folders are not followed, and results that `predict` wrote beside an image are no
    images; both are told.

    Args:
        roots: the folders; the paths of several are relative to their common parent, and their cases do not mix.
        crops: those of them whose images are crops of one mass: the whole image is the region of interest, even where
            a mask tells more.
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
        if sum(folder.is_relative_to(other) for other in folders) > 1:
            raise InputError(
                f"{folder}: stands twice, or lies in another of the folders; expected folders side by side"
            )
    cropped = {Path(root).resolve() for root in crops}
    if not cropped <= set(folders):
        raise InputError(f"{', '.join(map(str, sorted(cropped - set(folders))))}: is none of the folders to prepare")
    report = CollectionReport(folders[0] if len(folders) == 1 else Path(commonpath(folders)))
    collector = Collector(report.problems, strict)
    alone = 0
    for folder in folders:
        entries = _entries(folder, collector)
        alone += len({e["image"] for e in entries if e["case"] == _case(folder, folder / e["image"])})
        if folder in cropped:
            entries = [{"box": [0, 0, *image_size(folder / entry["image"])], **entry} for entry in entries]
        prefix = "" if len(folders) == 1 else folder.relative_to(report.dataset_dir).as_posix() + "/"
        report.entries += [_prefixed(entry, prefix) for entry in entries]
    if not report.entries:
        details = f": {report.problems[0]}" if report.problems else "; expected images, or labels.csv that names them"
        raise InputError(f"{', '.join(map(str, folders))}: no usable image{details}")
    if alone:
        report.notes.append(f"{alone} images count as a patient of their own each, as no column case says otherwise")
    report.assign_folds(n_splits, seed)
    return report


def _prefixed(entry: Entry, prefix: str) -> Entry:
    if not prefix:
        return entry
    label = entry.get("label")
    paths: Entry = {"image": prefix + entry["image"], "case": prefix + entry["case"], "collection": prefix[:-1]}
    if label is not None:
        paths["label"] = prefix + label if isinstance(label, str) else [prefix + name for name in label]
    return entry | paths


def _entries(root: Path, collector: Collector) -> list[Entry]:
    """Return the entries of one folder, the masses of one image one after the other."""
    listed = _listed(root, collector)
    boxed = _boxed(root, listed, collector)
    with_box = {entry["image"] for entry in boxed}
    images: dict[str, list[Entry]] = {entry["image"]: [] for entry in listed + boxed}
    for entry in [entry for entry in listed if entry["image"] not in with_box] + boxed:
        images[entry["image"]].append(entry)
    return [
        entry | {"mass": mass}
        for image, rows in images.items()
        for mass, entry in enumerate(_without_contradictions(image, rows, collector))
    ]


def _without_contradictions(image: str, rows: list[Entry], collector: Collector) -> list[Entry]:
    """Return an image's masses; a row that stands twice is kept once, and of rows that contradict each other none."""
    cases = sorted({entry["case"] for entry in rows})
    if len(cases) > 1:
        collector.note(image, f"stands in rows of the cases {', '.join(cases)}; expected one case: correct the table")
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


def _listed(root: Path, collector: Collector) -> list[Entry]:
    """Return what labels.csv lists, or else the images there are."""
    path = root / "labels.csv"
    if not path.is_file():
        images, masks = _files(root, collector)
        entries = [entry for image in images for entry in collector.gather(str(image), _from_image, root, image, masks)]
        claimed = {_place(root, image) for image in images}
        for place, unclaimed in masks.items():
            for mask in unclaimed if place not in claimed else ():
                collector.note(str(mask), f"is a mask, and there is no image {place[-1]} that it belongs to")
        return entries
    rows = read_csv_rows(path, ("image", "mask", "label"), ("case",))
    return [entry for number, row in rows for entry in collector.gather(f"{path} row {number}", _from_row, root, row)]


def _boxed(root: Path, listed: list[Entry], collector: Collector) -> list[Entry]:
    """Return the masses of boxes.csv, if it is there."""
    path = root / "boxes.csv"
    if not path.is_file():
        return []
    known: dict[str, list[Entry]] = {}
    for entry in listed:
        known.setdefault(entry["image"], []).append(entry)
    rows = read_csv_rows(path, ("image", "x_min", "y_min", "x_max", "y_max"), ("label", "case"))
    return [
        entry for number, row in rows for entry in collector.gather(f"{path} row {number}", _from_box, root, row, known)
    ]


def _from_row(root: Path, row: dict[str, str]) -> Entry:
    """Return the entry of a row of labels.csv."""
    if not row["image"]:
        raise InputError("the image is blank; expected its path: correct the table")
    image = _image(root, row["image"])
    entry: Entry = {
        "image": _name(root, image),
        "class": _class(row["label"]),
        "case": row.get("case") or _case(root, image),
    }
    if row["mask"]:
        mask = _image(root, row["mask"])
        _check_mask(image, mask)
        entry["label"] = _name(root, mask)
    return entry


def _from_image(root: Path, image: Path, masks: Masks) -> Entry:
    """Return the entry of an image that no table describes."""
    path_below(root, _name(root, image))
    entry: Entry = {"image": _name(root, image), "case": _case(root, image)}
    folders = image.relative_to(root).parts[:-1]
    classes = [name.lower() for name in folders if name.lower() in CLASS_VALUES]
    if classes:
        entry["class"] = classes[0]
    names = [_name(root, mask) for mask in masks.get(_place(root, image), [])]
    for name in names:
        _check_mask(image, path_below(root, name))
    if names:
        entry["label"] = names[0] if len(names) == 1 else names
    return entry


def _from_box(root: Path, row: dict[str, str], known: dict[str, list[Entry]]) -> Entry:
    """Return the entry of a row of boxes.csv, with what else is known of its image."""
    image = _image(root, row["image"])
    try:
        box = [float(row[name]) for name in ("x_min", "y_min", "x_max", "y_max")]
    except ValueError:
        raise InputError("x_min, y_min, x_max, y_max are not four numbers") from None
    name = _name(root, image)
    listed = known.get(name, [{"case": _case(root, image)}])
    if len(listed) > 1:
        raise InputError(
            f"{name} has {len(listed)} rows in labels.csv, and a box does not say which of them it is; their masks "
            "tell where they are: remove the image's boxes"
        )
    entry = {
        **listed[0],
        "image": name,
        "box": list(check_box(box, image_size(image))),
    }
    if row.get("label"):
        entry["class"] = _class(row["label"])
    if row.get("case"):
        entry["case"] = row["case"]
    return entry


def _name(root: Path, path: Path) -> str:
    """Return the path below the root, one for each file however a table spells it."""
    return Path(relpath(path, root)).as_posix()


def _case(root: Path, image: Path) -> str:
    """Return the case of an image of which nothing is said: its own."""
    return Path(_name(root, image)).with_name(image_stem(image)).as_posix()


def _class(text: str) -> str:
    name = text.lower()
    if name not in CLASS_VALUES:
        raise InputError(f"label is {text!r}; expected {' or '.join(CLASS_VALUES)}: correct the table")
    return name


def _image(root: Path, name: str) -> Path:
    path = path_below(root, name)
    if image_format(path) is None:
        raise InputError(f"{name!r} is no image that can be read, or is cut off")
    return path


def _check_mask(image: Path, mask: Path) -> None:
    sizes = image_size(image), image_size(mask)
    if sizes[0] != sizes[1]:
        raise InputError(
            f"the mask {mask.name} has {sizes[1]} pixels and the image {sizes[0]} (columns, rows): "
            "they must be of one size"
        )


def _files(root: Path, collector: Collector) -> tuple[list[Path], Masks]:
    """Return the images below a folder that are not hidden, and their masks."""
    images, masks = [], Masks()
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if any(part.startswith(".") for part in parts):
            continue
        if path.is_symlink() and path.is_dir():
            collector.note(
                str(path), "is a link to a folder, which is not followed: put the folder itself in its place"
            )
        text = path.suffix.lower() in (".csv", ".json", ".txt", ".md")
        if text or not path.is_file() or image_format(path) is None:
            continue
        if "_mask" in parts[-1].lower() or any(part.lower() in MASK_FOLDERS for part in parts[:-1]):
            masks.setdefault(_place(root, path), []).append(path)
        else:
            images.append(path)
    return _without_results(images, collector), masks


def _without_results(images: Sequence[Path], collector: Collector) -> list[Path]:
    """Return the images but for those that are results of `predict` on another one beside them."""
    there = {image.with_name(image_stem(image)) for image in images}
    kept = []
    for image in images:
        source = image_stem(image).removesuffix("_label").removesuffix("_overlay")
        if source != image_stem(image) and image.with_name(source) in there:
            collector.note(str(image), f"is taken for a result of `predict` on {source}, not for a mammogram")
        else:
            kept.append(image)
    return kept


def _place(root: Path, path: Path) -> tuple[str, ...]:
    """Return what a mask shares with its image: the folders, but for those of images and of masks, and the stem."""
    *folders, _ = path.relative_to(root).parts
    stem = image_stem(path)
    mask = stem.lower().find("_mask")
    kept = (name for name in folders if name.lower() not in (*MASK_FOLDERS, *IMAGE_FOLDERS))
    return (*kept, stem if mask < 0 else stem[:mask])
