"""One reader for every image of a mammogram: DICOM, NIfTI, PNG, JPEG, TIFF and PGM, told apart by content."""

from __future__ import annotations

import gzip
import logging
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import MetaKeys, ensure_tuple
from PIL import Image, UnidentifiedImageError

from monai_rescunet.core.classes import UNDECIDED
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom import MAX_SPACING_MM, MIN_SPACING_MM, read_mammogram_dicom

__all__ = ["MammogramReader", "image_format", "image_size", "image_stem"]

# every LoadImage builds all of MONAI's readers, one of which tells of a GPU decoder that is not used here
warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)

GREY_MODES = ("L", "I", "I;16", "I;16B", "I;16L", "F")
MEDICAL_SUFFIXES = (".dcm", ".dicom", ".nii")
NIFTI_UNITS = {"meter": 1000.0, "micron": 0.001}
"""Millimetres in units of length that a header may have; others are taken for millimetres."""
BITS, PHOTOMETRIC = 258, 262  # tags of TIFF 6.0, section 8: BitsPerSample, PhotometricInterpretation


def image_format(path: Path) -> str | None:
    """Return `dicom`, `nifti` or PIL's name of the format (`png`, `jpeg`, `tiff`, `ppm`, ...); None if it is no image.

    Told by content, since collections name files as they like.
    """
    with path.open("rb") as file:
        head = file.read(352)
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                head = file.read(352)
        except (OSError, EOFError, zlib.error):
            return None
    if head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2"):
        return "nifti"
    try:
        with Image.open(path) as image:
            return str(image.format).lower()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def image_stem(path: Path) -> str:
    """Return a file's name without the suffix of an image; names that are UIDs have dots, but no suffix."""
    bare = Path(path.name.removesuffix(".gz"))
    suffix = bare.suffix.lower()
    return bare.stem if suffix in MEDICAL_SUFFIXES or suffix in Image.registered_extensions() else path.name


def image_size(path: Path) -> tuple[int, int]:
    """Return an image's columns and rows, from its header alone.

    Raises:
        InputError: the header does not say.
    """
    kind = image_format(path)
    try:
        if kind == "dicom":
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            return int(header.Columns), int(header.Rows)
        if kind == "nifti":
            columns, rows = _open_nifti(path).shape[:2]
            return int(columns), int(rows)
        with Image.open(path) as image:
            return image.size
    except Exception as error:
        raise InputError(f"{path}: its size cannot be read ({error}); the file is cut off or damaged") from error


class MammogramReader(ImageReader):
    """MONAI reader of mammograms and their masks, for `LoadImaged(reader="monai_rescunet.data.MammogramReader")`.

    Arrays are `(columns, rows)`, as MONAI's other readers have them. What those leave undone for mammograms is done:
    MONOCHROME1 is inverted (air is dark, tissue bright), the pixel spacing is taken from the attribute that holds it,
    and what is no single grey image is refused. The metadata has, beside MONAI's, `spacing` ((column, row) in mm,
    absent where unknown), `spacing_source`, and for DICOM `laterality`, `view` and `sop_instance_uid`; nothing that
    names a person is copied.

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

        Raises:
            InputError: a file is missing, unreadable, or no single grey image.
        """
        arrays, metas = zip(*(self._load(path) for path in img), strict=True)
        meta = metas[0]
        meta[MetaKeys.SPATIAL_SHAPE] = np.asarray(arrays[0].shape)
        meta[MetaKeys.ORIGINAL_AFFINE] = meta[MetaKeys.AFFINE].copy()
        meta[MetaKeys.ORIGINAL_CHANNEL_DIM] = float("nan") if len(arrays) == 1 else 0
        if len(arrays) == 1:
            return arrays[0], meta
        if len({array.shape for array in arrays}) > 1:
            raise InputError(f"{img[0]} and the files beside it have different sizes: {[a.shape for a in arrays]}")
        return np.stack(arrays), meta

    @staticmethod
    def _load(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file")
        kind = image_format(path)
        if kind is None:
            found = "it is empty" if path.stat().st_size == 0 else "it is none of the known formats, or cut off"
            raise InputError(f"{path}: {found}; expected DICOM, NIfTI, PNG, JPEG, TIFF or PGM")
        try:
            read = {"dicom": read_mammogram_dicom, "nifti": _read_nifti}.get(kind, _read_picture)
            array, meta = read(path)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InputError(f"{path}: holds NaN or infinite values; expected finite grey levels")
            return array, meta
        except InputError:
            raise
        except Exception as error:  # a decoder's own error says nothing of the file
            raise InputError(
                f"{path}: cannot be decoded as {kind} ({error}); the file is cut off or damaged"
            ) from error


def _read_picture(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InputError(f"{path}: holds {frames} frames; expected a single image: save the frame that counts")
        array = _grey(image, path)
    return array.T, {MetaKeys.AFFINE: np.eye(4), "spacing_source": "unknown"}


def _grey(image: Image.Image, path: Path) -> np.ndarray:
    """Return the grey levels, `(rows, columns)`; a colour image is one only if its channels agree everywhere."""
    if image.mode == "1":
        return np.asarray(image.convert("L"))  # 0 and 255
    if image.mode in GREY_MODES:
        array = np.asarray(image)
        tags = getattr(image, "tag_v2", {})
        if image.mode != "L" and tags.get(PHOTOMETRIC) == 0:  # white; Pillow inverts 8 bits alone
            if array.dtype.kind == "f":
                raise InputError(f"{path}: says that white is zero; expected black to be: save it with that")
            array = 2 ** tags[BITS][0] - 1 - array
        return array
    if image.mode == "P":
        indices = np.asarray(image)
        used, palette = np.unique(indices), np.asarray(image.getpalette("RGB")).reshape(-1, 3)
        told = len(np.unique(palette[used], axis=0)) == len(used) and (palette[used] == palette[used, :1]).all()
        if not told and used.max() <= UNDECIDED:  # a label map with colours to look at
            return indices
    channels = np.asarray(image.convert("RGBA"))
    if (channels[..., 3] != 255).any():
        raise InputError(f"{path}: has transparent pixels; expected a grey image without transparency")
    if (channels[..., :3] != channels[..., :1]).any():
        raise InputError(f"{path}: is a colour image (mode {image.mode}); expected grey levels: save it as one channel")
    return channels[..., 0]


def _open_nifti(path: Path) -> nibabel.Nifti1Image:
    """Return a NIfTI image whatever its file is called; `nibabel.load` goes by the suffix."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    nifti_class = nibabel.Nifti2Image if raw[4:7] in (b"n+2", b"ni2") else nibabel.Nifti1Image
    return nifti_class.from_bytes(raw)


def _read_nifti(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    image = _open_nifti(path)
    shape = image.shape
    if len(shape) < 2 or any(length != 1 for length in shape[2:]):
        raise InputError(f"{path}: has the shape {shape}; expected one slice, (columns, rows) or (columns, rows, 1)")
    array = np.asanyarray(image.dataobj).reshape(shape[:2])
    unit = image.header.get_xyzt_units()[0]
    meta: dict[str, Any] = {
        MetaKeys.AFFINE: np.asarray(image.affine), "nifti_shape": np.asarray(shape), "nifti_unit": unit
    }  # fmt: skip
    spacing = tuple(float(length) * NIFTI_UNITS.get(unit, 1.0) for length in image.header.get_zooms()[:2])
    # 1 mm is what the header holds when nobody knew
    if all(MIN_SPACING_MM <= length < MAX_SPACING_MM for length in spacing):
        meta |= {"spacing": np.asarray(spacing), "spacing_source": "nifti"}
    else:
        meta["spacing_source"] = "unknown"
    return array, meta
