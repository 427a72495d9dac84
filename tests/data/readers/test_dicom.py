from __future__ import annotations

import contextlib

import numpy as np
import pytest
from dicom_files import mammogram_dataset, write_mammogram
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import MammogramReader
from monai_rescunet.data.readers.dicom import MappedMammogram, pixel_spacing, read_mammogram_dicom
from monai_rescunet.data.readers.mammogram import image_size, mammogram_picture

PIXELS = np.random.default_rng(0).integers(0, 4096, (6, 4)).astype(np.uint16)


def test_arrays_are_columns_by_rows_of_stored_values(tmp_path):
    array, meta = read_mammogram_dicom(write_mammogram(tmp_path / "a.dcm", PIXELS))
    assert np.array_equal(array, PIXELS.T)
    assert (meta["laterality"], meta["view"]) == ("L", "MLO")


def test_monochrome1_is_inverted_within_the_bits_stored(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_mammogram_dicom(path)[0], 4095 - PIXELS.T)


def test_signed_monochrome1_is_inverted_too(tmp_path):
    pixels = (PIXELS.astype(np.int16) - 2048).astype(np.int16)
    path = write_mammogram(tmp_path / "a.dcm", pixels, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_mammogram_dicom(path)[0], -1 - pixels.T)


def test_stored_values_are_neither_rescaled_nor_windowed(tmp_path):
    path = write_mammogram(
        tmp_path / "a.dcm", PIXELS, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=100, WindowWidth=50
    )
    assert np.array_equal(read_mammogram_dicom(path)[0], PIXELS.T)
    assert len(np.unique(mammogram_picture(path))) < len(np.unique(PIXELS))


def test_the_pictures_window_is_that_of_rescaled_values(tmp_path):
    """Slope 2 and a window from 3500 to 4500: stored values up to 1750 are black, and from 2250 on white."""
    path = write_mammogram(
        tmp_path / "a.dcm", PIXELS, RescaleSlope=2, RescaleIntercept=0, WindowCenter=4000, WindowWidth=1000
    )
    picture = mammogram_picture(path)
    assert (picture[PIXELS.T < 1750] == picture.min()).all()
    assert (picture[PIXELS.T > 2250] == picture.max()).all()
    assert (PIXELS < 1750).any() and (PIXELS > 2250).any()


def test_a_window_of_no_width_is_not_applied_to_the_picture(tmp_path, caplog):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, WindowCenter=2000, WindowWidth=0)
    assert np.corrcoef(mammogram_picture(path).ravel(), PIXELS.T.ravel())[0, 1] > 0.99
    assert "a.dcm: its window cannot be applied" in caplog.text


def test_nothing_that_names_a_person_is_copied(tmp_path):
    _, meta = read_mammogram_dicom(write_mammogram(tmp_path / "a.dcm", PIXELS))
    assert "Doe" not in repr(meta)
    assert "secret" not in repr(meta)


@pytest.mark.parametrize(
    ("attributes", "columns", "rows"),
    [
        ({}, 1, 1),
        ({"ImagerPixelSpacing": [0.07, 0.08]}, 0.08, 0.07),
        ({"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06]}, 0.08, 0.07),
        ({"ImagerPixelSpacing": [0.07, 0.08], "EstimatedRadiographicMagnificationFactor": 1.5}, 0.08, 0.07),
        ({"PixelSpacing": [0.05, 0.06]}, 1, 1),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "PixelSpacing": [0.05, 0.06]}, 0.06, 0.05),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "NominalScannedPixelSpacing": [0.05, 0.06]}, 0.06, 0.05),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "ImagerPixelSpacing": [0.05, 0.06]}, 1, 1),
        ({"ImagerPixelSpacing": [0.07]}, 1, 1),
    ],
)
def test_the_affine_is_the_geometry_in_which_itk_reads_the_file(tmp_path, attributes, columns, rows):
    """As SimpleITK 2.5 reads these headers: direction 1, so left and posterior; an affine has right and anterior."""
    _, meta = read_mammogram_dicom(write_mammogram(tmp_path / "a.dcm", PIXELS, **attributes))
    assert np.allclose(meta["affine"], np.diag([-columns, -rows, 1, 1]))


@pytest.mark.parametrize(
    ("attributes", "spacing", "source"),
    [
        ({}, None, "unknown"),
        ({"ImagerPixelSpacing": [0.07, 0.08]}, (0.08, 0.07), "detector"),
        ({"PixelSpacing": [0.05, 0.05], "ImagerPixelSpacing": [0.07, 0.07]}, (0.05, 0.05), "calibrated"),
        ({"PixelSpacing": [0.07, 0.07], "ImagerPixelSpacing": [0.07, 0.07]}, (0.07, 0.07), "detector"),
        (
            {
                "PixelSpacing": [0.07, 0.07],
                "ImagerPixelSpacing": [0.07, 0.07],
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            (0.07, 0.07),
            "calibrated",
        ),
        ({"PixelSpacing": [0.06, 0.05]}, (0.05, 0.06), "unspecified"),
        ({"PixelSpacing": [0.05, 0.05], "NominalScannedPixelSpacing": [0.05, 0.05]}, (0.05, 0.05), "film"),
        ({"PixelSpacing": [0.04, 0.04], "NominalScannedPixelSpacing": [0.05, 0.05]}, (0.04, 0.04), "calibrated"),
        ({"PixelSpacing": [0.05, 0.05], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.05, 0.05), "calibrated"),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.25},
            (0.08, 0.08),
            "estimated",
        ),
        (
            {
                "PixelSpacing": [0.09409, 0.09409],
                "ImagerPixelSpacing": [0.0940909, 0.0940909],
                "EstimatedRadiographicMagnificationFactor": 2,
            },
            (0.04704545, 0.04704545),
            "estimated",
        ),
        ({"PixelSpacing": [74.7, 46.6], "ImagerPixelSpacing": [0.094, 0.094]}, (0.094, 0.094), "detector"),
        ({"NominalScannedPixelSpacing": [0.05, 0.05]}, (0.05, 0.05), "film"),
        ({"PixelSpacing": [25, 25]}, None, "unknown"),
        ({"PixelSpacing": [0, 0]}, None, "unknown"),
        ({"PixelSpacing": [0.5, 0.05]}, None, "unknown"),
        ({"PixelSpacing": [0.05, 0.5], "ImagerPixelSpacing": [0.09, 0.18]}, (0.18, 0.09), "detector"),
        ({"PixelSpacing": [1e-9, 1e-9]}, None, "unknown"),
        ({"PixelSpacing": ["nan", "inf"]}, None, "unknown"),
        ({"PixelSpacing": [0.07], "ImagerPixelSpacing": [0.094, 0.094]}, (0.094, 0.094), "detector"),
        *(
            (
                {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": factor},
                (0.1, 0.1),
                "detector",
            )
            for factor in (0, -1, 0.5, 1e9, "nan")
        ),
    ],
)
def test_spacing_is_taken_from_the_attribute_that_holds_it(attributes, spacing, source):
    dataset = mammogram_dataset(PIXELS, **attributes)
    found, where = pixel_spacing(dataset)
    assert where == source
    assert found == (spacing if spacing is None else pytest.approx(spacing))


def test_secondary_capture_of_a_film_is_read(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, SOPClassUID=SecondaryCaptureImageStorage, Modality="OT")
    assert np.array_equal(read_mammogram_dicom(path)[0], PIXELS.T)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Modality": "CT"}, r"Modality \(0008,0060\) is 'CT'; expected a mammogram"),
        ({"NumberOfFrames": 30}, "Number of Frames .* is 30; .*tomosynthesis"),
        ({"PixelData": None}, "has no Pixel Data"),
        ({"PhotometricInterpretation": "RGB"}, "Photometric Interpretation .* is RGB"),
    ],
)
def test_what_is_no_single_mammogram_is_refused(tmp_path, attributes, message):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, **attributes)
    with pytest.raises(InputError, match=message) as raised:
        MammogramReader().get_data([path])
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("length", [140, 200, 600])
def test_a_file_cut_off_is_refused(tmp_path, length):
    path = write_mammogram(tmp_path / "a.dcm", np.zeros((100, 100), np.uint16))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"a\.dcm"):
        MammogramReader().get_data([path])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path, data):
    """Bytes taken out, put in and changed in a valid file: never another error than the one for bad input."""
    path = write_mammogram(
        tmp_path / "a.dcm", PIXELS, PhotometricInterpretation="MONOCHROME1", ImagerPixelSpacing=[0.07, 0.07],
        EstimatedRadiographicMagnificationFactor=1.25, NumberOfFrames=1, SOPInstanceUID="1.2.3",
    )  # fmt: skip
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    path.write_bytes(bytes(raw))
    try:
        array, _ = MammogramReader().get_data([path])
    except InputError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
    else:
        assert array.ndim == 2
    with contextlib.suppress(InputError):
        image_size(path)
    with contextlib.suppress(InputError):
        mapped = MappedMammogram.open(path)
        assert mapped is None or mapped.read(slice(0, 2), slice(0, 2)).ndim == 2


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_mapped_pixels_are_those_of_the_whole_without_an_overlay_in_their_unused_bits(tmp_path, photometric):
    pixels = PIXELS | (np.arange(24, dtype=np.uint16).reshape(6, 4) % 2 << 12)
    path = write_mammogram(tmp_path / "a.dcm", pixels, overlay=12, PhotometricInterpretation=photometric)
    whole, _ = read_mammogram_dicom(path)
    assert whole.max() < 4096
    assert np.array_equal(MappedMammogram.open(path).read(slice(1, 4), slice(2, 6)), whole[1:4, 2:6])


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ("Rows", r"Rows \(0028,0010\)"),
        ("BitsStored", r"Bits Stored \(0028,0101\)"),
        ("PixelRepresentation", r"Pixel Representation \(0028,0103\)"),
    ],
)
def test_a_header_without_what_pixels_need_is_refused_by_name(tmp_path, keyword, said):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, **{keyword: None})
    for read in (read_mammogram_dicom, MappedMammogram.open):
        with pytest.raises(InputError, match=rf"a\.dcm: has no {said}, without which its pixels mean nothing"):
            read(path)


def test_real_files_load(real_data):
    reader = MammogramReader()
    for name, shape, source in (
        ("MG1_J2KI.dcm", (3064, 4664), "unknown"),
        ("MG-Im-GE_Seno_1_ForProcessing.dcm", (2, 1), "estimated"),
        ("MG-Im-GE_Seno_1_ForPresentation.dcm", (2, 1), "estimated"),
    ):
        array, meta = reader.get_data([real_data / "mg_dicom" / name])
        assert array.shape == shape
        assert meta["spacing_source"] == source
    assert meta["spacing"] == pytest.approx([0.09409, 0.09409], abs=1e-5)


def test_an_empty_dataset_has_no_spacing():
    assert pixel_spacing(Dataset()) == (None, "unknown")
