"""Outline and class of masses in one Python call, through the bundle's own inference config and weights."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_rescunet.configs.settings import check_name, check_setting
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.handlers import SaveMassResults

__all__ = ["predict", "run_inference"]

# MONAI warns that a caller keeps its own logging, as this one does
logging.getLogger("monai.bundle.workflows").addFilter(lambda record: "skipping logging" not in record.msg)


def predict(
    images: str | Path | Sequence[str | Path],
    *,
    box: Sequence[float] | Sequence[Sequence[float]] | None = None,
    point: Sequence[float] | Sequence[Sequence[float]] | None = None,
    out: str | Path | None = None,
    bundle: str | Path | None = None,
    **overrides: Any,
) -> list[dict[str, Any]]:
    """Outline masses and decide whether they look benign or malignant.

    Args:
        images: one mammogram or several: PNG, JPEG, TIFF, PGM, DICOM, NIfTI.
        box: `[x_min, y_min, x_max, y_max]` round the mass, pixels, x the column, 0-based, max exclusive; or a list of
            them, one mass each. With several images every image gets the same boxes.
        point: `[x, y]` in the mass, or a list of them; a box says more.
        out: folder for label maps, overlays and `results.csv`; None writes nothing.
        bundle: folder of another bundle than the installed one, with its own config and weights.
        overrides: values of the bundle's inference config by their name: `otsu_mode`, `roi_mode`, `checkpoint`, ...
            They are taken as they are, nothing in them is run; a dictionary is config.

    Returns:
        One dictionary a mass with the columns of `results.csv` and `mask`, the outline as a bool array
        `(columns, rows)` of the image's size. With neither box nor point the whole image is the region of interest.

    Raises:
        InputError: an image cannot be read, or a box or point does not lie in it. Of several images the others are
            judged and written to `out` before it is raised, unless `strict=True` is given.

    Example:
        >>> from monai_rescunet import predict  # doctest: +SKIP
        >>> predict("mammogram.dcm", box=[1200, 800, 1500, 1130])[0]["decision"]  # doctest: +SKIP
        'malignant'
    """
    results = run_inference(images, box=box, point=point, out=out, bundle=bundle, keep_masks=True, **overrides)
    return [{**row, "mask": mask} for row, mask in zip(results.rows, results.masks, strict=True)]


def run_inference(
    images: str | Path | Sequence[str | Path],
    *,
    box: Sequence[float] | Sequence[Sequence[float]] | None = None,
    point: Sequence[float] | Sequence[Sequence[float]] | None = None,
    out: str | Path | None = None,
    bundle: str | Path | None = None,
    keep_masks: bool = False,
    **overrides: Any,
) -> SaveMassResults:
    """Do what `predict` does and return the handler that has the results; without `keep_masks` no outline is kept."""
    given = map(Path, [images] if isinstance(images, str | Path) else images)
    paths = {os.path.abspath(path): path for path in given}.values()  # noqa: PTH100 - a link is not its file
    if not paths:
        raise InputError("no image is given")
    locations = [{"box": list(map(float, each))} for each in _several(box)]
    locations += [{"point": list(map(float, each))} for each in _several(point)]
    entries = [
        {"image": str(path), "mass": mass, **location}
        for path in paths
        for mass, location in enumerate(locations or [{}])
    ]
    root = bundle_root() if bundle is None else Path(bundle).absolute()
    config_file = root / "configs" / "inference.yaml"
    overrides = _checked(overrides, config_file)
    checkpoint = Path(overrides.pop("checkpoint", root / "models" / "model.pt"))
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: there are no weights; expected a file that training wrote, such as model.pt")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="parsing config_file")  # MONAI warns of configs by strangers
        workflow = ConfigWorkflow(
            config_file=str(config_file),
            meta_file=str(root / "configs" / "metadata.json"),
            logging_file=False,
            workflow_type="inference",
            **_unparsed(
                {
                    "bundle_root": str(root),
                    "dataset_dir": "",
                    "output_dir": None if out is None else str(out),
                    "checkpoint": str(checkpoint),
                    "dataset#data": entries,
                    "results#keep_masks": keep_masks,
                    **overrides,
                }
            ),
        )
        try:
            workflow.initialize()
            workflow.run()
        except RuntimeError as error:
            fault = input_error_behind(error)
            if fault is None:
                raise
            raise fault from None
    results: SaveMassResults = workflow.parser.get_parsed_content("results")
    return results


def _unparsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides by which settings come through MONAI's parser as they are.

    It runs strings that begin with `$` as Python and rewrites those with `@`, `%` and `#`, also in lists, but does not
    look into a tuple.
    """
    values = tuple(settings.values())
    references = {name: f"$@_given_[{index}]" for index, name in enumerate(settings)}
    return {"_given_": values, **references, **{name: v for name, v in settings.items() if isinstance(v, dict)}}


def _checked(overrides: Mapping[str, Any], config_file: Path) -> dict[str, Any]:
    """Return overrides whose names the config has and whose values can be, `false` as text as what it says."""
    config = ConfigParser(ConfigParser.load_config_file(str(config_file)))
    for name in overrides:
        check_name(name, config, config_file)
    return {name: check_setting(name, value, config.get(name), expressions=False) for name, value in overrides.items()}


def _several(value: Any) -> list[Sequence[float]]:
    """Return a list of boxes or points from none, one or several."""
    if value is None:
        return []
    return list(value) if np.ndim(value) > 1 else [value]
