"""What phantoms are drawn of: tissue, strands and masses, in the grey levels of film of 0.085 mm a pixel and 8 bits."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.draw import line_aa

from monai_rescunet.core.classes import BENIGN, MALIGNANT

__all__ = ["draw_mass", "strands", "tissue_texture"]


def tissue_texture(rng: np.random.Generator, shape: tuple[int, int], beta: float) -> np.ndarray:
    """Return noise whose power falls with the frequency as 1/f^beta, as that of breast tissue does; mean 0, std 1."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=shape)) * frequency ** (-beta / 2)
    noise = np.fft.irfft2(spectrum, s=shape)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def strands(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> np.ndarray:
    """Return bent bright lines, the ducts and ligaments, at most about 1.

    Args:
        rng: source of chance.
        shape: (rows, columns).
        unit: pixels that a pixel of digitised film, 0.085 mm, takes.
    """
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


def draw_mass(
    rng: np.random.Generator, mass_class: str, x: np.ndarray, y: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mask of a mass, and what it adds to the grey levels of its surroundings, of 8 bits.

    Args:
        rng: source of chance.
        mass_class: `benign`: round or oval, smooth, moderately dense; `malignant`: irregular, spiculated, dense.
        x, y: coordinates of the picture's pixels, `(rows, columns)`; the mass lies near the middle.
        unit: pixels that a pixel of digitised film, 0.085 mm, takes; a mass is 11 to 21 mm wide.
    """
    mask, profile = _mass(rng, mass_class, x, y, unit)
    contrast = rng.uniform(38, 55) if mass_class == BENIGN else rng.uniform(55, 80)
    return mask, contrast * profile * (1 + 0.10 * tissue_texture(rng, x.shape, beta=2.0))


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
