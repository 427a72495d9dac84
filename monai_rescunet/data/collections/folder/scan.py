"""The images of a folder that no table describes, and their masks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from monai_rescunet.core.result_names import LABEL_SUFFIXES, OVERLAY_SUFFIX
from monai_rescunet.data.collections.annotations import annotation_format
from monai_rescunet.data.collections.folder.files import MOST_MASK_VALUES, Kind, grey_values, kind_of
from monai_rescunet.data.collections.folder.names import Place, is_hidden, is_mask_name, place_of
from monai_rescunet.data.collections.report import Collector
from monai_rescunet.data.readers.mammogram import image_stem

__all__ = ["Scan", "scan_folder"]

OVERLAY_STEM = OVERLAY_SUFFIX.split(".")[0]
RESULT_STEMS = (*(suffix.split(".")[0] for suffix in LABEL_SUFFIXES), OVERLAY_STEM)
TABLES = ("labels.csv", "boxes.csv")
TEXTS = (".csv", ".json", ".md", ".txt", ".xml")


@dataclass
class Scan:
    """What lies in a folder.

    Attributes:
        root: the folder.
        images: that may be used, sorted.
        masks: by the place of their image.
        spoilt: masks that cannot be read, by place.
        passed: counts of files that are no images, by what they are.
        annotations: files of boxes in other programs' formats, with the format.
    """

    root: Path
    images: list[Path] = field(default_factory=list)
    masks: dict[Place, list[Path]] = field(default_factory=dict)
    spoilt: dict[Place, Path] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    annotations: list[tuple[Path, str]] = field(default_factory=list)


def scan_folder(root: Path, collector: Collector) -> Scan:
    """Return what lies below a folder, hidden files and folders apart; what cannot be used is noted.

    Links to folders are not followed. Results that inference left there are passed over.
    """
    scan = Scan(root)
    for path in sorted(root.rglob("*")):
        if is_hidden(root, path):
            continue
        if path.is_symlink() and path.is_dir():
            collector.note(
                str(path), "is a link to a folder, which is not followed: put the folder itself in its place"
            )
        if path.is_file():
            _take(scan, path, collector)
    scan.images = _pictures(_without_results(scan.images, collector), collector)
    return scan


def _take(scan: Scan, path: Path, collector: Collector) -> None:
    """Put a file where it belongs."""
    if path.suffix.lower() in TEXTS:
        if path.name.casefold() in TABLES and path.parent != scan.root:
            fault = f"is not read, since only tables in {scan.root} are: move its rows there, or prepare its own folder"
            collector.note(str(path), fault)
        found = annotation_format(path)
        if found:
            scan.annotations.append((path, found))
        return
    try:
        kind, what = kind_of(path)
    except OSError as error:
        kind, what = Kind.UNREADABLE, f"cannot be read ({error.strerror})"
    place = place_of(scan.root, path)
    if kind is Kind.IMAGE and is_mask_name(scan.root, path):
        scan.masks.setdefault(place, []).append(path)
    elif kind is Kind.IMAGE:
        scan.images.append(path)
    elif kind is Kind.UNREADABLE:
        collector.note(str(path), what)
        if is_mask_name(scan.root, path):
            scan.spoilt[place] = path
    else:
        scan.passed[what or kind.value] += 1


def _without_results(images: list[Path], collector: Collector) -> list[Path]:
    """Return the images but for those that are called as results of `predict` on another one beside them.

    They have no mark, and so may be a person's own: whether they are masks is for him to say.
    """
    there = {image.with_name(image_stem(image)) for image in images}
    kept = []
    for image in images:
        stem = image_stem(image)
        source = next((stem.removesuffix(end) for end in RESULT_STEMS if stem.endswith(end)), "")
        if source and image.with_name(source) in there:
            remedy = "" if stem.endswith(OVERLAY_STEM) else f"; if it is its mask, call it {source}_mask"
            collector.note(str(image), f"is taken for a result of `predict` on {source}, not for a mammogram{remedy}")
        else:
            kept.append(image)
    return kept


def _pictures(images: list[Path], collector: Collector) -> list[Path]:
    """Return the images but for those that look like the mask of another one, and those others."""
    by_stem: dict[str, list[Path]] = {}
    for image in images:
        by_stem.setdefault(image_stem(image).casefold(), []).append(image)
    left_out: set[Path] = set()
    for image in images:
        stem = image_stem(image).casefold()
        # a_m, a-mask, amask of a; but 10 is no mask of 1
        shorter = [stem[:end] for end in range(1, len(stem)) if not stem[end - 1 : end + 1].isdigit()]
        beside = [other for name in shorter for other in by_stem.get(name, ()) if other.parent == image.parent]
        others = [other for other in (*by_stem[stem], *beside) if other != image]
        if not others:
            continue
        values = grey_values(image)
        pictures = [other for other in others if grey_values(other) > MOST_MASK_VALUES] if _few(values) else []
        if pictures:
            collector.note(
                str(image),
                f"has {values} grey level(s) and the name of {pictures[0]}: it looks like its mask, and neither is "
                "taken; put masks into a folder `masks` beside `images`, call them <name>_mask, or use labels.csv",
            )
            left_out |= {image, *pictures}
    return [image for image in images if image not in left_out]


def _few(values: int) -> bool:
    return values <= MOST_MASK_VALUES
