from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import write_mammogram
from PIL import Image

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS
from monai_rescunet.dicom import content_of, to_secondary_capture


@pytest.fixture
def mammogram_of_size(tmp_path):
    """Write a mammogram of (columns, rows) pixels."""

    def write(size: tuple[int, int]) -> Path:
        study = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}
        return write_mammogram(tmp_path / "mammogram.dcm", np.zeros(size[::-1], np.uint16), **study)

    return write


def test_outlines_are_drawn_on_a_picture_of_the_images_size(mammogram, three_masses, tmp_path):
    source = mammogram()
    to_secondary_capture(source, three_masses).save_as(tmp_path / "sc.dcm")
    capture, image = pydicom.dcmread(tmp_path / "sc.dcm"), pydicom.dcmread(source)
    assert capture.pixel_array.shape == (60, 41, 3)
    assert (capture.pixel_array[30, 2] == COLOURS[CLASS_VALUES["malignant"]]).all(), "left of the first mass"
    assert capture.StudyInstanceUID == image.StudyInstanceUID
    assert (capture.PatientID, capture.PatientOrientation) == (image.PatientID, image.PatientOrientation)
    assert capture.BurnedInAnnotation == "YES"
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID


@pytest.mark.parametrize("size", [(5, 3), (41, 60), (33, 129)])
def test_its_pixels_are_the_pictures(mammogram_of_size, size, tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, size[::-1]).astype(np.uint8))
    picture.putpalette(np.random.default_rng(1).integers(0, 255, 768).tolist())
    capture = to_secondary_capture(mammogram_of_size(size), [], picture)
    (tmp_path / "sc.dcm").write_bytes(content_of(capture))
    assert isinstance(capture.PixelData, bytes)
    for read in (capture, pydicom.dcmread(tmp_path / "sc.dcm")):  # it is as it was when it has been written
        assert np.array_equal(read.pixel_array, np.asarray(picture.convert("RGB")))


def test_no_more_than_the_pixels_and_the_file_are_in_memory(mammogram_of_size):
    size = (1500, 2000)
    source, picture = mammogram_of_size(size), Image.new("P", size)
    content_of(to_secondary_capture(source, [], picture))  # highdicom reads its tables once
    tracemalloc.start()
    content_of(to_secondary_capture(source, [], picture))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2.2 * 3 * size[0] * size[1]


def test_a_picture_of_lossy_pixels_says_so(mammogram, three_masses):
    capture = to_secondary_capture(mammogram(LossyImageCompression="01", LossyImageCompressionRatio=20), three_masses)
    assert (capture.LossyImageCompression, capture.LossyImageCompressionRatio) == ("01", 20)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_air_is_dark(mammogram, three_masses, photometric):
    source = mammogram(PhotometricInterpretation=photometric)
    picture = to_secondary_capture(source, three_masses[1:2]).pixel_array[20:, :, 0].astype(float)
    stored = pydicom.dcmread(source).pixel_array[20:].astype(float)
    sign = -1 if photometric == "MONOCHROME1" else 1
    assert np.corrcoef(picture.ravel(), sign * stored.ravel())[0, 1] > 0.95


def test_a_source_without_orientation_gets_none(mammogram, three_masses):
    capture = to_secondary_capture(mammogram(PatientOrientation=None), three_masses)
    assert capture["PatientOrientation"].is_empty
