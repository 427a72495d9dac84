"""A forest on hand-made shape and texture features of an outlined mass, as classifiers before networks were built."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import regionprops, shannon_entropy
from skimage.transform import resize
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

__all__ = ["features", "forest_auc"]

SIDE, GREY_LEVELS = 128, 32
SHAPES = ("area", "eccentricity", "solidity", "extent", "perimeter", "axis_major_length", "axis_minor_length")
TEXTURES = ("contrast", "homogeneity", "energy", "correlation")


def features(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return shape in the image's pixels and texture of the mass's box at 128 x 128 pixels; nothing of an empty mask.

    Args:
        image: grey, `(columns, rows)`.
        mask: bool, of the same shape.
    """
    if not mask.any():
        return {}
    (region,) = regionprops(mask.astype(np.uint8))
    found = {name: float(region[name]) for name in SHAPES}
    found["circularity"] = 4 * np.pi * region.area / max(region.perimeter, 1) ** 2
    box = tuple(slice(max(0, s.start - 4), s.stop + 4) for s in region.slice)
    cut, inside = image[box].astype(float), mask[box]
    low, high = np.percentile(cut, [1, 99])
    cut = np.clip((cut - low) / max(high - low, 1e-6), 0, 1)
    inside = resize(inside, (SIDE, SIDE), order=0).astype(bool)
    cut = resize(cut, (SIDE, SIDE), anti_aliasing=True)
    ring = binary_dilation(inside, iterations=8) & ~inside
    found |= {"mean": cut[inside].mean(), "std": cut[inside].std(), "entropy": shannon_entropy(cut[inside].round(2))}
    found["contrast_to_ring"] = cut[inside].mean() - cut[ring].mean() if ring.any() else 0.0
    levels = 1 + np.clip(cut * (GREY_LEVELS - 1), 0, GREY_LEVELS - 2).astype(np.uint8)
    matrix = graycomatrix(np.where(inside, levels, 0), [1, 4], [0, np.pi / 2], GREY_LEVELS, symmetric=True)
    matrix = matrix[1:, 1:]  # pairs with the outside do not count
    for name in TEXTURES:
        found |= {f"{name}_{d}": value for d, value in enumerate(graycoprops(matrix.astype(float), name).mean(axis=1))}
    return {f"feature {name}": float(value) for name, value in found.items()}


def forest_auc(table: pd.DataFrame) -> float:
    """Return the mean AUC over folds of a forest that learnt on the other folds.

    Args:
        table: a row a mass, with the columns of `features`, `class` and `fold`.
    """
    x = table.filter(like="feature ").fillna(0).to_numpy()
    y, values = (table["class"] == "malignant").to_numpy(), []
    folds = sorted(table.fold.unique())
    if len(folds) < 2:
        return float("nan")
    for fold in folds:
        held = (table.fold == fold).to_numpy()
        forest = RandomForestClassifier(500, min_samples_leaf=5, random_state=0).fit(x[~held], y[~held])
        values.append(roc_auc_score(y[held], forest.predict_proba(x[held])[:, 1]))
    return float(np.mean(values))
