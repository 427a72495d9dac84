"""Outline and class of masses in one Python call, through the bundle's own inference config and weights."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser

from monai_rescunet.configs.settings import check_name, check_setting
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.inference.warm import warm_workflow
from monai_rescunet.results.image_files import ImageResult

__all__ = ["predict", "run_inference"]

_OF_DATALISTS = "images are given by their paths: use `python -m monai.bundle run` for those of a datalist"
GIVEN = {
    **dict.fromkeys(("dataset_dir", "datalist", "section", "fold"), _OF_DATALISTS),
    "output_dir": "results are written where `out` says",
    "bundle_root": "another bundle is named by `bundle`",
}
"""Names of the config that would do nothing, and what is meant."""

# MONAI warns that a caller keeps its own logging, as this one does
logging.getLogger("monai.bundle.workflows").addFilter(lambda record: "skipping logging" not in record.msg)


def predict(
    images: str | Path | Sequence[str | Path],
    *,
    box: Sequence[float] | Sequence[Sequence[float]] | None = None,
    point: Sequence[float] | Sequence[Sequence[float]] | None = None,
    crop: bool = False,
    true_size: Sequence[float] | None = None,
    out: str | Path | None = None,
    bundle: str | Path | None = None,
    **overrides: Any,
) -> list[dict[str, Any]]:
    """Find masses, outline them and decide whether they look benign or malignant.

    Args:
        images: one mammogram or several: PNG, JPEG, TIFF, PGM, DICOM, NIfTI.
        box: `[x_min, y_min, x_max, y_max]` round the mass, pixels, x the column, 0-based, max exclusive; or a list of
            them, one mass each. With several images every image gets the same boxes.
        point: `[x, y]` in the mass, or a list of them: the finder's box round it is taken, or a window of one size
            where it has none. A box says more.
        crop: the images are crops of one mass each, which are looked at whole. With neither box nor point nor this
            the finder looks for masses.
        true_size: (columns, rows) that the pictures had before they were stretched, for the finder; only their ratio
            matters. Without it a square picture that seems to be a stretched film, and whose spacing nobody tells, is
            taken for one, which is said in `remarks`.
        out: folder for label maps, overlays and `results.csv`; None writes nothing.
        bundle: folder of another bundle than the installed one, with its own config and weights.
        overrides: values of the bundle's inference config by their name: `find_threshold`, `otsu_mode`, `checkpoint`...
            They are taken as they are, nothing in them is run; a dictionary is config.

    Returns:
        One dictionary a mass with the columns of `results.csv` and `mask`, the outline as a bool array
        `(columns, rows)` of the image's size. Of masses that the finder proposed `found` is its confidence, the
        surest first. An image in which it finds none has one, with the decision `no finding`, an empty outline, and the
        highest confidence that was seen.

    Raises:
        InputError: an image cannot be read, or a box or point does not lie in it, or the finder has to look and its
            weights are missing; with `strict=True` at the first such fault.
        LeftOutError: an `InputError` too: several images were given and some of them, or some boxes, cannot be used.
            The others are judged, and written to `out`, before; it has what would have been returned of them in
            `results`, and the faults in `left_out`.

    Example:
        >>> from monai_rescunet import predict  # doctest: +SKIP
        >>> predict("mammogram.dcm", box=[1200, 800, 1500, 1130])[0]["decision"]  # doctest: +SKIP
        'malignant'
        >>> [(mass["box"], mass["found"]) for mass in predict("mammogram.dcm")]  # doctest: +SKIP
        [('1213 790 1488 1141', 0.61)]
    """
    return run_inference(
        images, box=box, point=point, crop=crop, true_size=true_size, out=out, bundle=bundle, keep=True, **overrides
    )


def run_inference(
    images: str | Path | Sequence[str | Path],
    *,
    box: Sequence[float] | Sequence[Sequence[float]] | None = None,
    point: Sequence[float] | Sequence[Sequence[float]] | None = None,
    crop: bool = False,
    true_size: Sequence[float] | None = None,
    out: str | Path | None = None,
    bundle: str | Path | None = None,
    keep: bool = False,
    resume: bool = False,
    **overrides: Any,
) -> list[dict[str, Any]]:
    """Do what `predict` does; without `keep` nothing is kept in memory, and nothing returned."""
    given = map(Path, [images] if isinstance(images, str | Path) else images)
    paths = {os.path.abspath(path): path for path in given}.values()  # noqa: PTH100 - a link is not its file
    if not paths:
        raise InputError("no image is given")
    locations: list[dict[str, Any]] = [{"box": list(map(float, each))} for each in _several(box, "box")]
    locations += [{"point": list(map(float, each))} for each in _several(point, "point")]
    if crop and locations:
        raise InputError("a box or point is given, and crop, which says that the whole image is the region: give one")
    locations += [{"crop": True}] if crop else []
    masses = {"masses": [{"mass": mass, **location} for mass, location in enumerate(locations)]} if locations else {}
    if true_size is not None and (box is not None or crop):
        raise InputError(
            "true_size is for the finder, which does not look where a box or a crop is given: leave it out"
        )
    known = masses if true_size is None else {**masses, "true_size": _size(true_size)}
    entries = [{"image": str(path), **known} for path in paths]
    root = bundle_root() if bundle is None else Path(bundle).absolute()
    overrides = _checked(overrides, root / "configs" / "inference.yaml")
    checkpoint = Path(overrides.pop("checkpoint", root / "models" / "model.pt"))
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: there are no weights; expected a file that training wrote, such as model.pt")
    own = {"bundle_root": str(root), "dataset_dir": "", "output_dir": None, "checkpoint": str(checkpoint)}
    try:
        while True:
            warm = warm_workflow(root, checkpoint, {**own, "dataset#data": (), **overrides})
            with warm.lock:
                if not warm.spent:  # by another thread, while this one waited
                    return warm.run(entries, _masses, output_dir=out and Path(out), keep_masks=keep, resume=resume)
    except RuntimeError as error:
        fault = input_error_behind(error)
        if fault is None:
            raise
        raise fault from None


def _masses(found: Sequence[ImageResult]) -> list[dict[str, Any]]:
    """Return a dictionary for each row, with its outline as an array of the image's size."""
    return [{**row, "mask": outline.whole(result.canvas.size)} for result in found for row, outline in result.masses()]


def _checked(overrides: Mapping[str, Any], config_file: Path) -> dict[str, Any]:
    """Return overrides whose names the config has and whose values can be, `false` as text as what it says."""
    if not overrides:
        return {}
    config = _read(config_file, config_file.stat().st_mtime_ns)
    for name in overrides:
        if name in GIVEN:
            raise InputError(f"{name} is no setting here; {GIVEN[name]}")
        check_name(name, config, config_file)
    return {name: check_setting(name, value, config.get(name), expressions=False) for name, value in overrides.items()}


@lru_cache(maxsize=4)
def _read(config_file: Path, modified: int) -> ConfigParser:
    """Return a config, read once for all calls until its file is `modified`."""
    return ConfigParser(ConfigParser.load_config_file(str(config_file)))


def _size(value: Sequence[float]) -> list[float]:
    """Return a size, (columns, rows)."""
    try:
        columns, rows = (float(length) for length in value)
    except (TypeError, ValueError):
        columns = rows = 0.0
    if not (0 < columns < math.inf and 0 < rows < math.inf):
        raise InputError(f"true_size is {value!r}; expected columns and rows, above 0")
    return [columns, rows]


def _several(value: Any, name: str) -> list[Sequence[float]]:
    """Return a list of boxes or points from none, one or several."""
    if value is None:
        return []
    if np.size(value) == 0:
        raise InputError(f"{name} is {value}, with nothing in it; leave it out, or give None, to have the finder look")
    return list(value) if np.ndim(value) > 1 else [value]
