"""The mammogram with its masses outlined as a Secondary Capture, for viewers that show no segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from highdicom.sc import SCImage
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.mammogram import mammogram_picture
from monai_rescunet.dicom.source import LOSSY, equipment, finish, read_source, reference_of, reference_to, size_of
from monai_rescunet.results.label_painter import LabelPainter
from monai_rescunet.results.outline import outlined
from monai_rescunet.results.overlay import coloured_strips, draw_overlay

__all__ = ["to_secondary_capture"]

SERIES_NUMBER = 9903
ROWS = 64  # of a picture that are coloured at once


def to_secondary_capture(
    source: str | Path, masses: Sequence[Mapping[str, Any]], picture: Image.Image | None = None
) -> SCImage:
    """Return the mammogram in colour with outlines, classes and scores burnt in, of the image's own size.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them: `mask`, the outline `(columns, rows)`, `decision`, `score`.
        picture: the image with its outlines where it is drawn already, as `draw_overlay` does; None draws it.

    Raises:
        InputError: the source is no mammogram, or a mask or the picture has another size.
    """
    image = read_source(source)
    size = size_of(image)
    drawn = _draw(source, masses, image) if picture is None else picture
    if drawn.size != size:
        raise InputError(
            f"{source}: the picture has the size {drawn.size}; expected {size}, the image's columns and rows"
        )
    capture = SCImage.from_ref_dataset(
        reference_of(image),
        pixel_array=np.zeros((1, 1, 3), np.uint8),  # of a picture it would hold four at once; replaced below
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # highdicom asks for one and knows none of mammography; replaced below
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **equipment("Outlines on the image (research)", SERIES_NUMBER),
    )
    capture.Rows, capture.Columns, capture.PixelData = drawn.height, drawn.width, _in_colour(drawn)
    capture.PatientOrientation = image.get("PatientOrientation")
    capture.BurnedInAnnotation = "YES"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    for keyword in ("ImageLaterality", "Laterality", *LOSSY):
        if keyword in image:
            capture[keyword] = image[keyword]
    capture.SourceImageSequence = [reference_to(image)]
    finish(capture, image)
    return capture


def _in_colour(picture: Image.Image) -> bytes:
    """Return a picture as RGB, pixel by pixel, without a second one of its size in memory."""
    pixels = BytesIO(bytes(3 * picture.width * picture.height))
    for strip in coloured_strips(picture, ROWS):
        pixels.write(strip.tobytes())
    return pixels.getvalue()


def _draw(source: str | Path, masses: Sequence[Mapping[str, Any]], image: pydicom.Dataset) -> Image.Image:
    size = size_of(image)
    painter = LabelPainter(size)
    for mass, outline in outlined(masses, size_of(image), source):
        painter.add(outline, mass)
    return draw_overlay(
        mammogram_picture(Path(source)), painter.label, painter.captions, painter.regions, painter.boxes
    )
