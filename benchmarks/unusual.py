"""How often `unlike_training` warns of what is no mass, by the shipped weights or others.

    python benchmarks/unusual.py [--checkpoint model.pt] [--crops FOLDER]

Phantoms (cut out by the box of their mask), photographs of scikit-image in squares, text, rulers and noise as programs
draw them, and, with a folder of crops round masses that the weights were not trained on, these inverted: each judged by
`predict` as any user's picture is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from monai_rescunet.core.result_names import MOST_USUAL
from monai_rescunet.data import make_phantom
from monai_rescunet.inference.run import predict

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "cell", "chelsea", "clock", "coffee", "coins", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "moon", "rocket",
)  # fmt: skip
EACH = 30
SIDE = 300


def phantoms(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Return the region round the mass of phantoms of both classes."""
    for number in range(EACH):
        image, mask = make_phantom(rng, ("benign", "malignant")[number % 2], (500, 400))
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        yield image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def photographs(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Return two squares of each photograph."""
    for name in PHOTOGRAPHS:
        photograph = np.asarray(Image.fromarray(np.asarray(getattr(skimage.data, name)())).convert("L"))
        for _ in range(EACH // len(PHOTOGRAPHS)):
            side = int(min(photograph.shape) * rng.uniform(0.4, 1))
            row, column = (int(rng.integers(length - side + 1)) for length in photograph.shape)
            yield photograph[row : row + side, column : column + side]


def texts(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Return pages of letters, dark on bright and bright on dark."""
    for number in range(EACH):
        page = Image.new("L", (SIDE, SIDE), 255 * (number % 2))
        font, step = ImageFont.load_default(int(rng.integers(14, 60))), int(rng.integers(16, 64))
        for row in range(5, SIDE, step):
            letters = "".join(chr(int(letter)) for letter in rng.integers(65, 91, 12))
            ImageDraw.Draw(page).text((5, row), letters, fill=255 - 255 * (number % 2), font=font)
        yield np.asarray(page)


def rulers(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Return rulers on black."""
    for _ in range(EACH):
        page = Image.new("L", (SIDE, SIDE))
        draw, edge, step = ImageDraw.Draw(page), int(rng.integers(40, 260)), int(rng.integers(5, 20))
        draw.line((edge, 0, edge, SIDE), fill=255, width=2)
        for number, row in enumerate(range(0, SIDE, step)):
            draw.line((edge, row, edge - (20 if number % 5 else 40), row), fill=255, width=2)
        yield np.asarray(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="other weights than the bundle's")
    parser.add_argument("--crops", type=Path, help="folder of crops round masses")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    kinds = {"phantoms": phantoms(rng), "photographs": photographs(rng), "text": texts(rng), "rulers": rulers(rng)}
    kinds["noise"] = (rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8) for _ in range(EACH))
    if arguments.crops:
        kinds["inverted crops"] = (
            255 - np.asarray(Image.open(path).convert("L")) for path in sorted(arguments.crops.glob("*.png"))
        )
    given = {"checkpoint": arguments.checkpoint} if arguments.checkpoint else {}
    with TemporaryDirectory() as folder:
        for name, pictures in kinds.items():
            shares = np.array([])
            for number, picture in enumerate(pictures):
                path = Path(folder, f"{name} {number}.png")
                Image.fromarray(picture).save(path)
                (row,) = predict(path, box=[0, 0, picture.shape[1], picture.shape[0]], **given)
                shares = np.append(shares, row["unlike_training"])
            print(f"{name}: {len(shares)}, flagged {(shares > MOST_USUAL).mean():.2f}, median {np.median(shares):.3f}")


if __name__ == "__main__":
    main()
