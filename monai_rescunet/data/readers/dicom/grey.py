"""From the cells of a DICOM image to grey levels, air dark and tissue bright: PS3.5, 8.1.1 and PS3.3, C.11.1."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_windowing
from pydicom.uid import DigitalMammographyXRayImageStorageForProcessing, RLELossless

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom.header import finite, lengths, sop_class

__all__ = ["Greys"]

logger = logging.getLogger(__name__)

OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
SHAPES = {"IDENTITY": "MONOCHROME2", "INVERSE": "MONOCHROME1"}  # the one that goes with each (PS3.3, C.8.11.3)
FAR = 1e7  # beyond every stored value, so that a window shows there its darkest and its brightest


class Greys:
    """What the stored values of an image stand for.

    The network's grey levels are the stored values, as fine as they are, neither rescaled nor windowed; only their
    direction is that of the whole chain by which the standard shows them, Modality LUT or rescaling, VOI LUT,
    MONOCHROME1. Of an image FOR PROCESSING, which is none to look at, Pixel Intensity Relationship Sign (0028,1041)
    decides where it is given: +1 has tissue dark. Padding (0028,0120 and 0028,0121) is the darkest level.

    Args:
        dataset: what `open_dicom` returned.
        path: of the file, for messages.

    Attributes:
        low, high: the least and the largest value that Bits Stored can hold.
        inverted: whether large stored values are dark.

    Raises:
        InputError: bits that contradict each other, or a rescaling that is no number.
    """

    def __init__(self, dataset: pydicom.Dataset, path: Path) -> None:
        self.dataset, self.path = dataset, path
        self.allocated, self.bits = int(dataset.BitsAllocated), int(dataset.BitsStored)
        self.shift = int(dataset.get("HighBit", self.bits - 1)) + 1 - self.bits
        self.signed = bool(dataset.PixelRepresentation)
        if self.allocated not in (8, 16):
            raise InputError(f"{path}: Bits Allocated (0028,0100) is {self.allocated}; expected 8 or 16: export it so")
        if self.bits < 1 or self.shift < 0 or self.bits + self.shift > self.allocated:
            raise InputError(
                f"{path}: Bits Stored (0028,0101) is {self.bits} and High Bit (0028,0102) is "
                f"{self.bits + self.shift - 1}; expected bits within the {self.allocated} allocated: correct them"
            )
        syntax = dataset.file_meta.TransferSyntaxUID
        if self.shift and syntax.is_encapsulated and syntax != RLELossless:
            raise InputError(
                f"{path}: High Bit (0028,0102) is {self.bits + self.shift - 1} of {self.bits} Bits Stored (0028,0101), "
                f"which {syntax.name} does not know: export it uncompressed"
            )
        self.low, self.high = (
            (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)
        )
        self.padding = self._padding()
        self.inverted = self._inverted()
        shape, photometric = str(dataset.get("PresentationLUTShape") or ""), dataset.PhotometricInterpretation
        if shape in SHAPES and SHAPES[shape] != photometric:
            logger.warning(
                "%s: Presentation LUT Shape (2050,0020) %s contradicts %s, which is followed", path, shape, photometric
            )

    def levels(self, cells: np.ndarray) -> np.ndarray:
        """Return the network's grey levels of cells as `decode` gives them, or of a part: of their shape and bytes.

        Raises:
            InputError: they hold values that Bits Stored cannot, and no overlay that would explain them.
        """
        values, padded = self._stored(cells)
        if self.inverted:  # low + high - values
            values = np.bitwise_xor(values, values.dtype.type(-1 if self.signed else self.high))
        if padded is not None:
            values = values if values.flags.writeable else values.copy()
            values[padded] = self.low
        return values

    def picture_table(self) -> np.ndarray | None:
        """Return how bright each of the network's levels, from `low` to `high`, is shown, uint8; None if as it is."""
        table = self._shown()
        if table is None:
            return None
        levels = table[::-1] if self.inverted else table
        if np.cov(levels, np.arange(len(levels)))[0, 1] < 0:  # FOR PROCESSING, shown with tissue dark
            levels = 255 - levels
        levels = np.rint(levels).astype(np.uint8)
        if self.padding is not None:
            levels[0] = 0
        return levels

    def _stored(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the values in the cells, and where they are padding (None where that needs no change)."""
        padded = None
        if self.padding is not None and not self._holds(*self.padding):
            padded = self._between(cells, *self.padding)
        unsigned = cells.view(f"u{cells.dtype.itemsize}") >> self.shift if self.shift else cells
        size = 8 * cells.dtype.itemsize
        if self.bits == size:
            values = unsigned
        elif self.signed:
            wide = unsigned.view(f"i{cells.dtype.itemsize}")
            values = (wide << (size - self.bits)) >> (size - self.bits)
            zeros = (wide & ((1 << self.bits) - 1)) == wide
            self._check((values != wide) & ~zeros, wide, padded)
        else:
            mask = unsigned.dtype.type((1 << self.bits) - 1)
            values = unsigned
            if values.size and values.max() > mask:
                self._check(values > mask, values, padded)
                values = values & mask
        if self.padding is not None and padded is None and not self._is_darkest(*self.padding):
            padded = self._between(values, *self.padding)
        return values, padded

    def _check(self, beyond: np.ndarray, values: np.ndarray, padded: np.ndarray | None) -> None:
        """Refuse values that cannot be held, unless they are padding or have an overlay in their unused bits."""
        if padded is not None:
            beyond &= ~padded
        if not beyond.any() or any((group, 0x0102) in self.dataset for group in OVERLAY_GROUPS):
            return
        raise InputError(
            f"{self.path}: holds the value {values[beyond].max()}, which {self.bits} Bits Stored (0028,0101) cannot, "
            "and no overlay (60xx,0102) that would explain it: correct Bits Stored"
        )

    def _padding(self) -> tuple[int, int] | None:
        """Return the least and the largest value of padding."""
        bounds = []
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
            number = next(iter(lengths(self.dataset, keyword)), None)
            if number is not None:
                value, half = int(number), 1 << self.allocated - 1
                if self.signed and value >= half:  # written as the other kind of 16 bits
                    value -= 2 * half
                bounds.append(value + 2 * half if value < 0 and not self.signed else value)
            elif not bounds:
                return None
        return min(bounds), max(bounds)

    def _holds(self, least: int, largest: int) -> bool:
        return self.low <= least and largest <= self.high

    def _is_darkest(self, least: int, largest: int) -> bool:
        return least == largest == (self.high if self.inverted else self.low)

    @staticmethod
    def _between(values: np.ndarray, least: int, largest: int) -> np.ndarray:
        return values == least if least == largest else (values >= least) & (values <= largest)

    def _inverted(self) -> bool:
        dataset = self.dataset
        intent = str(dataset.get("PresentationIntentType") or "").strip()
        raw = intent == "FOR PROCESSING" or (
            not intent and sop_class(dataset) == DigitalMammographyXRayImageStorageForProcessing
        )
        sign = next(iter(lengths(dataset, "PixelIntensityRelationshipSign")), 0)
        if raw and sign in (1, -1):
            return sign > 0
        if dataset.get("ModalityLUTSequence") or dataset.get("VOILUTSequence"):
            shown = self._shown()
            if shown is not None:
                return bool(np.cov(shown, np.arange(len(shown)))[0, 1] < 0)
        falls = (self._rescaling()[0] < 0) != (dataset.PhotometricInterpretation == "MONOCHROME1")
        return bool(falls)

    def _rescaling(self) -> tuple[float, float]:
        """Return slope and intercept (0028,1053 and 0028,1052)."""
        if self.dataset.get("ModalityLUTSequence"):
            return 1.0, 0.0
        numbers = []
        for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
            if not self.dataset.get_item(keyword) or self.dataset.get_item(keyword).value in (None, b"", ""):
                numbers.append(default)
                continue
            number = finite(lengths(self.dataset, keyword), 1)
            if number is None or (keyword == "RescaleSlope" and number[0] == 0):
                raise InputError(f"{self.path}: its {keyword} is no number to rescale with: correct it")
            numbers.append(float(number[0]))
        return numbers[0], numbers[1]

    def _shown(self) -> np.ndarray | None:
        """Return how bright each stored value, from `low` to `high`, is shown, in [0, 255]; None if in proportion."""
        tables = [self._table(name) for name in ("ModalityLUTSequence", "VOILUTSequence")]
        modality, voi = tables
        if modality is None and voi is None and "WindowCenter" not in self.dataset:
            return None
        slope, intercept = self._rescaling()
        values = np.arange(self.low, self.high + 1) * slope + intercept
        values = values if modality is None else _looked_up(values, *modality)
        ends = values
        if voi is not None:
            values = _looked_up(values, *voi)
            ends = values
        elif "WindowCenter" in self.dataset:
            windowed = self._windowed(np.append(values, (-FAR, FAR)))
            if windowed is None and modality is None:
                return None
            if windowed is not None:
                ends, values = windowed, windowed[:-2]
        if values.min() == values.max():
            logger.warning("%s: its window shows one grey; the picture shows the stored values", self.path)
            return None
        shown = (values - ends.min()) / (ends.max() - ends.min()) * 255
        return 255 - shown if self.dataset.PhotometricInterpretation == "MONOCHROME1" else shown

    def _windowed(self, values: np.ndarray) -> np.ndarray | None:
        """Return values by the window, None if it is none: of no width, or text."""
        dataset = pydicom.Dataset()
        # rescaling is done, so that the range of the result is none of its business
        dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 16, 0
        try:
            for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction"):
                if keyword in self.dataset:
                    dataset[keyword] = self.dataset[keyword]
            with np.errstate(over="ignore"):  # of a sigmoid
                return np.asarray(apply_windowing(values, dataset), dtype=float)
        except Exception as error:  # pydicom raises many kinds
            reason = " ".join(str(error).split())
            logger.warning(
                "%s: its window cannot be applied (%s); the picture shows the stored values", self.path, reason
            )
            return None

    def _table(self, name: str) -> tuple[int, np.ndarray] | None:
        """Return the first value that a lookup table maps, and what it maps to.

        Raises:
            InputError: it is cut off: without it nobody knows what is dark.
        """
        item = next(iter(self.dataset.get(name) or ()), None)
        if item is None:
            return None
        try:
            entries, first, _ = (int(number) for number in item.LUTDescriptor)
            entries = entries or 1 << 16
            data = item["LUTData"].value
            if isinstance(data, bytes):
                order = "<" if self.dataset.original_encoding[1] else ">"
                values = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * entries else np.uint8)
            else:
                values = np.atleast_1d(np.asarray(data))
            if len(values) < entries:
                raise ValueError(f"{len(values)} of {entries} entries")
        except Exception as error:  # pydicom raises many kinds
            reason = " ".join(str(error).split())
            raise InputError(f"{self.path}: its {name} cannot be read ({reason}); export the image again") from error
        if self.signed and first >= 1 << 15:  # written as the other kind of 16 bits
            first -= 1 << 16
        return first, values[:entries].astype(float)


def _looked_up(values: np.ndarray, first: int, table: np.ndarray) -> np.ndarray:
    """Return values by a lookup table; what lies beside it is mapped as its ends (PS3.3, C.11.1.1.1)."""
    return table[np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)]
