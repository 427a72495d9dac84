"""Pixels of any transfer syntax are decoded, or it is said why not and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import mammogram_dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom import cells, read_mammogram_dicom

PIXELS = np.random.default_rng(0).integers(0, 4096, (6, 4)).astype(np.uint16)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_compressed_pixels_decode(tmp_path, syntax):
    pixels = np.tile(PIXELS, (12, 20))
    dataset = mammogram_dataset(pixels)
    dataset.compress(syntax)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(read_mammogram_dicom(tmp_path / "a.dcm")[0], pixels.T)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_stream_that_a_transfer_left_as_zeros_is_refused(tmp_path, monkeypatch, syntax):
    """Also where a decoder makes something of it, as OpenJPEG does of some."""
    pixels = np.random.default_rng(0).integers(0, 4096, (60, 80)).astype(np.uint16)
    dataset = mammogram_dataset(pixels)
    dataset.compress(syntax)
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([stream[:4000] + bytes(len(stream) - 4000)])
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"a\.dcm: .*cut off or damaged"):
        read_mammogram_dicom(tmp_path / "a.dcm")
    monkeypatch.setattr(cells, "pixel_array", lambda *args, **kwargs: pixels)
    with pytest.raises(InputError, match=r"a\.dcm: its pixels .* have no end: the file is cut off or damaged"):
        read_mammogram_dicom(tmp_path / "a.dcm")


def test_decoders_that_fail_log_no_traceback(tmp_path, caplog):
    dataset = mammogram_dataset(np.tile(PIXELS, (12, 20)))
    dataset.compress(JPEG2000Lossless)
    dataset.PixelData = encapsulate([b"no stream "])
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="of a kind that"):
        read_mammogram_dicom(tmp_path / "a.dcm")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("syntax", ["1.2.840.113619.5.2", "1.2.840.10008.1.2.4.102"])
def test_a_transfer_syntax_that_nobody_decodes_is_told(tmp_path, syntax):
    dataset, path = mammogram_dataset(np.tile(PIXELS, (12, 20))), tmp_path / "a.dcm"
    dataset.compress(JPEG2000Lossless)
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=True)
    with pytest.raises(InputError, match=r"a\.dcm: .*no decoder is known, export the file uncompressed"):
        read_mammogram_dicom(path)


def test_a_stream_that_contradicts_the_header_about_the_sign_is_warned_of(tmp_path, caplog):
    dataset = mammogram_dataset(np.tile(PIXELS, (12, 20)))
    dataset.compress(JPEG2000Lossless)
    for signed in (0, 1):
        dataset.PixelRepresentation = signed
        dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        read_mammogram_dicom(tmp_path / "a.dcm")
        assert ("says that values have no sign" in caplog.text) == bool(signed)


def test_a_transfer_syntax_without_decoder_names_the_package(tmp_path):
    dataset = mammogram_dataset(PIXELS)
    dataset.compress(RLELossless)
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"JPEG Lossless.*pip install python-gdcm"):
        read_mammogram_dicom(tmp_path / "a.dcm")
