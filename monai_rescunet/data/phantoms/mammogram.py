"""Phantoms of whole mammograms: a breast against the detector's edge, air beside it, and masses in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from skimage.measure import find_contours

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.phantoms.tissue import draw_mass, strands, tissue_texture

__all__ = ["PhantomMammogram", "PhantomMass", "draw_mammogram", "draw_nth_mammogram", "plate"]

PLATES = ((3328, 4084), (2560, 3328))  # columns and rows of INbreast's two detectors
DETECTOR_SPACING = 0.07  # mm
FILM_SPACING = 0.085  # mm; that of the pixels which draw_mass measures in
MIN_SIDE = 320  # pixels; below, the pixels of a whole breast are larger than 1 mm
BITS = 14
GREYS = 50  # of 14 bits in one of the film's 8
COARSE = 4  # tissue has no finer structure than this many pixels
CONTOUR_POINTS = 80  # about
SPECKS = 14  # in a cluster of calcifications


@dataclass
class PhantomMass:
    """A mass of a phantom.

    Attributes:
        mass_class: `benign` or `malignant`.
        mask: bool, `(rows, columns)` of the image.
    """

    mass_class: str
    mask: np.ndarray

    @property
    def contour(self) -> np.ndarray:
        """Points on the outermost pixels in turn, `(n, 2)`, (x, y), about as many as a hand sets."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        top, left = rows[0], columns[0]
        window = np.pad(self.mask[top : rows[-1] + 1, left : columns[-1] + 1], 1)
        # just below the value of a pixel inside, so that rounding gives the pixel itself
        longest = max(find_contours(window, 0.999), key=len)[:-1]
        return longest[:: max(len(longest) // CONTOUR_POINTS, 1), ::-1] + (left - 1, top - 1)


@dataclass
class PhantomMammogram:
    """A phantom of a mammogram.

    Attributes:
        pixels: uint16 of 14 bits, `(rows, columns)`; 0 is air.
        spacing: mm, of rows and columns alike.
        laterality: `L`, whose chest wall is at column 0, or `R`, at the last.
        view: `CC` or `MLO`.
        masses: in it.
        specks: centres of calcifications, (x, y).
    """

    pixels: np.ndarray
    spacing: float
    laterality: str
    view: str
    masses: list[PhantomMass] = field(default_factory=list)
    specks: list[tuple[int, int]] = field(default_factory=list)


def plate(index: int, size: Sequence[int] | None) -> tuple[tuple[int, int], float]:
    """Return (columns, rows) and the spacing in mm of the phantom of this index.

    Args:
        index: from 0; INbreast's two detectors take turns.
        size: the larger detector at another resolution instead, (columns, rows).

    Raises:
        InputError: the size is too small.
    """
    if size is None:
        return PLATES[index // 2 % len(PLATES)], DETECTOR_SPACING
    if min(size) < MIN_SIDE:
        raise InputError(f"size is {tuple(size)}; phantoms of whole mammograms need at least {MIN_SIDE} pixels a side")
    columns, rows = size
    return (columns, rows), round(DETECTOR_SPACING * PLATES[0][1] / rows, 4)


def draw_mammogram(
    rng: np.random.Generator,
    size: tuple[int, int],
    spacing: float,
    *,
    laterality: str,
    view: str,
    masses: Sequence[str] = (),
    calcified: bool = False,
) -> PhantomMammogram:
    """Return a phantom of a whole mammogram.

    Args:
        rng: source of chance.
        size: (columns, rows).
        spacing: mm.
        laterality: `L` or `R`.
        view: `CC` or `MLO`, which has the pectoral muscle.
        masses: class of each, at most two.
        calcified: with a cluster of calcifications.
    """
    unit = FILM_SPACING / spacing
    breast, muscle, places = _shape(rng, size, view)
    parenchyma = _coarse(rng, size, unit)
    image = (62 + 20 * muscle + parenchyma) * breast
    phantom = PhantomMammogram(np.empty(0), spacing, laterality, view)
    for mass_class, place in zip(masses, places[:2], strict=False):
        mask = _add_mass(rng, image, mass_class, place, unit)
        phantom.masses.append(PhantomMass(mass_class, mask))
    if calcified:
        phantom.specks = _add_specks(rng, image, places[2], unit)
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    image += 2.2 * np.sqrt(np.clip(image, 1, None) / 80) * grain
    image[breast < 0.02] = 0
    phantom.pixels = np.clip(np.rint(image * GREYS), 0, 2**BITS - 1).astype(np.uint16)
    if laterality == "R":
        phantom.pixels = np.ascontiguousarray(phantom.pixels[:, ::-1])
        for mass in phantom.masses:
            mass.mask = mass.mask[:, ::-1]
        phantom.specks = [(size[0] - 1 - x, y) for x, y in phantom.specks]
    return phantom


def draw_nth_mammogram(
    seed: int, index: int, size: Sequence[int] | None, *, masses: int = 1, calcified: bool = False
) -> tuple[PhantomMammogram, np.random.Generator]:
    """Return a phantom of a made-up collection, and the generator that it was drawn with, for what follows.

    Two phantoms of a patient follow one another, CC and MLO of one breast; benign and malignant patients take turns.

    Args:
        seed: of the collection.
        index: the phantom's, from 0.
        size: as of `plate`.
        masses: how many it has.
        calcified: whether it has a cluster of calcifications.

    Raises:
        InputError: the size is too small.
    """
    patient, rng = index // 2, np.random.default_rng([seed, index])
    shape, spacing = plate(index, size)
    phantom = draw_mammogram(
        rng,
        shape,
        spacing,
        laterality="LR"[patient // 2 % 2],
        view=("CC", "MLO")[index % 2],
        masses=[(BENIGN, MALIGNANT)[patient % 2]] * masses,
        calcified=calcified,
    )
    return phantom, rng


def _shape(
    rng: np.random.Generator, size: tuple[int, int], view: str
) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Return where breast and pectoral muscle are, 0 to 1, and three places within, (x, y): above, below, between."""
    columns, rows = size
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    depth, height = rng.uniform(0.62, 0.8) * columns, rng.uniform(0.36, 0.43) * rows
    middle = rng.uniform(0.47, 0.53) * rows if view == "CC" else 0.55 * rows
    # the skin: an ellipse, blunter than round; the breast gets thin towards it
    inside = 1 - np.sqrt((x / depth) ** 2 + np.abs((y - middle) / height) ** 2.3)
    breast = np.clip(inside / 0.12, 0, 1) ** 0.5
    muscle = np.zeros_like(x)
    if view == "MLO":
        line = 0.28 * columns * (1 - y / (0.55 * rows)) - x
        muscle = 0.5 + 0.5 * np.tanh(line / (0.012 * columns))
        breast = np.maximum(breast, np.clip(line / (0.02 * columns), 0, 1))
    places = [
        (rng.uniform(0.42, 0.55) * depth, middle + across * height)
        for across in (rng.uniform(-0.42, -0.3), rng.uniform(0.35, 0.5), rng.uniform(-0.03, 0.06))
    ]
    return breast, muscle, places


def _coarse(rng: np.random.Generator, size: tuple[int, int], unit: float) -> np.ndarray:
    """Return tissue and strands, drawn at a coarser scale and enlarged."""
    columns, rows = size
    shape = -(-rows // COARSE), -(-columns // COARSE)
    tissue = 26 * rng.uniform(0.5, 1.0) * tissue_texture(rng, shape, beta=3.0)
    tissue += 20 * strands(rng, shape, unit / COARSE)
    return zoom(tissue, COARSE, order=1, grid_mode=True, mode="nearest")[:rows, :columns]


def _add_mass(
    rng: np.random.Generator, image: np.ndarray, mass_class: str, place: tuple[float, float], unit: float
) -> np.ndarray:
    """Draw a mass round a place, (x, y), and return its mask."""
    side = round(1000 * unit)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    mask, brightness = draw_mass(rng, mass_class, x, y, unit)
    own_rows, own_columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top = round(place[1] - own_rows.mean())
    left = round(place[0] - own_columns.mean())
    inside = slice(max(top, 0), min(top + side, image.shape[0])), slice(max(left, 0), min(left + side, image.shape[1]))
    window = tuple(
        slice(part.start - start, part.stop - start) for part, start in zip(inside, (top, left), strict=True)
    )
    image[inside] += gaussian_filter(brightness[window], 1.2 * unit) * (image[inside] > 1)
    full = np.zeros(image.shape, dtype=bool)
    full[inside] = mask[window]
    return full


def _add_specks(
    rng: np.random.Generator, image: np.ndarray, place: tuple[float, float], unit: float
) -> list[tuple[int, int]]:
    """Draw a cluster of calcifications round a place, and return their centres, (x, y)."""
    centres = np.rint(rng.normal(place, 45 * unit, (SPECKS, 2))).astype(int)
    reach = max(round(4 * unit), 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    for centre_x, centre_y in centres:
        speck = np.exp(-(x**2 + y**2) / (2 * (rng.uniform(1, 2) * unit) ** 2))
        image[centre_y - reach : centre_y + reach + 1, centre_x - reach : centre_x + reach + 1] += 90 * speck
    return [(int(x), int(y)) for x, y in centres]
