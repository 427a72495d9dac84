"""The rows of a folder's own tables, labels.csv and boxes.csv, as datalist entries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PureWindowsPath

import numpy as np
from monai.data import MetaTensor
from monai.utils import ensure_tuple

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.folder.names import name_below, own_case, same_name
from monai_rescunet.data.collections.report import Entry
from monai_rescunet.data.collections.tables import Rows, read_csv_rows
from monai_rescunet.data.datalists.entries import FINDINGS, MASS, NO_MASS, path_below
from monai_rescunet.data.readers.formats import image_stem
from monai_rescunet.data.readers.mammogram import image_format, image_size, read_mammogram
from monai_rescunet.transforms.boxes import box_pixels, check_box
from monai_rescunet.transforms.lay_mask import lay_mask

__all__ = ["CORNERS", "Refused", "check_mask", "find_table", "from_box", "from_label", "read_boxes", "read_labels"]

CORNERS = ("x_min", "y_min", "x_max", "y_max")
OTHER_BOXES = ("bbox", "box", "boxes", "x1", "y1", "x2", "y2")
"""Columns of labels.csv that seem to be boxes, and are not read."""

PLACED = ("nifti", "plane")
"""Geometries by which a mask is laid over its image."""
NO_CSV = (".xlsx", ".xls", ".xlsm", ".ods", ".tsv", ".numbers")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


class Refused:
    """The images of rows that are left out, so that nothing else is made of them.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names: set[str] = set()
        self.stems: set[str] = set()

    def add(self, image: str) -> None:
        """Remember an image as a row names it; one that is not there by its stem, since its name may be misspelt."""
        try:
            self.names.add(name_below(self.root, _file(self.root, image)))
        except InputError:
            self.stems.add(_plain_stem(PureWindowsPath(image).name))  # which knows both separators

    def __contains__(self, name: str) -> bool:
        """Return whether an image, by its path below the root, is one of them."""
        return name in self.names or _plain_stem(name) in self.stems


def _plain_stem(name: str) -> str:
    return same_name(image_stem(Path(name))).casefold()


def find_table(root: Path, name: str) -> Path | None:
    """Return the table of a name, in any case, or None.

    Raises:
        InputError: there are two, or one in another format, which would be passed over.
    """
    files = sorted(path for path in root.iterdir() if path.is_file())
    found = [path for path in files if path.name.casefold() == name]
    if len(found) > 1:
        raise InputError(f"{root}: has {' and '.join(path.name for path in found)}; expected one of them")
    others = [path for path in files if path.suffix.lower() in NO_CSV and path.stem.casefold() == Path(name).stem]
    if others and not found:
        raise InputError(f"{others[0]}: is no CSV file, and no other table is read: save it as {name} (CSV UTF-8)")
    return found[0] if found else None


def read_labels(path: Path) -> Rows:
    """Return the rows of labels.csv, which may have boxes too.

    Raises:
        InputError: it cannot be read, or its columns do not say where masses are in a way that is read.
    """
    rows = read_csv_rows(path, ("image", "label"), ("mask", "case", *CORNERS))
    columns = list(rows[0][1]) if rows else ["mask"]
    unread = [name for name in columns if name.casefold() in OTHER_BOXES]
    missing = [name for name in CORNERS if name not in columns]
    if unread or 0 < len(missing) < len(CORNERS):
        found = f"the columns {', '.join(unread)}" if unread else f"no column {', '.join(missing)}"
        raise InputError(f"{path}: has {found}; expected boxes as {', '.join(CORNERS)}, pixels: rename or convert them")
    if "mask" not in columns and missing:
        raise InputError(
            f"{path}: has no column mask; found {', '.join(columns)}, expected image, mask, label, or the box's "
            f"{', '.join(CORNERS)}"
        )
    return rows


def read_boxes(path: Path) -> Rows:
    """Return the rows of boxes.csv.

    Raises:
        InputError: it cannot be read or lacks a column.
    """
    return read_csv_rows(path, ("image", *CORNERS), ("label", "case", "finding"))


def from_label(root: Path, row: dict[str, str]) -> Entry:
    """Return the entry of a row of labels.csv.

    Raises:
        InputError: it names what is not there or cannot be used.
    """
    image = _image(root, row)
    entry: Entry = {
        "image": name_below(root, image),
        "class": _class(row["label"]),
        "case": row.get("case") or own_case(root, image),
    }
    if row.get("mask"):
        mask = _readable(root, row["mask"])
        check_mask(image, mask)
        entry["label"] = name_below(root, mask)
    if any(row.get(corner) for corner in CORNERS):
        entry["box"] = _box(row, image)
    _check_together(root, entry)
    return entry


def from_box(root: Path, row: dict[str, str], known: dict[str, list[Entry]], refused: Refused) -> Entry:
    """Return the entry of a row of boxes.csv, with what else is known of its image.

    Args:
        root: the folder.
        row: of the table; one whose box is blank says that the image has no mass.
        known: entries of labels.csv or of the images that are there, by image.
        refused: images that are left out already.

    Raises:
        InputError: it names what is not there or cannot be used, or contradicts what is known.
    """
    image = _image(root, row)
    name = name_below(root, image)
    listed = known.get(name, [])
    if not listed and name in refused:
        raise InputError(f"{name} is left out already, and so is its box")
    if len(listed) > 1:
        raise InputError(
            f"{name} has {len(listed)} rows in labels.csv, and a box does not say which of them it is; their masks "
            "tell where they are: remove the image's boxes"
        )
    entry: Entry = {"image": name, "case": own_case(root, image), **(listed[0] if listed else {})}
    if row.get("case"):
        entry["case"] = row["case"]
    if row.get("label"):
        entry["class"] = _class(row["label"])
    blank = not any(row[corner] for corner in CORNERS)
    finding = row.get("finding", "").lower() or (NO_MASS if blank else MASS)
    if finding not in FINDINGS:
        raise InputError(f"finding is {row['finding']!r}; expected {', '.join(FINDINGS)}: correct the table")
    if (finding == NO_MASS) != blank:
        raise InputError(f"finding is {finding}, and the box is {'blank' if blank else 'not'}: correct the table")
    if finding != MASS:
        entry["finding"] = finding
    if blank and not entry.keys().isdisjoint(("class", "label", "box")):
        raise InputError(
            "the box is blank, which says that the image has no mass, but a class, mask or box of it is known: give "
            "the box, or remove the other"
        )
    if not blank:
        entry["box"] = _box(row, image)
    _check_together(root, entry)
    return entry


def check_mask(image: Path, mask: Path) -> None:
    """Refuse a mask of another size than its image; its columns may be the image's rows, where both headers say so.

    Raises:
        InputError: the sizes differ, or one cannot be read, or the headers say that the mask lies elsewhere.
    """
    sizes = image_size(image), image_size(mask)
    if sizes[0] != sizes[1] and not (sizes[0] == sizes[1][::-1] and _lies_across(mask, image)):
        raise InputError(
            f"the mask {mask.name} has {sizes[1]} pixels and the image {sizes[0]} (columns, rows): "
            "they must be of one size"
        )


def _check_together(root: Path, entry: Entry) -> None:
    """Refuse a box that holds nothing of the masks of its image, if there are any."""
    if "box" not in entry or "label" not in entry:
        return
    for name in ensure_tuple(entry["label"]):
        mask, meta = read_mammogram(root / name)
        if meta["geometry"] in PLACED or mask[box_pixels(entry["box"])].any():  # one may lie flipped in its image
            return
    raise InputError(f"the box {entry['box']} holds nothing of the mask {entry['label']}: correct one of them")


def _lies_across(mask: Path, image: Path) -> bool:
    """Return whether a mask is laid over its image by their geometry."""
    of_mask, of_image = (
        MetaTensor(np.ascontiguousarray(array)[None].astype(np.float32), affine=meta["affine"], meta=meta)
        for array, meta in map(read_mammogram, (mask, image))
    )
    return lay_mask(of_mask, of_image).shape == of_image.shape


def _box(row: dict[str, str], image: Path) -> list[float]:
    """Return the box of a row, `[x_min, y_min, x_max, y_max]`, pixels, max exclusive."""
    box = list(_numbers(row[corner] for corner in CORNERS))
    if all(0 <= value <= 1 for value in box):
        raise InputError(
            f"the box {box} seems to be in fractions of the image; expected pixels: `monai-rescunet prepare boxes` "
            "converts what annotation programs write"
        )
    return list(check_box(box, image_size(image)))


def _numbers(cells: Iterable[str]) -> Iterable[float]:
    for cell in cells:
        if THOUSANDS.fullmatch(cell):
            raise InputError(f"{cell!r} may be thousands or a decimal comma: write it with a point")
        text = cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell
        if not NUMBER.fullmatch(text):
            raise InputError(f"{', '.join(CORNERS)} are not four numbers, one is {cell!r}: correct the table")
        yield float(text)


def _image(root: Path, row: dict[str, str]) -> Path:
    if not row["image"]:
        raise InputError("the image is blank; expected its path: correct the table")
    return _readable(root, row["image"])


def _file(root: Path, name: str) -> Path:
    """Return a file that a table names, in the way of Windows too, and with accents however they are stored."""
    told = name.replace("\\", "/")
    for text in dict.fromkeys((name, told)):
        with suppress(InputError):
            return path_below(root, text)
    found = root
    with suppress(OSError, ValueError):
        for part in Path(told).parts:
            alike = [child for child in found.iterdir() if same_name(child.name) == same_name(part)]
            found = alike[0] if len(alike) == 1 else found / part
        return path_below(root, name_below(root, found))
    return path_below(root, told)  # which tells what is wrong with it


def _readable(root: Path, name: str) -> Path:
    path = _file(root, name)
    if image_format(path) is None:
        raise InputError(f"{name!r} is no image that can be read, or is cut off")
    return path


def _class(text: str) -> str:
    name = text.lower()
    if name not in CLASS_VALUES:
        raise InputError(f"label is {text!r}; expected {' or '.join(CLASS_VALUES)}: correct the table")
    return name
