"""What a person looks at: the mammogram with the outlines of its masses."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from skimage.segmentation import expand_labels

from monai_rescunet.core.classes import BACKGROUND, COLOURS

__all__ = ["draw_overlay"]


def draw_overlay(
    picture: np.ndarray, label: np.ndarray, captions: list[tuple[tuple[float, float], str]]
) -> Image.Image:
    """Return the mammogram in grey with each mass outlined in the colour of its class.

    Args:
        picture: grey levels of any range, `(columns, rows)`.
        label: label map, `(columns, rows)`.
        captions: a point `(x, y)` and the text that stands at it, for each mass.
    """
    low, high = np.percentile(picture, (0.1, 99.9))
    grey = np.clip((picture.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    overlay = np.repeat(grey.T.astype(np.uint8)[..., None], 3, axis=2)
    thickness = max(1, round(max(label.shape) / 400))  # visible when a full mammogram is shown on a screen
    # outside the lesion, so that the line hides none of it
    outline = np.where(label.T == BACKGROUND, expand_labels(label.T, thickness), BACKGROUND)
    for value, colour in COLOURS.items():
        overlay[outline == value] = colour
    image = Image.fromarray(overlay)
    draw = ImageDraw.Draw(image)
    size = max(12, round(max(label.shape) / 40))
    for (x, y), text in captions:
        left = min(max(x, 0), max(image.width - draw.textlength(text, font_size=size), 0))
        top = min(max(y - size - 4, 0), image.height - size - 2)
        draw.text((left, top), text, fill="white", font_size=size, stroke_width=2, stroke_fill="black")
    return image
