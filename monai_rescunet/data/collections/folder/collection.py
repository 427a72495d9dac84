"""A folder of mammograms, or several as one collection, as datalist entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import commonpath
from pathlib import Path
from typing import Any

from monai.utils import ensure_tuple

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.folder.claims import (
    with_one_case_a_picture,
    without_shared_files,
    without_similar_cases,
)
from monai_rescunet.data.collections.folder.contradictions import boxes_given_twice, without_contradictions
from monai_rescunet.data.collections.folder.files import is_image
from monai_rescunet.data.collections.folder.names import is_hidden, is_mask_name, name_below, own_case, place_of
from monai_rescunet.data.collections.folder.rows import (
    Refused,
    check_mask,
    find_table,
    from_box,
    from_label,
    read_boxes,
    read_labels,
)
from monai_rescunet.data.collections.folder.scan import Scan, scan_folder
from monai_rescunet.data.collections.report import CollectionReport, Collector, Entry
from monai_rescunet.data.datalists.entries import NO_MASS, absolute_path, path_below
from monai_rescunet.data.readers.mammogram import image_size

__all__ = ["prepare_folder"]


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

    - `labels.csv` with the columns `image, mask, label` and perhaps `case` and `x_min, y_min, x_max, y_max`; mask and
      box may be blank.
    - folders `benign` and `malignant` of images.
    - images, their class unknown.

    Masks of an image are `<stem>_mask*`, `<stem>_seg`, `<stem>_gt` and the like beside it, or files of its stem or of
    such a name in a folder `masks`, `labels`, `gt`, `seg`, `annotations` or the like, which may stand beside a folder
    `images` and hold the same folders, and `labelsTr` beside `imagesTr`; several are one set of lesions. `boxes.csv`
    with `image, x_min, y_min, x_max, y_max` and perhaps `label, case, finding` has a row a mass; an image whose box is
    blank there has none. An image with neither says nothing of where a mass is. Of an image with a fault nothing is
    kept that says less than the faulty row or mask did. What is left out is told, and so is what is passed over:
    results of `predict`, and files that are no images.

    Args:
        roots: the folders; the paths of several are relative to their common parent, and their cases do not mix.
        crops: those of them whose images are crops of one mass: the whole image is the region of interest, even where
            a mask tells more, and entries say `crop`.
        n_splits: number of folds.
        seed: of the folds.
        strict: raise the first problem instead of leaving its row out.

    Raises:
        InputError: nothing usable is there, or with `strict` something is not.
    """
    folders = [absolute_path(root) for root in roots]
    real = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, real, strict=True):
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        if sum(place.is_relative_to(other) for other in real) > 1:
            raise InputError(
                f"{folder}: stands twice, or lies in another of the folders; expected folders side by side"
            )
    cropped = {absolute_path(root) for root in crops}
    if not cropped <= set(folders):
        raise InputError(f"{', '.join(map(str, sorted(cropped - set(folders))))}: is none of the folders to prepare")
    report = CollectionReport(folders[0] if len(folders) == 1 else Path(commonpath(folders)))
    collector = Collector(report.problems, strict)
    alone = 0
    for folder in folders:
        entries = _entries(folder, report, collector)
        alone += len({e["image"] for e in entries if e["case"] == own_case(folder, folder / e["image"])})
        if folder in cropped:
            entries = [_crop(folder, entry) for entry in entries]
        prefix = "" if len(folders) == 1 else folder.relative_to(report.dataset_dir).as_posix() + "/"
        report.entries += [_prefixed(entry, prefix) for entry in entries]
    report.entries, copies = with_one_case_a_picture(report.dataset_dir, report.entries, collector)
    if not report.entries:
        details = f": {report.problems[0]}" if report.problems else "; expected images, or labels.csv that names them"
        raise InputError(f"{', '.join(map(str, folders))}: no usable image{details}")
    if alone:
        report.notes.append(f"{alone} images count as a patient of their own each, as no column case says otherwise")
    if copies:
        report.notes.append(f"{copies} images are copies of another one, byte for byte, and count as its patient's")
    twice = boxes_given_twice(report.entries)
    if twice:
        report.notes.append(twice)
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


def _crop(root: Path, entry: Entry) -> Entry:
    """Return an entry of an image that is a crop of one mass."""
    if entry.get("finding") == NO_MASS:
        return entry
    return {"box": [0, 0, *image_size(root / entry["image"])], **entry, "crop": True}


def _entries(root: Path, report: CollectionReport, collector: Collector) -> list[Entry]:
    """Return the entries of one folder, the masses of one image one after the other."""
    labels, boxes = find_table(root, "labels.csv"), find_table(root, "boxes.csv")
    refused = Refused(root)
    if labels is None:
        scan = scan_folder(root, collector)
        listed = _scanned(scan, refused, collector)
        _tell(scan, report, collector, boxes is not None)
    else:
        listed = [
            entry
            for number, row in read_labels(labels)
            for entry in _gather(f"{labels} row {number}", row["image"], refused, collector, from_label, root, row)
        ]
    known: dict[str, list[Entry]] = {}
    for entry in listed:
        known.setdefault(entry["image"], []).append(entry)
    boxed = [
        entry
        for number, row in (read_boxes(boxes) if boxes else ())
        for entry in _gather(
            f"{boxes} row {number}", row["image"], refused, collector, from_box, root, row, known, refused
        )
    ]
    if labels is not None:
        _tell_of_unnamed(root, listed + boxed, refused, report)
    with_box = {entry["image"] for entry in boxed}
    images: dict[str, list[Entry]] = {entry["image"]: [] for entry in listed + boxed}
    for entry in [entry for entry in listed if entry["image"] not in with_box] + boxed:
        if "label" in entry or "box" in entry or entry["image"] not in refused:
            images[entry["image"]].append(entry)
        elif entry["image"] not in refused.names:
            collector.note(entry["image"], "is left out too: a row that cannot be used may mean it")
    entries = [
        entry if entry.get("finding") == NO_MASS else entry | {"mass": mass}
        for image, rows in images.items()
        for mass, entry in enumerate(
            without_contradictions(image, known.get(image, []), rows, own_case(root, root / image), collector)
        )
    ]
    return without_similar_cases(root, without_shared_files(root, entries, collector), collector)


def _tell_of_unnamed(root: Path, entries: list[Entry], refused: Refused, report: CollectionReport) -> None:
    """Say how many images lie there that no table names."""
    named = {name for entry in entries for name in (entry["image"], *ensure_tuple(entry.get("label", ())))}
    others = [
        name_below(root, path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not is_hidden(root, path) and not is_mask_name(root, path)
        if name_below(root, path) not in named and name_below(root, path) not in refused and is_image(path)
    ]
    if others:
        report.notes.append(f"{len(others)} images that no table names are passed over, such as {others[0]}")


def _gather(
    where: str, image: str, refused: Refused, collector: Collector, make: Callable[..., Entry], *args: Any
) -> list[Entry]:
    """Return the entry that `make` makes of `args`, or nothing, and remember its image then."""
    made = collector.gather(where, make, *args)
    if not made:
        refused.add(image)
    return made


def _scanned(scan: Scan, refused: Refused, collector: Collector) -> list[Entry]:
    """Return the entries of images that no table describes, and note the masks that none of them claims."""
    places = {place_of(scan.root, image) for image in scan.images}
    for place, unclaimed in scan.masks.items():
        for mask in unclaimed if place not in places else ():
            collector.note(str(mask), f"is a mask, and there is no image {place[-1]} that it belongs to")
    return [
        entry
        for image in scan.images
        for entry in _gather(str(image), name_below(scan.root, image), refused, collector, _from_image, scan, image)
    ]


def _tell(scan: Scan, report: CollectionReport, collector: Collector, has_boxes: bool) -> None:
    """Say what was passed over, and which boxes are in a format that is not read."""
    if scan.passed:
        told = ", ".join(f"{what} {count}" for what, count in sorted(scan.passed.items()))
        report.notes.append(f"passed over as no mammograms: {told}")
    if scan.annotations and not has_boxes:
        path, kind = scan.annotations[0]
        more = f", as {len(scan.annotations) - 1} other files do" if len(scan.annotations) > 1 else ""
        collector.note(
            str(path),
            f"has boxes as {kind} writes them{more}, which are not read: write boxes.csv with `monai-rescunet prepare "
            f"boxes {scan.root} --out {scan.root / 'boxes.csv'}`",
        )


def _from_image(scan: Scan, image: Path) -> Entry:
    """Return the entry of an image that no table describes."""
    root, place = scan.root, place_of(scan.root, image)
    path_below(root, name_below(root, image))
    if place in scan.spoilt:
        raise InputError(f"its mask {name_below(root, scan.spoilt[place])} cannot be read, and so it is left out")
    entry: Entry = {"image": name_below(root, image), "case": own_case(root, image)}
    classes = {name.lower() for name in image.relative_to(root).parts[:-1]} & CLASS_VALUES.keys()
    if len(classes) > 1:
        raise InputError(f"lies in folders of two classes, {' and '.join(sorted(classes))}: move it")
    if classes:
        entry["class"] = classes.pop()
    masks = scan.masks.get(place, [])
    folders = sorted({name_below(root, mask.parent) for mask in masks})
    if len(folders) > 1:
        raise InputError(f"has masks in the folders {' and '.join(folders)}; expected one of them: remove the others")
    for mask in masks:
        check_mask(image, path_below(root, name_below(root, mask)))
    names = [name_below(root, mask) for mask in masks]
    if names:
        entry["label"] = names[0] if len(names) == 1 else names
    return entry
