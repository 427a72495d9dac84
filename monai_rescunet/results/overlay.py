"""What a person looks at: the mammogram with the outlines of its masses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw
from skimage.segmentation import expand_labels

from monai_rescunet.core.classes import BACKGROUND, COLOURS
from monai_rescunet.data.readers.display import to_picture

__all__ = ["coloured_strips", "draw_overlay"]

BRIGHTEST = 255 - len(COLOURS)
"""Entry of white in the overlay's palette; those above it are the classes' colours."""


def draw_overlay(
    picture: np.ndarray,
    label: np.ndarray,
    captions: list[tuple[tuple[float, float], str]],
    regions: Sequence[tuple[slice, slice]] | None = None,
    boxes: Sequence[Sequence[float]] = (),
) -> Image.Image:
    """Return the mammogram in grey with each mass outlined in the colour of its class, as a picture with a palette.

    Args:
        picture: grey levels, `(columns, rows)`: uint8 is taken as it is, others are brought to their percentiles.
        label: label map, `(columns, rows)`.
        captions: a point `(x, y)` and the text that stands at it, for each mass.
        regions: columns and rows of each mass, where they are known; only they are looked at then.
        boxes: `(x_min, y_min, x_max, y_max)` that are drawn as well, in white.
    """
    grey = picture if picture.dtype == np.uint8 else to_picture(picture, {})
    image = Image.fromarray(np.ascontiguousarray(_DIMMED[grey.T]))
    draw = ImageDraw.Draw(image)
    size = max(12, round(max(label.shape) / 40))
    for (x, y), text in captions:
        left = min(max(x, 0), max(image.width - draw.textlength(text, font_size=size), 0))
        top = min(max(y - size - 4, 0), image.height - size - 2)
        draw.text((left, top), text, fill=BRIGHTEST, font_size=size, stroke_width=2, stroke_fill=0)
    thickness = max(1, round(max(label.shape) / 400))  # visible when a full mammogram is shown on a screen
    for x_min, y_min, x_max, y_max in boxes:
        draw.rectangle((x_min, y_min, x_max - 1, y_max - 1), outline=BRIGHTEST, width=max(1, thickness // 2))
    for columns, rows in [(slice(0, label.shape[0]), slice(0, label.shape[1]))] if regions is None else regions:
        _outline(image, label, columns, rows, thickness)
    image.putpalette(_PALETTE.ravel().tolist())
    return image


def coloured_strips(picture: Image.Image, rows: int) -> Iterator[Image.Image]:
    """Give a picture with a palette as RGB, from the top, so many rows at a time: it is never whole in memory so."""
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert("RGB")


def _outline(image: Image.Image, label: np.ndarray, columns: slice, rows: slice, thickness: int) -> None:
    """Draw a line outside the lesions of a region, so that it hides none of them."""
    inner = _widened(columns, thickness), _widened(rows, thickness)
    outer = _widened(columns, 2 * thickness), _widened(rows, 2 * thickness)  # a neighbour may be nearer to a pixel
    part = label[outer]
    line = np.where(part == BACKGROUND, expand_labels(part, thickness), BACKGROUND)
    line = line[tuple(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))].T
    left, top = (side.start for side in inner)
    pixels = np.array(image.crop((left, top, left + line.shape[1], top + line.shape[0])))
    for value, index in _COLOUR_INDEX.items():
        pixels[line == value] = index
    image.paste(Image.fromarray(pixels), (left, top))


def _widened(part: slice, margin: int) -> slice:
    return slice(max(part.start - margin, 0), part.stop + margin)


_DIMMED = np.round(np.arange(256) * BRIGHTEST / 255).astype(np.uint8)
_PALETTE = np.repeat((np.arange(256) * 255 / BRIGHTEST).clip(0, 255).round().astype(np.uint8)[:, None], 3, axis=1)
_COLOUR_INDEX = {value: BRIGHTEST + 1 + number for number, value in enumerate(COLOURS)}
for _value, _index in _COLOUR_INDEX.items():
    _PALETTE[_index] = COLOURS[_value]
