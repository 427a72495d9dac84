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
from skimage.draw import line_aa

from monai_rescunet.classes import BENIGN, MALIGNANT
from monai_rescunet.errors import InputError
from monai_rescunet.files import png_bytes, write_atomically

__all__ = ["make_phantom", "make_phantoms"]

README = """These are phantoms: pictures drawn by a program, not mammograms of anybody.
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
    if out.is_dir() and any(out.iterdir()) and not (out / "images" / "phantom_000.png").is_file():
        raise InputError(f"{out}: is not empty and holds no phantoms; choose another folder")
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
    write_atomically(out / "README.txt", README)
    return made


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
    parenchyma = _texture(rng, (rows, columns), beta=3.0)
    density = rng.uniform(0.5, 1.0)
    image = 62 + 26 * density * parenchyma + 20 * _strands(rng, (rows, columns), unit)
    mask, profile = _mass(rng, mass_class, x, y, unit)
    contrast = rng.uniform(38, 55) if mass_class == BENIGN else rng.uniform(55, 80)
    image += contrast * profile * (1 + 0.10 * _texture(rng, (rows, columns), beta=2.0))
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


def _texture(rng: np.random.Generator, shape: tuple[int, int], beta: float) -> np.ndarray:
    """Return noise whose power falls with the frequency as 1/f^beta, as that of breast tissue does; mean 0, std 1."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=shape)) * frequency ** (-beta / 2)
    noise = np.fft.irfft2(spectrum, s=shape)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def _strands(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> np.ndarray:
    """Return bent bright lines, the ducts and ligaments, at most about 1."""
    picture = np.zeros(shape, dtype=np.float32)
    for _ in range(rng.integers(30, 60)):
        position = rng.uniform((0, 0), shape)
        angle = rng.normal(0, 0.6)
        for _ in range(rng.integers(4, 12)):
            angle += rng.normal(0, 0.25)
            step = rng.uniform(30, 80) * unit * np.array([np.sin(angle), np.cos(angle)])
            _draw_line(picture, position, position + step, 1.0)
            position = position + step
    picture = gaussian_filter(picture, 1.8 * unit)
    return picture / max(float(np.percentile(picture, 99.8)), 1e-6)


def _draw_line(picture: np.ndarray, start: np.ndarray, end: np.ndarray, value: float) -> None:
    row, column, weight = line_aa(*np.rint((*start, *end)).astype(int))
    inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
    picture[row[inside], column[inside]] += value * weight[inside].astype(np.float32)


def _mass(
    rng: np.random.Generator, mass_class: str, x: np.ndarray, y: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mask of a mass, and its density, at most about 1."""
    rows, columns = x.shape
    radius = rng.uniform(65, 125) * unit
    centre_x, centre_y = rng.uniform(0.25, 0.6) * columns, rng.uniform(0.3, 0.7) * rows
    dx, dy = x - centre_x, y - centre_y
    angle = np.arctan2(dy, dx)
    malignant = mass_class == MALIGNANT
    border = radius * (1 + _wave(rng, angle, np.arange(2, 5), 0.08))
    if malignant:
        border *= 1 + _wave(rng, angle, np.arange(5, 12), 0.10)
    distance = np.hypot(dx, dy)
    mask = distance < border
    softness = (0.06 if malignant else 0.035) * radius
    depth = 1 / (1 + np.exp((distance - border) / softness))
    profile = depth * (0.75 + 0.25 * np.clip(1 - distance / radius, 0, 1))
    if malignant:
        spicules = np.zeros_like(x)
        for direction in rng.uniform(0, 2 * np.pi, rng.integers(18, 32)):
            towards = np.array([np.sin(direction), np.cos(direction)])
            centre = np.array([centre_y, centre_x])
            reach = rng.uniform(1.25, 2.0) * radius
            for part in np.linspace(0.7, 1, 4):
                _draw_line(spicules, centre + 0.6 * radius * towards, centre + part * reach * towards, 0.5)
        spicules = gaussian_filter(spicules, 2.2 * unit)
        profile = np.maximum(profile, 0.55 * spicules / max(float(spicules.max()), 1e-6) * (1 + depth))
    return mask, profile.astype(np.float32)


def _wave(rng: np.random.Generator, angle: np.ndarray, orders: np.ndarray, amplitude: float) -> np.ndarray:
    """Return a sum of cosines round the circle with random phases, of standard deviation `amplitude`."""
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    waves = sum(np.cos(order * angle + phase) / order for order, phase in zip(orders, phases, strict=True))
    scale = amplitude / np.sqrt(0.5 * sum(1 / order**2 for order in orders))
    return np.asarray(waves) * scale
