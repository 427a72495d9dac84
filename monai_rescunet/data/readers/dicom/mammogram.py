"""Read one mammogram from DICOM, whole or only a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom.cells import decode
from monai_rescunet.data.readers.dicom.geometry import metadata
from monai_rescunet.data.readers.dicom.grey import Greys
from monai_rescunet.data.readers.dicom.header import open_dicom

__all__ = ["MappedMammogram", "read_mammogram_dicom"]

MAPPED_BYTES = 2**16  # of an element; smaller ones are read with the header


def read_mammogram_dicom(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a mammogram's grey levels, air dark and tissue bright, and what else is known of it.

    The grey levels are the stored values, neither rescaled nor windowed, in the direction in which the standard shows
    them (`Greys`). Copied are the laterality (0020,0062), the view (0018,5101) and the SOP Instance UID (0008,0018),
    nothing that names a person.

    Args:
        path: a DICOM file.

    Returns:
        The levels, `(columns, rows)`, of the file's integer type, and the metadata: `affine`, as ITK has the image,
        `geometry` (`plane` where the header has one, else `viewer`), `spacing` ((column, row) in mm, absent where
        unknown), `spacing_source`, `laterality`, `view`, `sop_instance_uid`, `remarks` (`view_remarks`), and where the
        header has a window or a table `picture_table`, uint8: how bright each level that the bits stored can hold is
        shown, from the darkest.

    Raises:
        InputError: the file is damaged, no mammogram, multi-frame, in colour, without pixels, no installed decoder
            reads its transfer syntax, or its bits contradict each other.
    """
    dataset = open_dicom(path)
    greys = Greys(dataset, path)
    meta, table = metadata(dataset), greys.picture_table()
    if table is not None:
        meta |= {"picture_table": table, "picture_low": greys.low}
    return greys.levels(decode(dataset, path)).T, meta


class MappedMammogram:
    """A mammogram whose file is mapped into memory, so that a part of it costs no more than its own pixels.

    Args:
        dataset: the header.
        greys: what the cells stand for.
        cells: as they lie in the file, `(rows, columns)`.

    Attributes:
        size: (columns, rows).
        meta: as `read_mammogram_dicom` gives it, without what pictures need.
    """

    def __init__(self, dataset: pydicom.Dataset, greys: Greys, cells: np.ndarray) -> None:
        self.size = cells.shape[1], cells.shape[0]
        self.meta = metadata(dataset)
        self._greys, self._cells = greys, cells

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
        dataset = open_dicom(path, defer_size=MAPPED_BYTES)
        greys = Greys(dataset, path)
        raw = dataset.get_item("PixelData", keep_deferred=True)
        shape = (int(dataset.Rows), int(dataset.Columns))
        length = shape[0] * shape[1] * greys.allocated // 8
        plain = dataset.file_meta.TransferSyntaxUID in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        whole = raw.length >= length and path.stat().st_size >= raw.value_tell + length
        if not (plain and whole) or greys.signed:
            return None
        return cls(dataset, greys, np.memmap(path, f"<u{greys.allocated // 8}", "r", raw.value_tell, shape))

    def read(self, columns: slice, rows: slice) -> np.ndarray:
        """Return the grey levels of a part, `(columns, rows)`, equal to those of `read_mammogram_dicom`.

        Raises:
            InputError: the part holds values that Bits Stored cannot.
        """
        return self._greys.levels(np.array(self._cells[rows, columns])).T
