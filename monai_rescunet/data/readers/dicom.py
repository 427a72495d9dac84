"""Read one mammogram from DICOM: its grey levels, air dark and tissue bright, and its pixel spacing with provenance."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from monai.utils import MetaKeys
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, SecondaryCaptureImageStorage

from monai_rescunet.core.errors import InputError

__all__ = ["MappedMammogram", "mammogram_picture", "pixel_spacing", "read_mammogram_dicom"]

logger = logging.getLogger(__name__)

MODALITIES = ("MG", "RG")  # RG: digitised film
MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 1.0  # a detector's pixels measure 0.05 to 0.1 mm, a film scanner's 0.04 to 0.2
SPACING_ROUNDING = 1e-3
MAX_MAGNIFICATION = 5.0
MAPPED_BYTES = 2**16  # of an element; smaller ones are read with the header
DECODERS = {
    "JPEG 2000": "pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls",
    "RLE": "pylibjpeg-rle",
    "JPEG Lossless": "python-gdcm",
    "JPEG": "pillow",
}


def read_mammogram_dicom(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a mammogram's stored values and what else is known of it.

    The stored values are those of the file, neither rescaled nor windowed; MONOCHROME1 is inverted within the bits
    stored. Copied are the laterality (0020,0062), the view (0018,5101) and the SOP Instance UID (0008,0018), nothing
    that names a person.

    Args:
        path: a DICOM file.

    Returns:
        The values, `(columns, rows)`, of the file's integer type, and the metadata: `affine`, as ITK has the image,
        `spacing` ((column, row) in mm, absent where unknown), `spacing_source`, `laterality`, `view`,
        `sop_instance_uid`.

    Raises:
        InputError: the file is damaged, no mammogram, multi-frame, in colour, without pixels, or no installed decoder
            reads its transfer syntax.
    """
    dataset = _open(path)
    pixels = _decode(dataset, path)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = _inverted(pixels, dataset)
    return pixels.T, _metadata(dataset)


class MappedMammogram:
    """A mammogram whose file is mapped into memory, so that a part of it costs no more than its own pixels.

    Args:
        dataset: the header.
        stored: the pixels as stored, `(rows, columns)`.

    Attributes:
        size: (columns, rows).
        meta: as `read_mammogram_dicom` gives it.
    """

    def __init__(self, dataset: pydicom.Dataset, stored: np.ndarray) -> None:
        self.size = stored.shape[1], stored.shape[0]
        self.meta = _metadata(dataset)
        self._dataset, self._stored = dataset, stored

    @classmethod
    def open(cls, path: Path) -> MappedMammogram | None:
        """Return a mammogram, or None if its pixels do not lie in the file as they are: compressed, signed or cut off.

        Raises:
            InputError: as `read_mammogram_dicom`.
        """
        try:
            return cls._map(path)
        except InputError:
            raise
        except Exception as error:  # pydicom's own errors of a damaged header say nothing of the file
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: cannot be read as DICOM ({reason}); the file is cut off or damaged") from error

    @classmethod
    def _map(cls, path: Path) -> MappedMammogram | None:
        dataset = _open(path, defer_size=MAPPED_BYTES)
        raw = dataset.get_item("PixelData", keep_deferred=True)
        bits, shape = int(dataset.BitsAllocated), (int(dataset.Rows), int(dataset.Columns))
        length = shape[0] * shape[1] * bits // 8
        plain = dataset.file_meta.TransferSyntaxUID in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        whole = raw.length >= length and path.stat().st_size >= raw.value_tell + length
        if not (plain and whole) or dataset.PixelRepresentation or bits not in (8, 16) or dataset.BitsStored > bits:
            return None
        return cls(dataset, np.memmap(path, f"<u{bits // 8}", "r", raw.value_tell, shape))

    def read(self, columns: slice, rows: slice) -> np.ndarray:
        """Return the values of a part, `(columns, rows)`, equal to those of `read_mammogram_dicom`."""
        pixels = np.array(self._stored[rows, columns])
        pixels &= (1 << self._dataset.BitsStored) - 1  # what lies above them is no grey: overlays in old files
        if self._dataset.PhotometricInterpretation == "MONOCHROME1":
            pixels = _inverted(pixels, self._dataset)
        return pixels.T


def _metadata(dataset: pydicom.Dataset) -> dict[str, Any]:
    spacing, source = pixel_spacing(dataset)
    meta: dict[str, Any] = {
        MetaKeys.AFFINE: _affine(dataset),
        "spacing_source": source,
        "laterality": str(dataset.get("ImageLaterality") or dataset.get("Laterality") or ""),
        "view": str(dataset.get("ViewPosition") or ""),
        "sop_instance_uid": str(dataset.get("SOPInstanceUID") or ""),
    }
    if spacing is not None:
        meta["spacing"] = np.asarray(spacing)
    return meta


def _affine(dataset: pydicom.Dataset) -> np.ndarray:
    """Return the geometry in which ITK, and so the viewers, have a mammogram, whatever its pixels measure in truth.

    It has neither position nor orientation, so it lies at the origin along DICOM's axes, left and posterior; an affine
    points right and anterior.
    """
    scanned = dataset.get("SOPClassUID") == SecondaryCaptureImageStorage
    keywords = ("PixelSpacing", "NominalScannedPixelSpacing") if scanned else ("ImagerPixelSpacing",)
    known = (lengths for word in keywords if len(lengths := _lengths(dataset, word)) == 2)
    row, column = next((lengths for lengths in known if all(0 < length < np.inf for length in lengths)), (1.0, 1.0))
    return np.diag([-column, -row, 1.0, 1.0])


def mammogram_picture(path: Path, stored: np.ndarray | None = None) -> np.ndarray:
    """Return a mammogram as its header says it is to be looked at, with its modality and VOI tables where that can be.

    Args:
        path: a DICOM file.
        stored: its values as `read_mammogram_dicom` gives them, where it has been read already; only the header is
            read then.

    Returns:
        Grey levels, `(columns, rows)`, of no fixed range, air dark and tissue bright.

    Raises:
        InputError: as `read_mammogram_dicom`.
    """
    dataset = _open(path, defer_size=None if stored is None else MAPPED_BYTES)
    picture = _decode(dataset, path) if stored is None else _as_stored(stored, dataset)
    try:
        rescaled = apply_modality_lut(picture, dataset)
        if "VOILUTSequence" in dataset:  # looked up by whole numbers
            rescaled = np.rint(rescaled).astype(np.int32)
        picture = apply_voi_lut(rescaled, dataset)
    except Exception as error:  # a window of no width, a table cut off
        logger.warning("%s: its window cannot be applied (%s); the picture shows the stored values", path, error)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        picture = picture.max() - picture
    return picture.T


def pixel_spacing(dataset: pydicom.Dataset) -> tuple[tuple[float, float] | None, str]:
    """Return the (column, row) spacing in mm, None if unknown, and where it comes from.

    In this order: `calibrated`, Pixel Spacing (0028,0030) that has a calibration type (0028,0A02) or differs by more
    than rounding from the two that follow (PS3.3, 10.7.1.3); `estimated`, Imager Pixel Spacing (0018,1164) over
    Estimated Radiographic Magnification Factor (0018,1114), in the patient's plane; `detector`, Imager Pixel Spacing
    alone; `film`, Nominal Scanned Pixel Spacing (0018,2010); `unspecified`, Pixel Spacing that stands alone; `unknown`.
    A value over 1 mm or below 0.01 mm, or another than two numbers, is no mammogram's, nor is a magnification below 1
    or over 5: it is logged and passed over.
    """
    pixel = _spacing(dataset, "PixelSpacing")
    imager = _spacing(dataset, "ImagerPixelSpacing")
    scanned = _spacing(dataset, "NominalScannedPixelSpacing")
    measured = [spacing for spacing in (imager, scanned) if spacing is not None]
    if pixel is not None:
        copied = any(np.allclose(pixel, spacing, rtol=SPACING_ROUNDING, atol=0) for spacing in measured)
        if dataset.get("PixelSpacingCalibrationType") or (measured and not copied):
            return pixel, "calibrated"
    if imager is not None:
        magnification = float(dataset.get("EstimatedRadiographicMagnificationFactor") or 0)
        if 1 <= magnification <= MAX_MAGNIFICATION:
            return (imager[0] / magnification, imager[1] / magnification), "estimated"
        if magnification:
            logger.warning("a magnification of %g is no mammogram's and is passed over", magnification)
        return imager, "detector"
    if scanned is not None:
        return scanned, "film"
    return pixel, "unknown" if pixel is None else "unspecified"


def _lengths(dataset: pydicom.Dataset, keyword: str) -> list[float]:
    value = dataset.get(keyword)
    if value is None:
        return []
    return [float(length) for length in (value if isinstance(value, MultiValue) else [value])]


def _spacing(dataset: pydicom.Dataset, keyword: str) -> tuple[float, float] | None:
    lengths = _lengths(dataset, keyword)
    if not lengths:
        return None
    if len(lengths) != 2 or not all(MIN_SPACING_MM <= length <= MAX_SPACING_MM for length in lengths):
        text = " x ".join(f"{length:g}" for length in lengths)
        logger.warning("%s of %s mm is no mammogram's and is passed over", keyword, text)
        return None
    row, column = lengths  # DICOM gives the distance between rows first
    return column, row


def _open(path: Path, defer_size: int | None = None) -> pydicom.Dataset:
    """Return a mammogram's dataset; what is larger than `defer_size` bytes is left in the file."""
    try:
        dataset = pydicom.dcmread(path, defer_size=defer_size)
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as DICOM ({error}); the file is cut off or damaged") from error
    modality = str(dataset.get("Modality", ""))
    if modality not in MODALITIES and dataset.get("SOPClassUID") != SecondaryCaptureImageStorage:
        raise InputError(
            f"{path}: Modality (0008,0060) is {modality!r}; expected a mammogram, {' or '.join(MODALITIES)}"
        )
    if "PixelData" not in dataset:
        raise InputError(f"{path}: has no Pixel Data (7FE0,0010); expected an image: export it again with its pixels")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise InputError(
            f"{path}: Number of Frames (0028,0008) is {frames}; expected a single image: "
            "tomosynthesis is not read, use the 2D or synthetic view"
        )
    photometric = dataset.get("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise InputError(
            f"{path}: Photometric Interpretation (0028,0004) is {photometric}; expected MONOCHROME1 or MONOCHROME2"
        )
    return dataset


def _decode(dataset: pydicom.Dataset, path: Path) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        return np.asarray(dataset.pixel_array)
    except Exception as error:  # each decoder raises its own
        package = next((package for name, package in DECODERS.items() if name in syntax.name), None)
        remedy = f"; if it is not installed, `pip install {package}`" if syntax.is_compressed and package else ""
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: the pixels ({syntax.name}) cannot be decoded{remedy} ({reason})") from error


def _as_stored(values: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """Return the pixels of the file, `(rows, columns)`, from what `read_mammogram_dicom` made of them."""
    pixels = values.T.astype(f"{'i' if dataset.PixelRepresentation else 'u'}{int(dataset.BitsAllocated) // 8}")
    return _inverted(pixels, dataset) if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels


def _inverted(pixels: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """Return MONOCHROME1 values with bright and dark exchanged, within the range that the bits stored can hold."""
    bits = int(dataset.BitsStored)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dataset.PixelRepresentation else (0, 2**bits - 1)
    return (low + high - pixels.astype(np.int64)).astype(pixels.dtype)
