"""One page to look at: every image of a folder of results with its outlines. It opens offline."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from jinja2 import Environment
from PIL import Image
from scipy import ndimage

from monai_rescunet.core.classes import BENIGN, CLASS_VALUES, COLOURS, MALIGNANT, NO_FINDING, UNDECIDED
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_atomically
from monai_rescunet.core.remarks import UNLIKE_TRAINING
from monai_rescunet.core.result_names import LABEL_SUFFIXES, MOST_USUAL, PAGE, RESULT_MARK, TABLE, THUMBNAILS
from monai_rescunet.results.overlay import coloured_strips

__all__ = ["save_thumbnail", "write_page"]

THUMBNAIL_SIDE = 480  # pixels: sharp on a phone's screen at half the size
ROWS = 64  # of the thumbnail's first size that are made at once
IMAGE_SUFFIXES = (".nii.gz", ".dcm", ".dicom", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm")

NUMBERS = {
    "score": ("score", 2),
    "probability": ("probability", 2),
    "found": ("found", 2),
    "unlike_training": ("unlike training", 2),
    "area_mm2": ("area, mm²", 1),
    "area_px": ("area, pixels", 0),
    "dice": ("Dice", 3),
    "lambda1": ("λ1", 0),
    "lambda2": ("λ2", 0),
}
"""Columns of numbers that the page shows where the table has them: their captions and decimals."""

WORDS = {"remarks": "remarks", "mass": "mass", "box": "box", "spacing_source": "spacing from"}
FLAGS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


def write_page(output_dir: str | Path) -> Path:
    """Write `index.html` beside the `results.csv` of a folder, and the thumbnails that it shows.

    Only the table and the pictures of the folder are read, no image. Of each image the page shows the file's name
    without its folders, and nothing of its header. A patient's name in a file's name stands here as in the table.

    Args:
        output_dir: folder with `results.csv`, whose columns but for `image` and `decision` may be missing, and with
            `<stem>_overlay.png` where overlays were written.

    Returns:
        The page.

    Raises:
        InputError: there is no table, it is none of results, or the folder cannot be written to.
    """
    folder = Path(output_dir)
    table = _read(folder / TABLE)
    numbers = {name: told for name, told in NUMBERS.items() if name in table and _numbers(table[name]).notna().any()}
    words = {name: told for name, told in WORDS.items() if name in table and (table[name] != "").any()}
    if "mass" in words and not (pd.to_numeric(table["mass"], errors="coerce").fillna(1) != 0).any():
        del words["mass"]  # one an image
    for name in numbers:
        table[name] = _numbers(table[name]).astype(object).where(_numbers(table[name]).notna(), None)
    images = []
    for (image, stem), rows in table.groupby(["image", "stem"], sort=False):
        shown = rows[["decision", *numbers, *words]].to_dict("records")
        images.append({"name": Path(str(image)).name, **_pictures(folder, str(stem)), "masses": shown})
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # columns stand in the order of NUMBERS
    template = environment.from_string(files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8"))
    html = template.render(
        data={"images": images, "numbers": numbers, "words": words},
        mark=RESULT_MARK,
        images=len(images),
        masses=int((table["decision"] != NO_FINDING).sum()),
        colours={
            "benign": _css(COLOURS[CLASS_VALUES[BENIGN]]),
            "malignant": _css(COLOURS[CLASS_VALUES[MALIGNANT]]),
            "undecided": _css(COLOURS[UNDECIDED]),
        },
    )
    write_atomically(folder / PAGE, html)
    return folder / PAGE


def save_thumbnail(overlay: Image.Image, output_dir: str | Path, stem: str) -> Path:
    """Write the small picture of an image that the page shows, from the overlay already drawn.

    Outlines are drawn anew in it: one that is a 400th of the image wide would be pale in a picture of 480 pixels.

    Args:
        overlay: the mammogram with its outlines, as `draw_overlay` returns it.
        output_dir: folder of the results.
        stem: what the names of the image's other results begin with.

    Returns:
        `thumbnails/<stem>.jpg` in the folder.
    """
    factor = max(1, max(overlay.size) // (2 * THUMBNAIL_SIDE))
    strips = [np.asarray(strip.reduce(factor)) for strip in coloured_strips(overlay, ROWS * factor)]
    image = Image.fromarray(np.concatenate(strips))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    pixels = np.array(image)
    chroma = np.ptp(pixels.astype(np.int16), axis=2)
    if chroma.max() > 24:  # the mammogram itself is grey
        colours = np.array(list(COLOURS.values()), dtype=np.float32)
        hues = colours - colours.mean(axis=1, keepdims=True)
        found = pixels - pixels.mean(axis=2, keepdims=True)
        nearest = (found @ (hues / np.linalg.norm(hues, axis=1, keepdims=True)).T).argmax(axis=2)
        line = chroma > 24
        spread = ndimage.distance_transform_edt(~line, return_distances=False, return_indices=True)
        thick = ndimage.binary_dilation(line)
        pixels[thick] = colours[nearest[tuple(spread)]][thick]
    path = Path(output_dir) / THUMBNAILS / f"{stem}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    Image.fromarray(pixels).save(temporary, "JPEG", quality=82, comment=RESULT_MARK)
    temporary.replace(path)
    return path


def _read(path: Path) -> pd.DataFrame:
    """Return the table as text, with the stem of each image's results."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; run inference first")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no table ({error}); expected a results.csv that inference wrote") from error
    if not {"image", "decision"} <= set(table):
        raise InputError(
            f"{path}: has the columns {', '.join(map(str, table))}; expected a results.csv that inference wrote"
        )
    if "remarks" not in table and "unlike_training" in table:  # a table of before
        table["remarks"] = [UNLIKE_TRAINING if more else "" for more in _numbers(table["unlike_training"]) > MOST_USUAL]
    label_maps = table["label_map"] if "label_map" in table else [""] * len(table)
    table["stem"] = [
        _without(Path(label_map).name, LABEL_SUFFIXES) or _without(Path(image).name, IMAGE_SUFFIXES)
        for image, label_map in zip(table["image"], label_maps, strict=True)
    ]
    return table


def _without(name: str, suffixes: Iterable[str]) -> str:
    return next((name[: -len(suffix)] for suffix in suffixes if name.lower().endswith(suffix)), name)


def _numbers(cells: pd.Series) -> pd.Series:
    """Return a column as numbers, NaN for what is none; yes and no are 1 and 0."""
    plain = cells.astype(str).str.lower()
    return pd.to_numeric(plain.map(FLAGS).fillna(pd.to_numeric(plain, errors="coerce")), errors="coerce")


def _pictures(folder: Path, stem: str) -> dict[str, str | None]:
    """Return where the page finds an image's pictures, making the thumbnail where it is missing or older."""
    overlay, thumbnail = folder / f"{stem}_overlay.png", folder / THUMBNAILS / f"{stem}.jpg"
    if not overlay.is_file():
        return {"thumbnail": None, "picture": None}
    if not thumbnail.is_file() or thumbnail.stat().st_mtime < overlay.stat().st_mtime:
        try:
            with Image.open(overlay, formats=["PNG"]) as image:
                save_thumbnail(image, folder, stem)
        except (OSError, ValueError) as error:
            raise InputError(f"{overlay}: is no picture ({error}); delete it, and run inference again") from error
    return {"thumbnail": f"{THUMBNAILS}/{_url(stem)}.jpg", "picture": _url(overlay.name)}


def _url(name: str) -> str:
    """Return a file's name as a link has it, also one that is no UTF-8."""
    return quote(os.fsencode(name))


def _css(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
