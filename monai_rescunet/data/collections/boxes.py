"""The boxes.csv of a folder whose masses are marked in the files of an annotation program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.annotations import (
    YOLO,
    Annotated,
    annotation_format,
    fault_in,
    is_blank,
    read_annotation,
    yolo_names,
)
from monai_rescunet.data.collections.folder.files import is_image
from monai_rescunet.data.collections.folder.names import Place, is_hidden, is_mask_name, name_below, place_of, same_name
from monai_rescunet.data.collections.folder.rows import CORNERS
from monai_rescunet.data.collections.report import Collector
from monai_rescunet.data.readers.mammogram import image_size
from monai_rescunet.transforms.boxes import check_box

__all__ = ["COLUMNS", "convert_boxes"]

COLUMNS = ("image", *CORNERS, "label")
MASS, IGNORE = "mass", "ignore"
MEANINGS = {**{name: name for name in CLASS_VALUES}, MASS: "", "masses": ""}
"""What names of objects mean where nobody says it: a class, or a mass of an unknown one."""


def convert_boxes(
    root: str | Path, meanings: Mapping[str, str] | None = None, *, strict: bool = False
) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows of boxes.csv that COCO, YOLO, Pascal VOC or LabelMe files below a folder tell, and the problems.

    An image whose file marks no mass gets a row with a blank box, which says that it has none.

    Args:
        root: folder of images and annotations; a YOLO file is its image's by its stem, beside it or in `labels` beside
            `images`.
        meanings: of names of objects: `benign`, `malignant`, `mass` (its class unknown) or `ignore` (no mass). Objects
            called benign, malignant or mass need none.
        strict: raise the first problem instead of leaving its image out.

    Raises:
        InputError: there is no such file, a name has no meaning, or with `strict` something cannot be used.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    known = {**MEANINGS, **{name.casefold(): meaning.lower() for name, meaning in (meanings or {}).items()}}
    for name, meaning in known.items():
        if meaning not in (*CLASS_VALUES, MASS, IGNORE, ""):
            raise InputError(f"{name}={meaning}: expected benign, malignant, {MASS} or {IGNORE} behind the =")
    problems: list[str] = []
    collector = Collector(problems, strict)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not is_hidden(folder, path))
    annotations = [(path, kind) for path in files for kind in [annotation_format(path)] if kind]
    marked = {path for path, _ in annotations}
    for path in files:
        fault = None if path in marked else fault_in(path)
        if fault:
            collector.note(str(path), fault)
    if not annotations:
        told = f"; {problems[0]}" if problems else ""
        raise InputError(f"{folder}: has no file of boxes as COCO, YOLO, Pascal VOC or LabelMe write them{told}")
    images = _Images(folder, files)
    if any(kind == YOLO for _, kind in annotations):  # an image without an object has an empty file
        empty = (path for path in files if path.suffix.lower() == ".txt" and is_blank(path))
        annotations = sorted([*annotations, *((path, YOLO) for path in empty if images.beside(path))])
        marked = {path for path, _ in annotations}
        for path in files:
            if path.suffix.lower() == ".txt" and path not in marked and images.beside(path):
                collector.note(str(path), "is called as an image is, and is not as YOLO writes it: correct it")
    names = yolo_names(folder)
    rows: list[dict[str, str]] = []
    for path, kind in annotations:
        try:
            said = read_annotation(path, kind, names)
        except InputError as error:
            collector.note(str(path), str(error).removeprefix(f"{path}: "))
            continue
        for annotated in said:
            rows += [row for each in collector.gather(str(path), _rows, path, annotated, images, known) for row in each]
    _check_once(rows, folder)
    return rows, problems


class _Images:
    """The images below a folder, by what files of annotations call them."""

    def __init__(self, root: Path, files: list[Path]) -> None:
        self.root = root
        self.folders: set[Path] = set()
        self.by_name: dict[str, list[Path]] = {}
        self.by_place: dict[Place, list[Path]] = {}
        for path in files:
            if is_image(path) and not is_mask_name(root, path):
                self.folders.add(path.parent)
                self.by_name.setdefault(same_name(path.name).casefold(), []).append(path)
                self.by_place.setdefault(place_of(root, path), []).append(path)

    def beside(self, annotation: Path) -> list[Path]:
        """Return the images that a file of annotations is called as."""
        return self.by_place.get(place_of(self.root, annotation.with_suffix(".png")), [])

    def find(self, annotation: Path, name: str) -> Path:
        """Return the image of a file of annotations, which names it, in the way of Windows too, or is called as it is.

        A path is taken from the file's own folder. Where nothing lies there, the folders of the name and of the image
        must agree as far as both have any; a bare name is another folder's image only if the file's own has none.

        Raises:
            InputError: there is none, or more than one.
        """
        if not name:
            found = self.beside(annotation)
        else:
            said = PureWindowsPath(name.lstrip("./\\"))  # which knows both separators
            alike = self.by_name.get(same_name(said.name).casefold(), [])
            told = (annotation.parent / name.replace("\\", "/")).resolve()
            found = [path for path in alike if path.resolve() == told]
            if not found and (len(said.parts) > 1 or annotation.parent not in self.folders):
                found = [path for path in alike if _agree(said, path.relative_to(self.root))]
        if len(found) != 1:
            called = name or annotation.stem
            raise InputError(f"{len(found)} images are called {called!r}; expected one: name them apart")
        return found[0]


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _agree(one: PurePath, other: PurePath) -> bool:
    """Return whether two paths end alike, as far as both go, in upper or lower case."""
    parts = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return all(same_name(a).casefold() == same_name(b).casefold() for a, b in parts)


def _rows(path: Path, annotated: Annotated, images: _Images, meanings: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the rows of one image."""
    image = images.find(path, annotated.image)
    name, size = name_below(images.root, image), image_size(image)
    if annotated.size not in (None, size):
        raise InputError(
            f"is of a picture of {_times(annotated.size)} pixels, and {name} has {_times(size)}: give the picture that "
            "was annotated, or annotate this one"
        )
    rows = []
    for called, corners in annotated.objects:
        meaning = meanings.get(called.casefold())
        if meaning is None:
            raise InputError(
                f"an object is called {called!r}; say what that is: --name {called}=benign, malignant, {MASS} or "
                f"{IGNORE}"
            )
        if meaning == IGNORE:
            continue
        scale = (*size, *size) if annotated.fractions else (1, 1, 1, 1)
        box = check_box([corner * length for corner, length in zip(corners, scale, strict=True)], size)
        cells = zip(CORNERS, (f"{value:.10g}" for value in box), strict=True)
        rows.append({"image": name, **dict(cells), "label": "" if meaning == MASS else meaning})
    return rows or [{"image": name, **dict.fromkeys(CORNERS, ""), "label": ""}]


def _check_once(rows: list[dict[str, str]], root: Path) -> None:
    """Refuse an image that two files speak of and of which they say different things."""
    blank = {row["image"] for row in rows if not row[CORNERS[0]]}
    both = sorted(blank & {row["image"] for row in rows if row[CORNERS[0]]})
    if both:
        raise InputError(f"{root / both[0]}: one file marks a mass in it and another none: remove one of them")
