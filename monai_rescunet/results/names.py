"""How the files of an image are called, so that one can tell them and none is written over."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.result_names import (
    LABEL_SUFFIXES,
    PAGE,
    RESULT_SUFFIXES,
    THUMBNAILS,
    has_result_mark,
    marked_source,
)
from monai_rescunet.data.readers.mammogram import image_stem

__all__ = ["check_free", "choose_stems", "source_of", "stem_of_label_map"]

MOST_BYTES = 200
"""Of a stem: with suffix, and the ending of a file that is being written, below the 255 of file systems."""
DIGITS = 8
"""Of a hash in a name."""


def source_of(path: str | Path) -> str:
    """Return what tells an image from those of its name in other folders: 16 digits that say nothing of its path."""
    return hashlib.sha256(str(Path(path).absolute()).encode(errors="surrogateescape")).hexdigest()[:16]


def stem_of_label_map(name: str) -> str:
    """Return the stem that a label map's file name has before its suffix."""
    return next((name.removesuffix(suffix) for suffix in LABEL_SUFFIXES if name.endswith(suffix)), name)


def choose_stems(images: Sequence[str], earlier: Mapping[str, str]) -> dict[str, str]:
    """Return a stem for each image, whatever the order they come in.

    It is the file's own stem; where several images have the same, their folders stand before it; where that does not
    tell them apart or is too long, a hash of the image's name ends it. An image that has one already keeps it.

    Args:
        images: names, relative to the data's folder.
        earlier: the stems of images that a table has already.
    """
    taken = {stem.casefold() for stem in earlier.values()}
    new = [image for image in images if image not in earlier]
    bare = {image: image_stem(Path(image)) for image in new}
    long = {image: _with_folders(image, bare[image]) for image in new}
    stems = {image: earlier[image] for image in images if image in earlier}
    once = _only_once(bare.values())
    plain, told = once - taken, _only_once(long.values()) - taken - once
    for image in new:
        if bare[image].casefold() in plain and _fits(bare[image]):
            stems[image] = bare[image]
        elif long[image].casefold() in told and _fits(long[image]):
            stems[image] = long[image]
        else:
            digest = hashlib.sha256(image.encode(errors="surrogateescape")).hexdigest()[:DIGITS]
            stems[image] = f"{_cut(long[image], MOST_BYTES - DIGITS - 1)}_{digest}"
    return stems


def check_free(folder: Path, files: Iterable[tuple[str, str]]) -> None:
    """Refuse to write over what is no result, or that of another image.

    Args:
        folder: where results are written.
        files: for each image the stem of its results and its source, see `source_of`.

    Raises:
        InputError: a file of a result's name lies there that is none, or that is another image's.
    """
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    _require_result(folder, PAGE)
    for stem, source in files:
        if THUMBNAILS in there:
            _require_result(folder, f"{THUMBNAILS}/{stem}.jpg")
        for suffix in RESULT_SUFFIXES:
            name = f"{stem}{suffix}"
            if name not in there:
                continue
            _require_result(folder, name)
            owner = marked_source(folder / name)
            if owner is not None and owner != source:
                raise InputError(f"{folder}: has {name} of another image already; choose another output folder")


def _require_result(folder: Path, name: str) -> None:
    if (folder / name).exists() and not has_result_mark(folder / name):
        raise InputError(f"{folder}: has {name}, which is no result of inference; choose another output folder")


def _only_once(names: Iterable[str]) -> set[str]:
    """Return the names that stand alone, also for file systems that know no capitals."""
    return {name for name, count in Counter(name.casefold() for name in names).items() if count == 1}


def _with_folders(image: str, stem: str) -> str:
    folders = [part.strip("/") for part in PurePosixPath(image).parent.parts]
    return "__".join([*(part for part in folders if part not in ("", "..")), stem])


def _fits(stem: str) -> bool:
    return len(stem.encode(errors="surrogateescape")) <= MOST_BYTES


def _cut(stem: str, length: int) -> str:
    return stem.encode(errors="surrogateescape")[:length].decode(errors="ignore")
