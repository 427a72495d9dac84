"""The files of one image: label map, overlay and DICOM results, and what of an earlier run goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_rescunet.core.files import write_atomically
from monai_rescunet.core.result_names import LABEL_SUFFIXES, OVERLAY_SUFFIX, RESULT_SUFFIXES, has_result_mark
from monai_rescunet.data.readers.canvas import Canvas
from monai_rescunet.results.label_file import label_png, overlay_png
from monai_rescunet.results.label_geometry import label_nifti
from monai_rescunet.results.label_painter import LabelPainter
from monai_rescunet.results.overlay import draw_overlay
from monai_rescunet.results.page import save_thumbnail
from monai_rescunet.transforms.outline import Outline

__all__ = ["ImageResult", "label_suffix", "remove_stale", "write_pictures"]


@dataclass
class ImageResult:
    """What was found in one image.

    Attributes:
        path: its file.
        canvas: what of it results are laid over.
        rows: of the table, one a mass; of an image without a mass the one that says so.
        outlines: one for each row that is of a mass.
    """

    path: str
    canvas: Canvas
    rows: list[dict[str, Any]]
    outlines: list[Outline] = field(default_factory=list)

    def masses(self) -> list[tuple[dict[str, Any], Outline]]:
        """Return each row with its outline, which is empty where nothing was found."""
        outlines = self.outlines or [Outline((0, 0), np.zeros((0, 0), dtype=bool))] * len(self.rows)
        return list(zip(self.rows, outlines, strict=True))

    def painter(self) -> LabelPainter:
        """Return its masses, ready to be painted."""
        painter = LabelPainter(self.canvas.size)
        for row, outline in self.masses():
            painter.add(outline, row)
        return painter


def label_suffix(meta: Mapping[str, Any]) -> str:
    """Return how the name of an image's label map ends: NIfTI keeps the geometry of DICOM and NIfTI images."""
    medical = "nifti_shape" in meta or "sop_instance_uid" in meta
    return LABEL_SUFFIXES[1] if medical else LABEL_SUFFIXES[0]


def write_pictures(
    folder: Path, stem: str, result: ImageResult, source: str, overlay: bool
) -> tuple[list[str], Image.Image | None]:
    """Write an image's label map, and with `overlay` its picture with outlines and the thumbnail of it.

    Returns:
        The suffixes of what was written, and the picture with outlines, None where the canvas has none to draw on.

    Raises:
        InputError: a file cannot be written.
    """
    painter, meta = result.painter(), result.canvas.meta
    label, suffix = painter.label, label_suffix(meta)
    content = label_png(label, source) if suffix == LABEL_SUFFIXES[0] else label_nifti(label, meta, source)
    write_atomically(folder / f"{stem}{suffix}", content)
    if result.canvas.picture is None:
        return [suffix], None
    picture = draw_overlay(result.canvas.picture.numpy(), label, painter.captions, painter.regions, painter.boxes)
    if not overlay:
        return [suffix], picture
    write_atomically(folder / f"{stem}{OVERLAY_SUFFIX}", overlay_png(picture, source))
    save_thumbnail(picture, folder, stem)
    return [suffix, OVERLAY_SUFFIX], picture


def remove_stale(folder: Path, stem: str, written: Sequence[str]) -> None:
    """Remove results of an earlier run beside those just written, which they may contradict.

    Args:
        folder: the output folder.
        stem: of the image's results.
        written: the suffixes of those that are new.
    """
    for suffix in RESULT_SUFFIXES:
        path = folder / f"{stem}{suffix}"
        if suffix not in written and path.exists() and has_result_mark(path):
            path.unlink()
