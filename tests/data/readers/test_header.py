"""Headers of public collections: what is missing is not something else, what is no number is passed over."""

from __future__ import annotations

import warnings

import numpy as np
import pydicom
import pytest
from dicom_files import mammogram_dataset, write_mammogram
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom import pixel_spacing
from monai_rescunet.data.readers.mammogram import image_format, image_size, read_mammogram, why_unreadable

PIXELS = np.random.default_rng(0).integers(0, 4096, (6, 4)).astype(np.uint16)


@pytest.mark.parametrize("missing", [("Modality",), ("SOPClassUID",), ("Modality", "SOPClassUID")])
@pytest.mark.parametrize("manufacturer", [None, ""])
def test_what_is_missing_is_no_other_modality(tmp_path, caplog, missing, manufacturer):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, Manufacturer=manufacturer, **dict.fromkeys(missing))
    assert np.array_equal(read_mammogram(path)[0], PIXELS.T)
    assert ("a.dcm: has no Modality" in caplog.text) == ("Modality" in missing)


def test_a_class_that_contradicts_is_refused_where_the_modality_is_missing(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, Modality=None, SOPClassUID=CTImageStorage)
    with pytest.raises(InputError, match=r"a\.dcm: has no Modality \(0008,0060\) and is a CT Image Storage"):
        read_mammogram(path)


@pytest.mark.parametrize("keyword", ["ImagerPixelSpacing", "PixelSpacing", "EstimatedRadiographicMagnificationFactor"])
@pytest.mark.parametrize("text", ["0,07\\0,07", "about 70 um", "0.07 mm\\0.07 mm", ""])
def test_a_spacing_that_is_no_number_is_logged_and_passed_over(tmp_path, caplog, keyword, text):
    dataset = mammogram_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.add_new(keyword, "LO", text.split("\\"))
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array, meta = read_mammogram(tmp_path / "a.dcm")
        assert pixel_spacing(pydicom.dcmread(tmp_path / "a.dcm")) == (None, "unknown")
    assert np.array_equal(array, PIXELS.T)
    assert meta["spacing_source"] == "unknown"
    assert "spacing" not in meta
    assert (f"{keyword} holds no numbers and is passed over" in caplog.text) == bool(
        text and keyword != "EstimatedRadiographicMagnificationFactor"
    )


@pytest.mark.parametrize("implicit", [True, False])
def test_dicom_without_a_preamble_is_read_where_it_names_its_class(tmp_path, implicit):
    dataset = mammogram_dataset(PIXELS)
    del dataset.file_meta
    path = tmp_path / "a.dcm"
    dataset.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[128:132] != b"DICM"
    assert image_format(path) == "dicom"
    assert image_size(path) == (4, 6)
    assert np.array_equal(read_mammogram(path)[0], PIXELS.T)


def test_text_that_begins_as_dicom_might_is_none(tmp_path):
    (tmp_path / "a").write_bytes(b"\x08\x00\x05\x00" + b"hello " * 100)
    assert image_format(tmp_path / "a") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer.*git lfs pull"),
        (b"ObjectType = Image\nNDims = 2\n", r"a MetaImage \(\.mha\).*save it as NIfTI"),
        (b"NRRD0004\n", "an NRRD file"),
        (b"%PDF-1.4", "a PDF"),
        (b"hello", "none of the known formats, or cut off"),
    ],
)
def test_what_cannot_be_read_is_told_by_what_it_is(tmp_path, content, said):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert image_format(path) is None
    for read in (read_mammogram, image_size):
        with pytest.raises(InputError, match=rf"a\.png: it is .*{said}" if "it is" not in said else said) as raised:
            read(path)
        assert str(raised.value) == f"{path}: {why_unreadable(path)}"


def test_frames_that_nobody_counted_are_refused(tmp_path):
    twice = write_mammogram(tmp_path / "a.dcm", PIXELS, PixelData=PIXELS.tobytes() * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            array, _ = read_mammogram(twice)
        except InputError as error:
            assert "a.dcm" in str(error)
        else:  # what lies beyond the first is padding of the element
            assert np.array_equal(array, PIXELS.T)


def test_the_file_says_its_class_where_the_dataset_does_not(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, SOPClassUID=None, Modality=None, ImagerPixelSpacing=[0.07, 0.08])
    header = pydicom.dcmread(path)
    assert header.file_meta.MediaStorageSOPClassUID == DigitalMammographyXRayImageStorageForPresentation
    assert read_mammogram(path)[1]["spacing"] == pytest.approx([0.08, 0.07])


def test_a_picture_of_a_phantom_is_refused(tmp_path):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, QualityControlImage="yes")
    with pytest.raises(InputError, match=r"a\.dcm: Quality Control Image \(0028,0300\) is YES"):
        read_mammogram(path)
    for said, remarks in (("NO", ""), ("BOTH", "phantom beside the breast")):
        assert read_mammogram(write_mammogram(path, PIXELS, QualityControlImage=said))[1]["remarks"] == remarks


@pytest.mark.parametrize(
    ("view", "modifiers", "implant", "remarks"),
    [
        (codes.CID4014.CranioCaudal, [], "NO", ""),
        (codes.CID4014.TissueSpecimenFromBreast, [], None, "tissue specimen"),
        (codes.CID4014.CranioCaudal, [codes.CID4015.Magnification], None, "magnification view"),
        (codes.CID4014.CranioCaudal, [codes.CID4015.SpotCompression], None, "spot compression view"),
        (codes.CID4014.CranioCaudal, [codes.CID4015.ImplantDisplaced], "YES", "implant; implant displaced"),
        (codes.CID4014.CranioCaudal, [codes.CID4015.NippleInProfile], None, ""),
        (codes.CID4014.CranioCaudal, [Code("M1", "99SITE", "Magnification")], "yes", "implant; magnification view"),
        (codes.CID4014.CranioCaudal, [Code("r-102d7", "SNM3", "spot")], None, "spot compression view"),
    ],
)
def test_views_that_training_had_none_of_are_remarked(tmp_path, view, modifiers, implant, remarks):
    item = code_item(view)
    item.ViewModifierCodeSequence = [code_item(code) for code in modifiers]
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, ViewCodeSequence=[item], BreastImplantPresent=implant)
    assert read_mammogram(path)[1]["remarks"] == remarks


def code_item(code) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


@pytest.mark.parametrize("modality", ["US", "CT"])
def test_a_secondary_capture_of_another_modality_is_refused(tmp_path, modality):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, SOPClassUID=SecondaryCaptureImageStorage, Modality=modality)
    with pytest.raises(InputError, match=rf"Modality \(0008,0060\) is '{modality}'; expected a mammogram"):
        read_mammogram(path)
