"""Polarity, padding and bits: the grey levels of a DICOM file are those that the standard shows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from dicom_files import mammogram_dataset, write_mammogram
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalMammographyXRayImageStorageForProcessing, JPEG2000Lossless, RLELossless

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom import MappedMammogram, read_mammogram_dicom
from monai_rescunet.data.readers.mammogram import mammogram_picture, read_mammogram, to_picture
from monai_rescunet.transforms import ScaleBreastIntensity

PIXELS = np.random.default_rng(0).integers(0, 4096, (72, 64)).astype(np.uint16)
ALL = slice(None)


def table(values, name: str) -> Sequence:
    """Return a Modality or VOI LUT of 4096 entries of 12 bits."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 12])
    item.add_new("LUTData", "US", [int(value) for value in values])
    if name == "ModalityLUTSequence":
        item.ModalityLUTType = "US"
    return Sequence([item])


RISING, FALLING = np.arange(4096), np.arange(4096)[::-1]


def read_all_ways(path):
    """Return the grey levels, the picture, and check that a part is read as the whole is."""
    array, meta = read_mammogram_dicom(path)
    mapped = MappedMammogram.open(path)
    if mapped is not None:
        assert np.array_equal(mapped.read(ALL, ALL), array)
        assert np.array_equal(mapped.read(slice(2, 9), slice(3, 20)), array[2:9, 3:20])
    return array, to_picture(array, meta)


def agree(one, other) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


@pytest.mark.parametrize(
    ("attributes", "falls"),
    [
        ({"RescaleSlope": -1, "RescaleIntercept": 4095}, True),
        ({"RescaleSlope": "-0.5"}, True),
        ({"RescaleSlope": -1, "RescaleIntercept": 4095, "WindowCenter": 2048, "WindowWidth": 4096}, True),
        ({"RescaleSlope": 2, "RescaleIntercept": -7, "WindowCenter": 4096, "WindowWidth": 8192}, False),
        ({"ModalityLUTSequence": table(FALLING, "ModalityLUTSequence")}, True),
        ({"ModalityLUTSequence": table(RISING, "ModalityLUTSequence")}, False),
        ({"VOILUTSequence": table(FALLING, "VOILUTSequence")}, True),
        ({"VOILUTSequence": table(RISING, "VOILUTSequence")}, False),
        ({"VOILUTSequence": table(FALLING, "VOILUTSequence"), "RescaleSlope": -1, "RescaleIntercept": 4095}, False),
    ],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_polarity_is_that_of_the_whole_chain_in_network_and_picture(tmp_path, attributes, falls, photometric):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, PhotometricInterpretation=photometric, **attributes)
    dark = falls != (photometric == "MONOCHROME1")
    array, picture = read_all_ways(path)
    assert np.array_equal(array, (4095 - PIXELS if dark else PIXELS).T)
    assert agree(array, picture) > 0.99


def test_a_rescaling_that_is_no_number_is_refused_by_name(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = mammogram_dataset(PIXELS)
        dataset.add_new("RescaleSlope", "LO", "minus")
        dataset["RescaleSlope"].VR = "DS"
        dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        with pytest.raises(InputError, match=r"a\.dcm: its RescaleSlope is no number"):
            read_mammogram(tmp_path / "a.dcm")


@pytest.mark.parametrize(("sign", "falls"), [(1, True), (-1, False), (None, False)])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 4096}])
def test_for_processing_the_sign_of_intensity_says_where_tissue_is_dark(tmp_path, sign, falls, window):
    path = write_mammogram(
        tmp_path / "a.dcm", PIXELS, SOPClassUID=DigitalMammographyXRayImageStorageForProcessing,
        PresentationIntentType="FOR PROCESSING", PixelIntensityRelationshipSign=sign, **window,
    )  # fmt: skip
    array, picture = read_all_ways(path)
    assert np.array_equal(array, (4095 - PIXELS if falls else PIXELS).T)
    assert agree(array, picture) > 0.99


def test_a_table_cut_off_is_refused_since_nobody_knows_what_is_dark(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, VOILUTSequence=table(RISING[:100], "VOILUTSequence"))
    with pytest.raises(InputError, match=r"a\.dcm: its VOILUTSequence cannot be read \(100 of 4096 entries\)"):
        read_mammogram(path)


def test_for_presentation_the_sign_says_nothing(tmp_path):
    path = write_mammogram(
        tmp_path / "a.dcm", PIXELS, PresentationIntentType="FOR PRESENTATION", PixelIntensityRelationshipSign=1
    )
    assert np.array_equal(read_all_ways(path)[0], PIXELS.T)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("padding", "limit", "window"),
    [
        (0, None, {}),
        (4095, None, {}),
        (4000, 4095, {}),
        (4095, 4000, {}),
        (0, 50, {"WindowCenter": 2000, "WindowWidth": 3000}),
    ],
)
def test_padding_is_air_in_network_and_picture(tmp_path, photometric, padding, limit, window):
    pixels = np.clip(PIXELS, 100, 3900)
    pixels[:, :6] = padding
    if limit is not None:
        pixels[:, 3:6] = limit
    path = write_mammogram(
        tmp_path / "a.dcm", pixels, PhotometricInterpretation=photometric, PixelPaddingValue=padding,
        PixelPaddingRangeLimit=limit, **window,
    )  # fmt: skip
    array, picture = read_all_ways(path)
    assert (array[:6] == 0).all()
    assert (picture[:6] == 0).all()
    kept = pixels[:, 6:].T
    assert np.array_equal(array[6:], 4095 - kept if photometric == "MONOCHROME1" else kept)
    scaled = ScaleBreastIntensity()
    import torch

    alone = scaled(torch.from_numpy(array[6:].astype(np.float32))[None])
    beside = scaled(torch.from_numpy(array.astype(np.float32))[None])
    assert torch.allclose(beside[:, 6:], alone, atol=0.02)


def test_padding_of_signed_pixels_may_be_written_unsigned(tmp_path):
    pixels = PIXELS.astype(np.int16) - 2000
    pixels[:3] = -2048
    dataset = mammogram_dataset(pixels, PhotometricInterpretation="MONOCHROME1")
    dataset.add_new("PixelPaddingValue", "US", 63488)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert (read_mammogram_dicom(tmp_path / "a.dcm")[0][:, :3] == -2048).all()


def test_padding_that_bits_stored_cannot_hold_is_padding_all_the_same(tmp_path):
    pixels = PIXELS.copy()
    pixels[:5] = 65535
    path = write_mammogram(tmp_path / "a.dcm", pixels, PixelPaddingValue=65535)
    array, _ = read_all_ways(path)
    assert (array[:, :5] == 0).all()
    assert np.array_equal(array[:, 5:], PIXELS[5:].T)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_a_high_bit_above_is_shifted_down(tmp_path, photometric, syntax):
    dataset = mammogram_dataset(PIXELS << 4, HighBit=15, PhotometricInterpretation=photometric)
    if syntax:
        dataset.compress(syntax)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    array, _ = read_all_ways(tmp_path / "a.dcm")
    assert np.array_equal(array, (4095 - PIXELS if photometric == "MONOCHROME1" else PIXELS).T)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
def test_an_overlay_in_unused_bits_is_no_grey_whatever_the_compression(tmp_path, photometric, syntax):
    overlaid = PIXELS | (np.arange(PIXELS.size, dtype=np.uint16).reshape(PIXELS.shape) % 3 == 0).astype(np.uint16) << 12
    dataset = mammogram_dataset(overlaid, overlay=12, PhotometricInterpretation=photometric)
    if syntax == JPEG2000Lossless:  # whose encoder takes no more bits than it is told
        dataset.BitsStored, dataset.HighBit = 16, 15
    if syntax:
        dataset.compress(syntax)
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    array, _ = read_all_ways(tmp_path / "a.dcm")
    assert np.array_equal(array, (4095 - PIXELS if photometric == "MONOCHROME1" else PIXELS).T)


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_values_that_bits_stored_cannot_hold_are_refused(tmp_path, kind):
    pixels = PIXELS.astype(kind)
    pixels[3, 4] = 9000
    path = write_mammogram(tmp_path / "a.dcm", pixels, PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(InputError, match=r"a\.dcm: holds the value 9000, which 12 Bits Stored"):
        read_mammogram_dicom(path)
    if kind == np.uint16:
        with pytest.raises(InputError, match="holds the value 9000"):
            MappedMammogram.open(path).read(ALL, ALL)


def test_signed_values_may_fill_their_unused_bits_with_zeros(tmp_path):
    signed = PIXELS.astype(np.int16) - 2048
    path = write_mammogram(tmp_path / "a.dcm", signed, PixelData=(signed & 0xFFF).astype("<u2").tobytes())
    assert np.array_equal(read_mammogram_dicom(path)[0], signed.T)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"BitsAllocated": 32}, "Bits Allocated .* is 32; expected 8 or 16"),
        ({"HighBit": 5}, "High Bit .* is 5; expected bits within the 16 allocated"),
        ({"BitsStored": 17}, "Bits Stored .* is 17"),
        ({"BitsStored": 0}, "Bits Stored .* is 0"),
    ],
)
def test_bits_that_contradict_each_other_are_refused(tmp_path, attributes, message):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, **attributes)
    for read in (read_mammogram, MappedMammogram.open):
        with pytest.raises(InputError, match=message):
            read(path)


def test_a_window_wider_than_the_image_leaves_the_picture_grey(tmp_path):
    """By PS3.3 C.11.2: a window of twice the range shows the whole range in half the greys."""
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, WindowCenter=2048, WindowWidth=8192)
    picture = mammogram_picture(path)
    assert picture.dtype == np.uint8
    assert 62 <= picture.min() <= 66
    assert 189 <= picture.max() <= 193


def test_a_picture_of_a_part_is_that_part_of_the_picture(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, WindowCenter=2048, WindowWidth=1000)
    array, meta = read_mammogram(path)
    assert np.array_equal(to_picture(array[2:5, 3:9], meta), mammogram_picture(path)[2:5, 3:9])


def test_signed_levels_have_a_picture(tmp_path):
    signed = PIXELS.astype(np.int16) - 2048
    for window in ({}, {"WindowCenter": 0, "WindowWidth": 4096}):
        array, picture = read_all_ways(write_mammogram(tmp_path / "a.dcm", signed, **window))
        assert np.array_equal(array, signed.T)
        assert agree(array, picture) > 0.99


@pytest.mark.parametrize(("shape", "photometric"), [("INVERSE", "MONOCHROME2"), ("IDENTITY", "MONOCHROME1")])
def test_a_presentation_lut_that_contradicts_the_photometric_interpretation_is_told(
    tmp_path, caplog, shape, photometric
):
    for told in (shape, {"INVERSE": "IDENTITY", "IDENTITY": "INVERSE"}[shape]):
        caplog.clear()
        path = write_mammogram(
            tmp_path / "a.dcm", PIXELS, PhotometricInterpretation=photometric, PresentationLUTShape=told
        )
        read_mammogram(path)
        assert (f"Presentation LUT Shape (2050,0020) {told} contradicts {photometric}" in caplog.text) == (
            told == shape
        )
