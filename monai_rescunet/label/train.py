"""Training in MONAI Label: the bundle's recipe on the labels that were saved, kept only where it is an improvement."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch
from monai.bundle import ConfigWorkflow
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.train import TrainTask
from PIL import Image
from skimage.measure import label as connected
from skimage.measure import regionprops

from monai_rescunet.errors import InputError
from monai_rescunet.files import png_bytes, write_atomically

__all__ = ["MassTrainTask", "mass_entries"]

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
            InputError: there are too few labels.
        """
        options = {**self.config(), **{name: request[name] for name in self.config() if name in request}}
        run = self.bundle / "runs" / datetime.now().strftime("label-%Y%m%d-%H%M%S")
        split = _split(mass_entries(datastore.datalist(), run / "labels"), float(options.pop("val_split")))
        workflow = ConfigWorkflow(
            config_file=str(self.bundle / "configs" / "train.yaml"),
            meta_file=str(self.bundle / "configs" / "metadata.json"),
            logging_file=False,
            workflow_type="train",
            bundle_root=str(self.bundle),
            dataset_dir="",
            output_dir=str(run),
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
        workflow.run()
        after = _figures(evaluator)
        promoted = after["dice"] > before["dice"] and after["accuracy"] >= before["accuracy"]
        if promoted:
            content = BytesIO()
            torch.save(workflow.parser.get_parsed_content("validated").state_dict(), content)
            write_atomically(served, content.getvalue())
        logger.info("before %s, after %s: %s", before, after, "served now" if promoted else "the old weights stay")
        return {"before": before, "after": after, "promoted": promoted}


def mass_entries(datalist: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return an entry for each mass of label maps: `image`, `label`, `box`, `mass`.

    Args:
        datalist: `image` and `label`, paths, as the datastore has them; label maps of any format that ITK reads.
        folder: gets the label maps as PNG.
    """
    entries = []
    for pair in datalist:
        array = np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(pair["label"])))).astype(np.uint8)
        masses = regionprops(connected(array))
        if not masses:
            logger.warning("%s: is empty and left out", pair["label"])
        path = folder / f"{Path(str(pair['image'])).name}.png"
        write_atomically(path, png_bytes(Image.fromarray(array)))
        for number, mass in enumerate(masses):
            top, left, bottom, right = mass.bbox
            box = [left, top, right, bottom]
            entries.append({"image": str(pair["image"]), "label": str(path), "box": box, "mass": number})
    return entries


def _split(entries: list[dict[str, Any]], share: float) -> list[list[dict[str, Any]]]:
    """Return entries for training and those held out, split by image."""
    images = sorted({entry["image"] for entry in entries})
    if len(images) < 2:
        raise InputError(f"{len(images)} images have a label; expected at least 2: save more labels, then train")
    held_out = set(
        np.random.default_rng(0).permutation(images)[: min(max(round(share * len(images)), 1), len(images) - 1)]
    )
    return [[entry for entry in entries if (entry["image"] in held_out) == held] for held in (False, True)]


def _figures(evaluator: Any) -> dict[str, float]:
    evaluator.run()
    metrics = evaluator.state.metrics
    return {"dice": float(metrics["val_dice"]), "accuracy": float(metrics.get("val_class_accuracy", 0.0))}
