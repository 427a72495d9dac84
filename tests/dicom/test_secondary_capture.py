from __future__ import annotations

import numpy as np
import pydicom
import pytest

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS
from monai_rescunet.dicom import to_secondary_capture


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
