"""INbreast as it is distributed (Moreira et al., Academic Radiology 19, 2012), as datalist entries."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.inbreast_table import TABLES, VIEWS, InbreastTable, read_inbreast_table
from monai_rescunet.data.collections.report import CollectionReport, Collector, Entry
from monai_rescunet.data.datalists.entries import absolute_path, path_below
from monai_rescunet.data.readers.mammogram import image_size
from monai_rescunet.data.readers.osirix import OsirixROI, draw_region, read_osirix_rois

__all__ = ["prepare_inbreast"]

BIRADS_CLASSES = {"2": BENIGN, "3": BENIGN, **dict.fromkeys(("4", "4a", "4b", "4c", "5", "6"), MALIGNANT)}
MASS_NAMES = ("mass",)
SPICULATED_NAMES = ("spiculated region", "espiculated region")


def prepare_inbreast(
    root: str | Path, *, n_splits: int = 3, seed: int = 0, strict: bool = False, spiculated: bool = False
) -> CollectionReport:
    """Return the masses of INbreast, one entry a mass.

    Read are `INbreast.csv`, `AllDICOMs/<id>_<patient>_MG_<L|R>_<CC|ML>_ANON.dcm` and `AllXML/<id>.xml`, in `root` or a
    folder of it. The first sheet of `INbreast.xls` is read in the place of the CSV, or compared with it where both are
    there; an image of which they say different things is left out. BI-RADS, which is given for an image, decides on its
    masses: 2 and 3 are benign, 4 to 6 malignant. The case is the patient's token in the file name, since headers hold
    no patient. An entry has `contour`, the XML and the regions that are masses in it, `box`, that of its own, and as
    further keys `birads`, `acr` (density), `view`.

    Args:
        root: the collection's folder.
        n_splits: number of folds.
        seed: of the folds.
        strict: raise the first problem instead of leaving its row out.
        spiculated: take spiculated regions for masses as well.

    Raises:
        InputError: the collection is not there, or with `strict` something in it is not usable.
    """
    folder = _folder(absolute_path(root))
    report = CollectionReport(folder)
    collector = Collector(report.problems, strict)
    names = MASS_NAMES + (SPICULATED_NAMES if spiculated else ())
    table = read_inbreast_table(folder, collector)
    images: dict[str, list[Path]] = {}
    for path in sorted((folder / "AllDICOMs").glob("[!.]*.dcm")):
        images.setdefault(path.name.split("_")[0], []).append(path)
    seen: set[str] = set()
    for where, row in table.rows:
        identifier = row["File Name"]
        if identifier in seen:
            collector.note(where, f"the image {identifier} stands in an earlier row; that one is kept")
            continue
        seen.add(identifier)
        if identifier in table.contradictions:
            collector.note(where, table.contradictions[identifier])
            continue
        try:
            report.entries += _masses(folder, images, row, names, collector)
        except (InputError, OSError) as error:  # OSError: a file that may not be read
            collector.note(where, str(error))
    for identifier in sorted(set(images) - seen):
        collector.note(str(images[identifier][0]), f"stands in no row of {table.name}")
    if not report.entries:
        details = f": {report.problems[0]}" if report.problems else ""
        raise InputError(f"{folder}: no mass is to be had{details}")
    report.notes = _counts(report.entries, table, names)
    bare = [
        row["File Name"] for _, row in table.rows if row["Bi-Rads"] != "1" and not _has_xml(folder, row["File Name"])
    ]
    if bare:
        report.notes.append(f"images of another Bi-Rads than 1 without XML: {len(bare)}, {bare[0]} the first of them")
    report.assign_folds(n_splits, seed)
    return report


def _folder(root: Path) -> Path:
    """Return the folder that holds the collection."""
    for folder in (root, *sorted(path for path in root.glob("*") if path.is_dir())):
        found = [name for name in TABLES if (folder / name).is_file()]
        if found:
            for name in ("AllDICOMs", "AllXML"):
                if not (folder / name).is_dir():
                    raise InputError(f"{folder}: has {found[0]} and no folder {name}; unpack the whole collection")
            return folder
    raise InputError(f"{root}: has no {' or '.join(TABLES)}; expected it beside the folders AllDICOMs and AllXML")


def _masses(
    folder: Path, images: dict[str, list[Path]], row: dict[str, str], names: tuple[str, ...], collector: Collector
) -> list[Entry]:
    """Return the masses of a row's image; an image without XML has none."""
    identifier = row["File Name"]
    if identifier not in images:
        raise InputError(f"there is no AllDICOMs/{identifier}_*.dcm")
    if len(images[identifier]) > 1:
        named = ", ".join(path.name for path in images[identifier])
        raise InputError(f"{len(images[identifier])} files are the image {identifier}: remove the others of {named}")
    path = path_below(folder, images[identifier][0].relative_to(folder).as_posix())
    xml = folder / "AllXML" / f"{identifier}.xml"
    parts = path.stem.split("_")
    if len(parts) < 5:
        raise InputError(f"{path.name}: its name is not <id>_<patient>_MG_<L|R>_<CC|ML>_ANON.dcm")
    if not _has_xml(folder, identifier):
        return []
    rois = [roi for roi in read_osirix_rois(path_below(folder, f"AllXML/{xml.name}")) if roi.name.lower() in names]
    if not rois:
        return []
    size = image_size(path)
    boxes: dict[int, list[int]] = {}
    for roi in rois:
        try:
            boxes[roi.number] = _box(roi, size)
        except InputError as error:
            collector.note(str(xml), str(error))
    if not boxes:
        return []
    birads = row["Bi-Rads"].lower()
    if birads not in BIRADS_CLASSES:
        raise InputError(
            f"the image {identifier} has a mass and Bi-Rads {row['Bi-Rads']!r}; expected one of "
            f"{', '.join(BIRADS_CLASSES)}"
        )
    shared: Entry = {
        "image": path.relative_to(folder).as_posix(),
        "contour": f"AllXML/{xml.name}#{','.join(map(str, boxes))}",
        "class": BIRADS_CLASSES[birads],
        "case": parts[1],
        "birads": birads,
        "acr": row["ACR"],
        "view": VIEWS.get(row["View"], row["View"]),
    }
    return [{**shared, "box": box, "mass": mass} for mass, box in enumerate(boxes.values())]


def _has_xml(folder: Path, identifier: str) -> bool:
    return os.path.lexists(folder / "AllXML" / f"{identifier}.xml")


def _box(roi: OsirixROI, image_size: tuple[int, int]) -> list[int]:
    """Return the box of a mass, `[x_min, y_min, x_max, y_max]`, max exclusive."""
    if not roi.is_region:
        shape = "dot" if len(roi.points) < 3 else "line"
        raise InputError(
            f"ROI {roi.number} ({roi.name}) is a {shape} of {len(roi.points)} point(s), no region: draw its contour"
        )
    mask, (x, y) = draw_region(roi.points, image_size)
    if mask.size == 0:
        raise InputError(
            f"ROI {roi.number} ({roi.name}) has no pixel inside the image of {image_size[0]} columns and "
            f"{image_size[1]} rows: correct the contour"
        )
    return [x, y, x + mask.shape[0], y + mask.shape[1]]


def _counts(entries: list[Entry], table: InbreastTable, names: tuple[str, ...]) -> list[str]:
    """Return the counts beside those that others report, and the rule that gave them."""
    classes = {row["File Name"]: BIRADS_CLASSES.get(row["Bi-Rads"].lower()) for _, row in table.rows}
    masses = Counter(entry["class"] for entry in entries)
    pictures = {Path(entry["image"]).name.split("_")[0] for entry in entries}
    notes = [
        f"INbreast: {len(classes)} images; masses: {masses[BENIGN]} benign, {masses[MALIGNANT]} malignant; "
        f"images with a mass: {_per_class(pictures, classes)}",
        "rule: BI-RADS 2, 3 benign; 4, 5, 6 malignant; a mass is a contour named "
        f"{' or '.join(name.capitalize() for name in names)} with pixels inside the image",
    ]
    if table.marked is not None:
        notes.append(
            f"images marked Mass in INbreast.xls: {_per_class(table.marked, classes)}; {len(table.marked - pictures)} "
            f"of them have no such contour, and {len(pictures - table.marked)} images with one are not marked"
        )
    notes.append(
        "the whole collection by images marked Mass in its own table: 37 benign, 71 malignant; the paper counts "
        "37 and 75, by a rule that it does not give"
    )
    return notes + table.notes


def _per_class(images: set[str], classes: dict[str, str | None]) -> str:
    count = Counter(classes.get(image) for image in images)
    return f"{count[BENIGN]} benign, {count[MALIGNANT]} malignant"
