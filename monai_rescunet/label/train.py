"""Training in MONAI Label: the bundle's recipe on the labels that were saved, kept only where it is an improvement."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch
from fastapi import HTTPException
from monai.bundle import ConfigWorkflow
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.train import TrainTask
from PIL import Image
from scipy import ndimage
from skimage.measure import label as connected
from skimage.measure import regionprops

from monai_rescunet.configs.parser import literal
from monai_rescunet.core.classes import BACKGROUND, CLASS_VALUES
from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.core.files import png_bytes, write_atomically, write_state
from monai_rescunet.label.archive import MammogramArchive
from monai_rescunet.label.asked import TrainRequest
from monai_rescunet.label.label_file import lay_label, read_geometry
from monai_rescunet.label.requests import without_folders
from monai_rescunet.label.weights import check_weights

__all__ = ["LEAST_HELD_OUT", "MassTrainTask", "mass_entries", "split_masses"]

LEAST_HELD_OUT = 4
"""Masses that new weights are judged by: on fewer, chance decides which weights are better."""

LEAST_PIXELS = 16
"""Of a painted region that is a mass: 4 by 4, where the smallest masses that are read measure some 3 mm."""

logger = logging.getLogger(__name__)


class MassTrainTask(TrainTask):
    """Go on training from the weights that are served, on labels saved through the server.

    A part of the labelled images is held out. New weights replace the served ones only if Dice on those rises and
    accuracy of the class does not fall; what was trained stays in the bundle's `runs` in any case.

    Args:
        bundle: the bundle's folder.
    """

    def __init__(self, bundle: Path) -> None:
        super().__init__("Go on training on the saved labels; worse weights never replace better ones")
        self.bundle = bundle

    def config(self) -> dict[str, Any]:
        """Return what a client may change."""
        return {"max_epochs": 20, "val_split": 0.25, "learning_rate": 1e-4, "batch_size": 8}

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Train, and return the figures `before` and `after` and whether the new weights were `promoted`.

        Raises:
            HTTPException: 400 and one line that says what is wrong with the labels or the request; a training in the
                background ends with that line.
        """
        try:
            return self._train({**self.config(), **request}, datastore)
        except Exception as error:  # Ignite and MONAI wrap what a transform raises
            fault = input_error_behind(error)
            if fault is None:
                raise
            folders = {Path(pair["image"]).parent for pair in datastore.datalist()}
            raise HTTPException(400, without_folders(str(fault), self.bundle, *folders)) from error

    def _train(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any]:
        if isinstance(datastore, MammogramArchive):
            raise InputError(
                "labels of a DICOMweb archive are not trained on, since those that this app stored there are its own; "
                "start the server on a folder of images and save labels there"
            )
        options = TrainRequest.of(request).model_dump()
        share = options.pop("val_split")
        run = self.bundle / "runs" / datetime.now().strftime("label-%Y%m%d-%H%M%S")
        split = split_masses(mass_entries(datastore.datalist(), run / "labels"), share)
        check_weights(self.bundle)
        workflow = ConfigWorkflow(
            config_file=str(self.bundle / "configs" / "train.yaml"),
            meta_file=str(self.bundle / "configs" / "metadata.json"),
            logging_file=False,
            workflow_type="train",
            bundle_root=literal(str(self.bundle)),
            dataset_dir="",
            output_dir=literal(str(run)),
            split=split,
            **options,
        )
        workflow.initialize()
        served = self.bundle / "models" / "model.pt"
        weights = torch.load(served, map_location="cpu", weights_only=True)
        for name in ("model", "validated"):
            workflow.parser.get_parsed_content(name).load_state_dict(weights)
        evaluator = workflow.parser.get_parsed_content("validate#evaluator")
        before = _figures(evaluator)
        try:
            workflow.run()
            after = _figures(evaluator)
        except Exception as error:
            if not _met_nan(error):
                raise
            raise InputError(
                "the training diverged, and the old weights stay: train with a lower learning_rate"
            ) from error
        promoted = after["dice"] > before["dice"] and after["accuracy"] >= before["accuracy"]
        if promoted:
            write_state(served, workflow.parser.get_parsed_content("validated").state_dict())
        logger.info("before %s, after %s: %s", before, after, "served now" if promoted else "the old weights stay")
        return {"before": before, "after": after, "promoted": promoted}


def mass_entries(datalist: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return an entry for each mass of label maps: `image`, `label`, `box`, `mass`.

    Args:
        datalist: `image` and `label`, paths, as the datastore has them; label maps of any format that ITK reads.
        folder: gets the label maps as PNG.

    Raises:
        InputError: a label map cannot be read, has other values than 0, 1, 2, or another size than its image.
    """
    entries = []
    for pair in datalist:
        image, label = Path(pair["image"]), Path(pair["label"])
        geometry = read_geometry(image)
        array = _without_strays(_label_map(label, geometry), label)
        size = geometry.GetSize()[:2]
        if array.shape[::-1] != size:
            raise InputError(
                f"{label.name}: has {array.shape[::-1]} columns and rows; expected {size}, those of {image.name}: "
                "save the label map in the geometry of its image"
            )
        masses = regionprops(connected(array))
        if not masses:
            logger.warning("%s: is empty and left out", label)
        path = folder / f"{image.name}.png"
        write_atomically(path, png_bytes(Image.fromarray(array)))
        for number, mass in enumerate(masses):
            top, left, bottom, right = mass.bbox
            box = [left, top, right, bottom]
            entries.append({"image": str(image), "label": str(path), "box": box, "mass": number})
    return entries


def split_masses(entries: list[dict[str, Any]], share: float) -> list[list[dict[str, Any]]]:
    """Return entries for training and those held out, split by image.

    Args:
        entries: what `mass_entries` returned.
        share: of the images, that is held out.

    Raises:
        InputError: there would be fewer than `LEAST_HELD_OUT` masses held out, or none to train on.
    """
    images = sorted({entry["image"] for entry in entries})
    chosen = set(np.random.default_rng(0).permutation(images)[: max(round(share * len(images)), 1)])
    training, held_out = ([entry for entry in entries if (entry["image"] in chosen) == held] for held in (False, True))
    if len(held_out) < LEAST_HELD_OUT or not training:
        raise InputError(
            f"{len(images)} labelled images with val_split {share:g} leave {len(training)} masses to train on and "
            f"{len(held_out)} to judge by; expected at least 1 and {LEAST_HELD_OUT}: save more labels, or change it"
        )
    return [training, held_out]


def _label_map(path: Path, geometry: sitk.ImageFileReader) -> np.ndarray:
    """Return a label map, uint8, `(rows, columns)`, its pixels those of the image of a geometry."""
    try:
        label = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"{path.name}: ITK cannot read the label map; save the label again") from error
    array = np.squeeze(sitk.GetArrayFromImage(label))
    values = np.unique(array)
    if array.ndim != 2 or not np.isin(values, (BACKGROUND, *CLASS_VALUES.values())).all():
        raise InputError(
            f"{path.name}: the label map has the shape {array.shape} and values from {values[0]} to {values[-1]}; "
            "expected one slice of 0 background, 1 benign mass and 2 malignant mass: correct the label"
        )
    return np.squeeze(sitk.GetArrayFromImage(lay_label(label, geometry, path.name))).astype(np.uint8)


def _without_strays(array: np.ndarray, path: Path) -> np.ndarray:
    """Return a label map without what is too small for a mass: such pixels become what most of their neighbours are."""
    regions, cleaned = connected(array), array.copy()
    for region in regionprops(regions):
        if region.area >= LEAST_PIXELS:
            continue
        own = np.pad(region.image, 1)
        beside = ndimage.binary_dilation(own, np.ones((3, 3))) & ~own
        top, left = region.bbox[:2]
        places = np.argwhere(beside) + np.asarray([top - 1, left - 1])
        places = places[((places >= 0) & (places < array.shape)).all(axis=1)]
        cleaned[regions == region.label] = np.bincount(array[tuple(places.T)]).argmax() if len(places) else BACKGROUND
        logger.warning("%s: %d stray pixels at (%d, %d) are no mass", path.name, region.area, left, top)
    return cleaned


def _figures(evaluator: Any) -> dict[str, float]:
    evaluator.run()
    metrics = evaluator.state.metrics
    return {"dice": float(metrics["val_dice"]), "accuracy": float(metrics.get("val_class_accuracy", 0.0))}


def _met_nan(error: BaseException | None) -> bool:
    """Return whether the modified Otsu stopped at a map of NaN, which a network gives whose training diverged."""
    while error is not None and "the map has NaN" not in str(error):
        error = error.__cause__ or error.__context__
    return error is not None
