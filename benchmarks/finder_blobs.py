"""The finder's trivial neighbour: the brightest blobs of a mammogram, of a mass's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from finder_curves import CORNERS
from monai.transforms import Compose, LoadImaged
from scipy import ndimage
from skimage.feature import blob_log

from monai_rescunet.data import MammogramReader
from monai_rescunet.finding import BreastFramed
from monai_rescunet.finding.placement import Placement

SIGMAS = np.geomspace(3, 16, 6)  # pixels of the frame at half its size: masses of 17 to 90 pixels of the frame


def blobs(images: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return scikit-image's `blob_log` on the frame that the finder sees, as `findings.csv` has findings."""
    frame = Compose([LoadImaged("image", reader=MammogramReader(), ensure_channel_first=True), BreastFramed("image")])
    rows = []
    for image in images:
        framed = frame({"image": image["image"]} | ({"true_size": image["true_size"]} if "true_size" in image else {}))[
            "image"
        ]
        placement = Placement(*framed.meta["placement"])
        picture = framed[0].numpy()[::2, ::2]
        laplace = {sigma: -(sigma**2) * ndimage.gaussian_laplace(picture, sigma) for sigma in SIGMAS}
        found = blob_log(
            picture, min_sigma=SIGMAS[0], max_sigma=SIGMAS[-1], num_sigma=len(SIGMAS), log_scale=True, threshold=0.01
        )
        for x, y, sigma in found:
            nearest = min(laplace, key=lambda s: abs(s - sigma))
            radius = 2 * np.sqrt(2) * sigma
            centre = 2 * x + 1, 2 * y + 1
            box = placement.to_image([centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius])
            rows.append(
                {
                    "image": image["name"],
                    **dict(zip(CORNERS, box, strict=True)),
                    "confidence": laplace[nearest][int(x), int(y)],
                }
            )
        rows.append({"image": image["name"], "confidence": 0.0})
    return pd.DataFrame(rows)
