"""One reader for every image of a mammogram: DICOM, NIfTI, PNG, JPEG, TIFF and PGM, told apart by content."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import MetaKeys, ensure_tuple
from monai.utils.type_conversion import UNSUPPORTED_TYPES

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom import read_mammogram_dicom
from monai_rescunet.data.readers.display import to_picture
from monai_rescunet.data.readers.formats import image_format, image_stem, why_unreadable
from monai_rescunet.data.readers.memory import contiguous
from monai_rescunet.data.readers.nifti import nifti_header, read_nifti
from monai_rescunet.data.readers.pictures import picture_size, read_picture

__all__ = [
    "MammogramReader",
    "image_format",
    "image_size",
    "image_stem",
    "mammogram_picture",
    "read_mammogram",
    "to_picture",
    "why_unreadable",
]

MOST_LEVEL = 1e15  # whose square single precision still holds

# every LoadImage builds all of MONAI's readers, one of which tells of a GPU decoder that is not used here
warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)


def image_size(path: Path) -> tuple[int, int]:
    """Return an image's columns and rows as it is read and shown, from its header alone.

    Raises:
        InputError: the header does not say.
    """
    kind = image_format(path)
    if kind is None:
        raise InputError(f"{path}: {why_unreadable(path)}")
    try:
        if kind == "dicom":
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"], force=True)
            return int(header.Columns), int(header.Rows)
        if kind == "nifti":
            columns, rows = nifti_header(path).get_data_shape()[:2]
            return int(columns), int(rows)
        return picture_size(path)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: its size cannot be read ({reason}); the file is cut off or damaged") from error


def read_mammogram(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a mammogram or mask, decoded once for all that is made of it, and what else is known of it.

    The array is the network's input as it lies in the file: cut a region out of it before it is made float.
    `to_picture(array, meta)` is what a person looks at, of the same decode.

    Args:
        path: an image of any format that is read.

    Returns:
        Grey levels, `(columns, rows)`, of the file's type and often a view, perhaps of what cannot be written to, whose
        rows lie one after the other, air dark and tissue bright; and metadata: `affine`, `geometry` (who says where the
        pixels lie: `nifti`, a NIfTI header; `plane`, DICOM's position or orientation; `viewer`, ITK, where DICOM says
        nothing; `none`), `spacing` ((column, row) in mm, absent where unknown), `spacing_source`, and what
        `read_mammogram_dicom` and `read_nifti` add.

    Raises:
        InputError: the file is missing, unreadable, or no single grey image.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the images in it")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    kind = image_format(path)
    if kind is None:
        raise InputError(f"{path}: {why_unreadable(path)}")
    try:
        read = {"dicom": read_mammogram_dicom, "nifti": read_nifti}.get(kind, read_picture)
        array, meta = read(path)
        if array.dtype.kind == "f":
            _check_levels(array, path)
        return array, meta
    except InputError:
        raise
    except Exception as error:  # a decoder's own error says nothing of the file
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be decoded as {kind} ({reason}); the file is cut off or damaged") from error


def _check_levels(array: np.ndarray, path: Path) -> None:
    """Refuse floating-point grey levels that are none, or that single precision, in which networks count, mixes up."""
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{path}: holds NaN or infinite values; expected finite grey levels")
    largest = max(abs(low), abs(high))
    if largest > MOST_LEVEL or 0 < largest < 1 / MOST_LEVEL:
        raise InputError(
            f"{path}: its grey levels go from {low:g} to {high:g}, out of reach of single precision; expected some "
            f"between 1/{MOST_LEVEL:g} and {MOST_LEVEL:g}: scale them"
        )


def mammogram_picture(path: Path) -> np.ndarray:
    """Return a mammogram as a person looks at it, uint8, `(columns, rows)`: `to_picture` of `read_mammogram`."""
    return to_picture(*read_mammogram(path))


class MammogramReader(ImageReader):
    """MONAI reader of mammograms and their masks, for `LoadImaged(reader="monai_rescunet.data.MammogramReader")`.

    Arrays are `(columns, rows)`, as MONAI's other readers have them. What those leave undone for mammograms is done:
    air is dark and tissue bright, whatever the header has to say for that, padding is air, the pixel spacing is taken
    from the attribute that holds it, pictures are turned as their Exif orientation says, and what is no single grey
    image is refused. The metadata has, beside MONAI's, what `read_mammogram` gives; nothing that names a person.

    Several files, masks of one image for instance, become channels.
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Return True: files are told apart by content, not by suffix."""
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> list[Path]:
        """Return the paths.

        They are opened in `get_data`: what raises here makes `LoadImage` try its other readers on the file, and they
        read a mammogram wrongly.
        """
        return [Path(path) for path in ensure_tuple(data)]

    def get_data(self, img: list[Path]) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the pixels, `(columns, rows)` or `(channels, columns, rows)` for several files, and the metadata.

        Of one file they have the type that MONAI makes tensors of, int32 for 16 bits without a sign.

        Raises:
            InputError: a file is missing, unreadable, or no single grey image.
        """
        arrays, metas = zip(*(read_mammogram(path) for path in img), strict=True)
        meta = metas[0]
        meta[MetaKeys.SPATIAL_SHAPE] = np.asarray(arrays[0].shape)
        meta[MetaKeys.ORIGINAL_AFFINE] = meta[MetaKeys.AFFINE].copy()
        meta[MetaKeys.ORIGINAL_CHANNEL_DIM] = float("nan") if len(arrays) == 1 else 0
        if len(arrays) == 1:
            kind = arrays[0].dtype
            return contiguous(arrays[0], UNSUPPORTED_TYPES.get(kind, kind)), meta
        if len({array.shape for array in arrays}) > 1:
            raise InputError(f"{img[0]} and the files beside it have different sizes: {[a.shape for a in arrays]}")
        if any(not np.allclose(other[MetaKeys.AFFINE], meta[MetaKeys.AFFINE], atol=1e-3) for other in metas[1:]):
            raise InputError(f"{img[0]} and the files beside it lie in different places: save them in one geometry")
        return np.stack(arrays), meta
