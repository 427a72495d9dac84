"""How collections name images and their masks, and what a mask shares with its image."""

from __future__ import annotations

import re
from os.path import relpath
from pathlib import Path
from unicodedata import normalize

from monai_rescunet.data.readers.mammogram import image_stem

__all__ = ["Place", "is_hidden", "is_mask_name", "name_below", "own_case", "place_of", "same_name"]

MASK_FOLDERS = (
    "mask", "masks", "label", "labels", "labelstr", "labelsts", "gt", "groundtruth", "seg", "segs", "segmentation",
    "segmentations", "annotation", "annotations",
)  # fmt: skip
IMAGE_FOLDERS = ("image", "images", "img", "imgs", "imagestr", "imagests")
SPLITS = ("tr", "ts")  # of the Medical Segmentation Decathlon and nnU-Net: imagesTr beside labelsTr
CHANNEL = "_0000"  # of nnU-Net: behind the names of images, not of masks
SAVED_LABELS = "final"  # of MONAI Label: labels/final

MASK_SUFFIX = re.compile(r"(_mask.*|[_-](seg|segmentation|gt|groundtruth|annotation)([_-]?\d+)?)$", re.IGNORECASE)
LABEL_SUFFIX = re.compile(r"[_-]labels?$", re.IGNORECASE)  # in a folder of masks alone: `predict` names results so too

Place = tuple[str, ...]
"""What a mask shares with its image: the folders, but for those of images and of masks, and the stem."""


def _plain(folder: str) -> str:
    return folder.lower().replace("_", "").replace(" ", "").replace("-", "")


def in_mask_folder(root: Path, path: Path) -> bool:
    """Return whether a file lies in a folder that is called as those of masks are."""
    return any(_plain(part) in MASK_FOLDERS for part in path.relative_to(root).parts[:-1])


def is_mask_name(root: Path, path: Path) -> bool:
    """Return whether a file is called as masks are, or lies in a folder that is."""
    return in_mask_folder(root, path) or MASK_SUFFIX.search(image_stem(path)) is not None


def place_of(root: Path, path: Path) -> Place:
    """Return the place of an image or of a mask: it is the same for both."""
    *folders, _ = path.relative_to(root).parts
    stem, plain = image_stem(path), [_plain(folder) for folder in folders]
    if is_mask_name(root, path):
        stem = MASK_SUFFIX.sub("", stem)
        stem = LABEL_SUFFIX.sub("", stem) if in_mask_folder(root, path) else stem
    elif any(name in IMAGE_FOLDERS and name.endswith(SPLITS) for name in plain):
        stem = stem.removesuffix(CHANNEL)
    kept = []
    for before, folder, name in zip(["", *plain], folders, plain, strict=False):
        if name in (*MASK_FOLDERS, *IMAGE_FOLDERS):
            kept += [name[-2:]] if name.endswith(SPLITS) else []
        elif not (name == SAVED_LABELS and before in MASK_FOLDERS):
            kept.append(folder)
    return tuple(map(same_name, (*kept, stem)))


def same_name(name: str) -> str:
    """Return a name with its accents in one form, as a table and a file system may not have them."""
    return normalize("NFC", name)


def name_below(root: Path, path: Path) -> str:
    """Return the path below the root, one for each file however a table spells it."""
    return Path(relpath(path, root)).as_posix()


def is_hidden(root: Path, path: Path) -> bool:
    """Return whether a file, or a folder below the root that it lies in, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def own_case(root: Path, image: Path) -> str:
    """Return the case of an image of which nothing is said: its own."""
    return Path(name_below(root, image)).with_name(image_stem(image)).as_posix()
