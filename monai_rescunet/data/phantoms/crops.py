"""Phantom mammograms: made-up film crops with made-up masses, to try the software without data.

Their grey levels, noise and sizes are like those of digitised film (about 0.085 mm a pixel), their anatomy is not. They
show that the software runs; no figure measured on them says how well it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import png_bytes, write_atomically
from monai_rescunet.data.phantoms.tissue import draw_mass, strands, tissue_texture

__all__ = ["PHANTOM_README", "check_phantom_folder", "make_phantom", "make_phantoms"]

PHANTOM_README = """These are phantoms: pictures drawn by a program, not mammograms of anybody.
They are for trying out monai_rescunet. How well a network does on them is no evidence of anything.
"""
FILM_SIDE = 1000  # pixels of the film crops whose measures are used below


def make_phantoms(
    out: str | Path, *, count: int = 12, size: Sequence[int] = (1000, 1000), seed: int = 0
) -> list[dict[str, Any]]:
    """Write phantoms with their masks and `labels.csv`; two of a case follow one another, as two views would.

    Args:
        out: folder; written are `images/phantom_NNN.png` (8 bit), `masks/phantom_NNN.png` (0 and 255), `labels.csv`
            (`image, mask, label, case`) and a README.txt that says what they are.
        count: number of phantoms; benign and malignant cases take turns.
        size: (columns, rows), at least 64.
        seed: the same seed gives the same files.

    Returns:
        For each phantom `image`, `mask`, `label`, `case` and `box` (`[x_min, y_min, x_max, y_max]`).

    Raises:
        InputError: the folder holds other files than phantoms, or the size is too small.
    """
    out = Path(out)
    check_phantom_folder(out, "images")
    if min(size) < 64:
        raise InputError(f"size is {tuple(size)}; phantoms need at least 64 columns and rows")
    made = []
    for index in range(count):
        case = index // 2
        name = BENIGN if case % 2 == 0 else MALIGNANT
        image, mask = make_phantom(np.random.default_rng([seed, index]), name, size)
        row = {
            "image": f"images/phantom_{index:03d}.png",
            "mask": f"masks/phantom_{index:03d}.png",
            "label": name,
            "case": f"phantom_case_{case:03d}",
        }
        write_atomically(out / row["image"], png_bytes(Image.fromarray(image)))
        write_atomically(out / row["mask"], png_bytes(Image.fromarray(mask.astype(np.uint8) * 255)))
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        made.append({**row, "box": [int(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]})
    table = StringIO()
    pd.DataFrame(made)[["image", "mask", "label", "case"]].to_csv(table, index=False)
    write_atomically(out / "labels.csv", table.getvalue())
    write_atomically(out / "README.txt", PHANTOM_README)
    return made


def check_phantom_folder(out: Path, own: str) -> None:
    """Check that phantoms can be written to a folder: that it is empty, or holds phantoms of the same layout.

    Args:
        out: the folder.
        own: what phantoms of the layout have in it.

    Raises:
        InputError: it holds anything else, a real collection above all.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return
    readme = out / "README.txt"
    if not (out / own).exists() or not readme.is_file() or readme.read_text(errors="replace") != PHANTOM_README:
        raise InputError(f"{out}: is not empty and holds no phantoms of this layout; choose another folder")


def make_phantom(
    rng: np.random.Generator, mass_class: str, size: Sequence[int] = (1000, 1000)
) -> tuple[np.ndarray, np.ndarray]:
    """Return one phantom and its mask.

    Args:
        rng: source of chance.
        mass_class: `benign`: round or oval, smooth, moderately dense; `malignant`: irregular, spiculated, dense.
        size: (columns, rows).

    Returns:
        The image, uint8, and the mask, bool, both `(rows, columns)`.
    """
    columns, rows = size
    unit = min(columns, rows) / FILM_SIDE
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    breast = _breast(rng, x, y)
    parenchyma = tissue_texture(rng, (rows, columns), beta=3.0)
    density = rng.uniform(0.5, 1.0)
    image = 62 + 26 * density * parenchyma + 20 * strands(rng, (rows, columns), unit)
    mask, brightness = draw_mass(rng, mass_class, x, y, unit)
    image += brightness
    image = gaussian_filter(image * breast, 1.2 * unit) + 4
    grain = gaussian_filter(rng.normal(size=image.shape), 0.8)
    image += 2.2 * grain / grain.std() * np.sqrt(np.clip(image, 1, None) / 80)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def _breast(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return where the breast is, 0 to 1: a wide disc whose skin line may cross the picture."""
    rows, columns = x.shape
    side = max(rows, columns)
    radius = rng.uniform(1.1, 1.8) * side
    edge = rng.uniform(0.78, 1.15) * columns
    distance = np.hypot(x - (edge - radius), y - rng.uniform(0.35, 0.65) * rows)
    return (1 / (1 + np.exp((distance - radius) / (0.02 * side)))).astype(np.float32)
