"""Boxes as COCO, YOLO, Pascal VOC and LabelMe write them, as the rows of boxes.csv.

Each of the four takes a few lines to read and tells nothing apart that has to be told apart here: fractions and pixels,
an image without an object and one without a file, names of objects that are no masses.
"""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import yaml

from monai_rescunet.core.errors import InputError

__all__ = ["YOLO", "Annotated", "annotation_format", "fault_in", "is_blank", "read_annotation", "yolo_names"]

COCO, LABELME, VOC, YOLO = "COCO", "LabelMe", "Pascal VOC", "YOLO"
LARGEST = 256 << 20  # bytes of a file of annotations
BLANK = 2**12  # bytes of a file that may be line breaks alone
YOLO_NUMBERS = 5  # class, x and y of the centre, width, height; more are a polygon, or end in a confidence

Box = tuple[float, float, float, float]


class Annotated(NamedTuple):
    """What a file says of one image.

    Attributes:
        image: its name as the file has it; empty where the file's own name tells.
        objects: names and boxes, `(x_min, y_min, x_max, y_max)`, max exclusive.
        fractions: the boxes are fractions of the image's size, not pixels.
        size: (columns, rows) of the picture that was annotated; None where the file does not tell.
    """

    image: str
    objects: list[tuple[str, Box]]
    fractions: bool = False
    size: tuple[int, int] | None = None


def annotation_format(path: Path) -> str | None:
    """Return `COCO`, `LabelMe`, `Pascal VOC` or `YOLO`, or None for a file that has no boxes of theirs."""
    suffix = path.suffix.lower()
    try:
        if suffix not in (".json", ".xml", ".txt") or path.stat().st_size > LARGEST:
            return None
        text = path.read_text(encoding="utf-8-sig")
        if suffix == ".json":
            content = json.loads(text)
            keys = content.keys() if isinstance(content, dict) else set()
            return COCO if keys >= {"images", "annotations"} else LABELME if keys >= {"shapes", "imagePath"} else None
        if suffix == ".xml":
            return VOC if ElementTree.fromstring(text).tag == "annotation" else None
        lines = [line.split() for line in text.splitlines() if line.strip()]
        return YOLO if lines and all(_is_yolo(line) for line in lines) else None
    except (OSError, ValueError, RecursionError, ElementTree.ParseError):
        return None


def fault_in(path: Path) -> str | None:
    """Return what is wrong with a JSON or XML file that cannot be read at all, None for every other file."""
    try:
        if path.suffix.lower() in (".json", ".xml") and path.stat().st_size > LARGEST:
            return f"is larger than {LARGEST >> 20} MiB and is not read: if it has boxes, split it"
        if path.suffix.lower() == ".json":
            json.loads(path.read_text(encoding="utf-8-sig"))
        elif path.suffix.lower() == ".xml":
            ElementTree.fromstring(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, ElementTree.ParseError) as error:
        return f"cannot be read ({' '.join(str(error).split())}): if it has boxes, write it again; if not, remove it"
    return None


def is_blank(path: Path) -> bool:
    """Return whether a file is empty, but for line breaks perhaps."""
    return path.stat().st_size <= BLANK and not path.read_bytes().removeprefix(BOM_UTF8).strip()


def read_annotation(path: Path, kind: str, names: Mapping[str, str]) -> list[Annotated]:
    """Return what a file says.

    Args:
        path: the file.
        kind: what `annotation_format` returned.
        names: of YOLO's numbers.

    Raises:
        InputError: it is not as the program writes it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        read = {COCO: _coco, LABELME: _labelme, VOC: _voc}
        return [_yolo(text, names)] if kind == YOLO else read[kind](text)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: is not as {kind} writes it ({type(error).__name__}: {error})") from error


def yolo_names(root: Path) -> dict[str, str]:
    """Return the names of YOLO's numbers, from `classes.txt`, `obj.names` or `names` of a YAML file in the folder.

    Raises:
        InputError: a YAML file cannot be read, or two files name the numbers differently.
    """
    found: dict[Path, dict[str, str]] = {}
    for path in (root / "classes.txt", root / "obj.names"):
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig").split("\n")
            found[path] = {str(number): line.strip() for number, line in enumerate(lines) if line.strip()}
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        except (yaml.YAMLError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
        said = content.get("names") if isinstance(content, dict) else None
        if said:
            pairs = said.items() if isinstance(said, dict) else enumerate(said)
            found[path] = {str(number): str(name) for number, name in pairs}
    (first, names), *others = found.items() or [(root, {})]
    for path, other in others:
        if other != names:
            raise InputError(f"{path}: names YOLO's numbers in another way than {first}: remove the one that is wrong")
    return names


def _coco(text: str) -> list[Annotated]:
    content = json.loads(text)
    names = {category["id"]: str(category["name"]) for category in content.get("categories", ())}
    objects: dict[Any, list[tuple[str, Box]]] = {image["id"]: [] for image in content["images"]}
    if len(objects) < len(content["images"]):
        raise ValueError("two of its images have one id, so that nobody knows whose a box is")
    for annotation in content["annotations"]:
        x, y, width, height = map(float, annotation["bbox"])
        name = names.get(annotation["category_id"], str(annotation["category_id"]))
        objects[annotation["image_id"]].append((name, (x, y, x + width, y + height)))
    return [
        Annotated(str(image["file_name"]), objects[image["id"]], size=_size(image.get("width"), image.get("height")))
        for image in content["images"]
    ]


def _labelme(text: str) -> list[Annotated]:
    content = json.loads(text)
    objects = []
    for shape in content["shapes"]:
        points = [(float(x), float(y)) for x, y in shape["points"]]
        if shape.get("shape_type") == "circle":  # its centre and a point on it
            (x, y), edge = points[0], points[1]
            radius = math.dist(points[0], edge)
            points = [(x - radius, y - radius), (x + radius, y + radius)]
        objects.append((str(shape["label"]), _round(points)))
    size = _size(content.get("imageWidth"), content.get("imageHeight"))
    return [Annotated(str(content["imagePath"]), objects, size=size)]


def _voc(text: str) -> list[Annotated]:
    """Its pixels count from 1, and the last one belongs to the box."""
    root = ElementTree.fromstring(text)
    objects = []
    for each in root.iter("object"):
        corners = [float(str(each.findtext(f"bndbox/{corner}"))) for corner in ("xmin", "ymin", "xmax", "ymax")]
        box = max(corners[0] - 1, 0.0), max(corners[1] - 1, 0.0), corners[2], corners[3]
        objects.append((str(each.findtext("name")), box))
    size = _size(root.findtext("size/width"), root.findtext("size/height"))
    return [Annotated(root.findtext("filename", ""), objects, size=size)]


def _yolo(text: str, names: Mapping[str, str]) -> Annotated:
    objects = []
    for line in filter(None, map(str.strip, text.splitlines())):
        number, *values = line.split()
        numbers = [float(value) for value in values]
        if not all(0 <= value <= 1 for value in numbers):
            raise ValueError(f"{line!r} is not in fractions of the image")
        if len(numbers) <= YOLO_NUMBERS:
            x, y, width, height = numbers[:4]
            box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        else:
            box = _round(list(zip(numbers[::2], numbers[1::2], strict=False)))
        objects.append((names.get(number, number), box))
    return Annotated("", objects, fractions=True)


def _size(columns: Any, rows: Any) -> tuple[int, int] | None:
    """Return what a file says of its picture's size; programs that do not know it write 0 or nothing."""
    return (int(columns), int(rows)) if columns and rows and int(columns) and int(rows) else None


def _is_yolo(cells: list[str]) -> bool:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return False
    return len(values) >= YOLO_NUMBERS and values[0].is_integer() and cells[0].isdecimal()


def _round(points: Iterable[tuple[float, float]]) -> Box:
    """Return the box round points."""
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)
