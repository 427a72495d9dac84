"""What an evaluator's maps are kept for: pictures of them afterwards, and the thresholds of mode `fixed`."""

from __future__ import annotations

import logging
from io import BytesIO
from pathlib import Path

import numpy as np
from ignite.engine import Engine, Events
from monai.utils import convert_to_numpy
from torch import Tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_atomically
from monai_rescunet.decisions.thresholds import save_thresholds
from monai_rescunet.transforms import calibrate_thresholds
from monai_rescunet.transforms.histogram import quantise

__all__ = ["FitThresholds", "SaveMaps"]

logger = logging.getLogger(__name__)


class SaveMaps:
    """Keep every region of interest with its truth and its map M in `maps.npz`, in the order of `per_image.csv`.

    The file holds three arrays `(masses, columns, rows)`, uint8: `image` (0 to 255 for 0 to 1), `truth` (the label map)
    and `map` (grey levels of M).

    Args:
        output_dir: where to write.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.path = Path(output_dir) / "maps.npz"

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def _reset(self) -> None:
        self.arrays: dict[str, list[np.ndarray]] = {"image": [], "truth": [], "map": []}

    def _update(self, engine: Engine) -> None:
        for output in engine.state.output:
            values = (quantise(output["image"].clamp(0, 1)), output["label"], quantise(output["pred"]))
            for kept, value in zip(self.arrays.values(), values, strict=True):
                kept.append(convert_to_numpy(value)[0].astype(np.uint8))

    def _write(self) -> None:
        content = BytesIO()
        image, truth, levels = (np.stack(kept) for kept in self.arrays.values())
        np.savez_compressed(content, image=image, truth=truth, map=levels)
        write_atomically(self.path, content.getvalue())


class FitThresholds:
    """Fit lambda1 and lambda2 of mode `fixed` on all maps that an evaluator sees, and keep them beside the weights.

    Args:
        checkpoint: the weights that made the maps.

    An `InputError` ends the run where the maps hold no two classes to separate.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.checkpoint = checkpoint

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._fit)

    def _reset(self) -> None:
        self.levels: list[Tensor] = []  # one byte a pixel, for collections of any size

    def _update(self, engine: Engine) -> None:
        self.levels += [quantise(output["pred"]).byte().cpu() for output in engine.state.output]

    def _fit(self) -> None:
        try:
            lambda1, lambda2 = calibrate_thresholds(levels / 255 for levels in self.levels)
        except ValueError as error:
            raise InputError(f"{self.checkpoint}: {error}") from error
        path = save_thresholds(lambda1, lambda2, len(self.levels), self.checkpoint)
        logger.info("lambda1 %d and lambda2 %d from %d masses: %s", lambda1, lambda2, len(self.levels), path)
