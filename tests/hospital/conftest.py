"""A hospital: its archive with mammograms in it, and MONAI Label's server that reads them from there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from label_phantoms import box_of
from label_server import LabelServer, free_port, label_app
from orthanc import Orthanc

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.data.phantoms.dicom import write_digital_mammogram
from monai_rescunet.data.phantoms.mammogram import draw_mammogram

SIZE, SPACING = (1280, 1664), 0.14

# servers end with their tests however these end
signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))


@dataclass
class Mammogram:
    """A mammogram of a made-up patient.

    Attributes:
        path: the DICOM file.
        header: its dataset.
        masks: of its benign and its malignant mass, bool, `(rows, columns)`.
    """

    path: Path
    header: pydicom.Dataset
    masks: list[np.ndarray]

    @property
    def series(self) -> str:
        """What MONAI Label calls the image."""
        return str(self.header.SeriesInstanceUID)

    @property
    def boxes(self) -> list[list[int]]:
        """Boxes round both masses, as somebody draws them."""
        return [box_of(mask) for mask in self.masks]


def write_patient(path: Path, seed: int, *, photometric: str) -> Mammogram:
    rng = np.random.default_rng(seed)
    phantom = draw_mammogram(rng, SIZE, SPACING, laterality="L", view="CC", masses=list(CLASS_VALUES))
    write_digital_mammogram(path, phantom, rng)
    dataset = pydicom.dcmread(path)
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "secret-17"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200102", "101112", "A17"
    if photometric == "MONOCHROME1":
        dataset.PhotometricInterpretation, dataset.PresentationLUTShape = photometric, "INVERSE"
        dataset.PixelData = (2**dataset.BitsStored - 1 - dataset.pixel_array).astype("<u2").tobytes()
    dataset.save_as(path)
    return Mammogram(path, pydicom.dcmread(path), [mass.mask for mass in phantom.masses])


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Iterator[Orthanc]:
    """The archive, empty."""
    archive = Orthanc(tmp_path_factory.mktemp("orthanc"))
    yield archive
    archive.stop()


@pytest.fixture(scope="session")
def mammograms(archive, tmp_path_factory) -> list[Mammogram]:
    """Mammograms in the archive, one of each photometric interpretation."""
    folder = tmp_path_factory.mktemp("mammograms")
    found = [
        write_patient(folder / f"{kind}.dcm", seed, photometric=kind)
        for seed, kind in enumerate(["MONOCHROME2", "MONOCHROME1"])
    ]
    archive.store(*(mammogram.path for mammogram in found))
    return found


@pytest.fixture(scope="session")
def server(archive, mammograms, tmp_path_factory) -> Iterator[LabelServer]:
    """MONAI Label's server, whose images are the archive's."""
    folder = tmp_path_factory.mktemp("server")
    server = LabelServer(
        label_app(folder / "app", archive.url, free_port()),
        folder / "server.log",
        MONAI_LABEL_DICOMWEB_CACHE_PATH=str(folder / "cache"),
    )
    yield server
    server.stop()
