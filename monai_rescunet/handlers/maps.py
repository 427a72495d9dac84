"""What an evaluator's maps are kept for: pictures of them afterwards, and the thresholds of mode `fixed`."""

from __future__ import annotations

import logging
from io import BytesIO
from pathlib import Path

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine
from monai.utils import convert_to_numpy, convert_to_tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_atomically
from monai_rescunet.decisions.thresholds import save_thresholds
from monai_rescunet.handlers.epoch import EpochHandler
from monai_rescunet.training.processes import gather_in_turn
from monai_rescunet.transforms.histogram import GREY_LEVELS, histogram, quantise
from monai_rescunet.transforms.otsu import thresholds_of_histogram

__all__ = ["FitThresholds", "SaveMaps"]

logger = logging.getLogger(__name__)


class SaveMaps(EpochHandler):
    """Keep every region of interest with its truth and its map M in `maps.npz`, in the order of `per_image.csv`.

    The file holds three arrays `(masses, columns, rows)`, uint8: `image` (0 to 255 for 0 to 1), `truth` (the label map)
    and `map` (grey levels of M). Of several processes the first one writes the masses of all.

    Args:
        output_dir: where to write.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.path = Path(output_dir) / "maps.npz"

    def _reset(self) -> None:
        self.masses: list[list[np.ndarray]] = []

    def _update(self, engine: Engine) -> None:
        for output in engine.state.output:
            values = (quantise(output["image"].clamp(0, 1)), output["label"], quantise(output["pred"]))
            self.masses.append([convert_to_numpy(value)[0].astype(np.uint8) for value in values])

    def _complete(self, engine: Engine) -> None:
        image, truth, levels = map(np.stack, zip(*gather_in_turn(self.masses), strict=True))
        if idist.get_rank() == 0:
            content = BytesIO()
            np.savez_compressed(content, image=image, truth=truth, map=levels)
            write_atomically(self.path, content.getvalue())


class FitThresholds(EpochHandler):
    """Fit lambda1 and lambda2 of mode `fixed` on all maps that an evaluator sees, and keep them beside the weights.

    Several processes fit them together, and the first one writes.

    Args:
        checkpoint: the weights that made the maps.

    An `InputError` ends the run where the maps hold no two classes to separate.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.checkpoint = checkpoint

    def _reset(self) -> None:
        self.masses, self.counts = 0, torch.zeros(1, GREY_LEVELS, dtype=torch.int64)

    def _update(self, engine: Engine) -> None:
        for output in engine.state.output:
            self.masses += 1
            self.counts += histogram(convert_to_tensor(output["pred"], track_meta=False).reshape(1, -1)).cpu()

    def _complete(self, engine: Engine) -> None:
        masses, counts = sum(gather_in_turn([self.masses])), sum(gather_in_turn([self.counts]))
        try:
            lambda1, lambda2 = thresholds_of_histogram(counts)
        except ValueError as error:
            raise InputError(f"{self.checkpoint}: {error}") from error
        if idist.get_rank() == 0:
            path = save_thresholds(lambda1, lambda2, masses, self.checkpoint)
            logger.info("lambda1 %d and lambda2 %d from %d masses: %s", lambda1, lambda2, masses, path)
