"""The classes of the label map: what each of its integers means and how it looks, in one place.

One integer label map serves annotation, training and results: 0 background, 1 benign mass, 2 malignant mass.
"""

from __future__ import annotations

BACKGROUND = 0
BENIGN = "benign"
MALIGNANT = "malignant"
NO_LESION = "no lesion"
NO_FINDING = "no finding"
"""The decision of an image in which nothing was found: no class, and never benign."""

CLASS_VALUES = {BENIGN: 1, MALIGNANT: 2}
"""Value of each class of mass in the label map."""

UNDECIDED = 3
"""Value of a mass whose class nobody says: a rough mask without one, the outline of a network that decides on none."""

WHOLE_IMAGE = "whole image"
"""What results have for a box where nothing said where the mass is."""

PAPER_GREY_LEVELS = {0: BACKGROUND, 128: CLASS_VALUES[BENIGN], 255: CLASS_VALUES[MALIGNANT]}
"""The paper's mask grey levels (section II-A: black, gray, white) and the label map values they stand for."""

COLOURS = {CLASS_VALUES[BENIGN]: (86, 180, 233), CLASS_VALUES[MALIGNANT]: (230, 97, 1), UNDECIDED: (240, 228, 66)}
"""Red, green and blue of each label map value; told apart by colour-blind readers too."""
