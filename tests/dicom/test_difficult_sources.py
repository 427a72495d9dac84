"""Sources and masses of every kind that a hospital or a collection has: all results, or one line that says why not."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from known_masses import COLUMNS, ROWS, mass, outline
from PIL import Image
from pydicom.uid import DigitalMammographyXRayImageStorageForProcessing, generate_uid

from monai_rescunet import predict
from monai_rescunet.core.errors import InputError
from monai_rescunet.dicom import DICOM_KINDS, attempt_dicom_results, dicom_results
from monai_rescunet.handlers.study_reports import studies_of

SOURCES: dict[str, dict[str, Any]] = {
    "no side": {"ImageLaterality": None, "ViewPosition": None},
    "a side that is none": {"ImageLaterality": "X"},
    "no orientation": {"PatientOrientation": None},
    "no spacing": {},
    "rectangular pixels": {"ImagerPixelSpacing": [0.1, 0.05]},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"},
    "for processing": {"SOPClassUID": DigitalMammographyXRayImageStorageForProcessing},
    "private SOP class": {"SOPClassUID": "1.3.46.670589.2.5.1.1"},
    "unknown SOP class": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.999"},
    "odd patient": {"PatientName": "Müller^Änne=山田^太郎", "SpecificCharacterSet": "ISO_IR 192", "PatientSex": "X"},
    "dates that are none": {"StudyDate": "2020", "PatientBirthDate": "unknown"},
}
MASSES: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "not found": [mass(outline(slice(0), slice(0)), "no lesion", 0.0)],
    "nothing": [
        {"decision": "no finding", "score": None, "mass": 0, "found": 0.1, "mask": outline(slice(0), slice(0))}
    ],
    "six": [mass(outline(slice(6 * n, 6 * n + 5), slice(9 * n, 9 * n + 8)), "benign", 0.1, n) for n in range(6)],
    "the whole image": [mass(outline(slice(COLUMNS), slice(ROWS)), "malignant", 0.9)],
    "at the corners": [
        mass(outline(slice(0, 4), slice(0, 4)), "malignant", 0.9),
        mass(outline(slice(COLUMNS - 1, COLUMNS), slice(ROWS - 1, ROWS)), "benign", 0.2, 1),
    ],
    "a region of it": [{**mass(np.ones((5, 7), bool), "benign", 0.2), "corner": (COLUMNS - 5, 0)}],
}


def read(contents: dict[str, bytes]) -> dict[str, pydicom.Dataset]:
    return {kind: pydicom.dcmread(BytesIO(content)) for kind, content in contents.items()}


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of values that are no dates
@pytest.mark.parametrize("attributes", SOURCES.values(), ids=SOURCES)
def test_every_kind_is_made_of_every_source(mammogram, three_masses, attributes):
    source = mammogram(**attributes)
    image = pydicom.dcmread(source)
    results = read(dicom_results(source, three_masses))
    assert tuple(results) == DICOM_KINDS
    for result in results.values():
        items = [item for element in result.iterall() if element.VR == "SQ" for item in element.value]
        referring = [item for item in items if item.get("ReferencedSOPInstanceUID") == image.SOPInstanceUID]
        assert {item.ReferencedSOPClassUID for item in referring} == {image.SOPClassUID}
        assert result.StudyInstanceUID == image.StudyInstanceUID
        assert str(result.get("PatientName")) == str(image.get("PatientName"))
    assert results["seg"].pixel_array.shape == (2, ROWS, COLUMNS)
    assert (results["sc"].Rows, results["sc"].Columns) == (ROWS, COLUMNS)


@pytest.mark.parametrize("masses", MASSES.values(), ids=MASSES)
def test_every_kind_is_made_of_any_masses(mammogram, masses):
    results = read(dicom_results(mammogram(), masses))
    outlined = sum(each["decision"] in ("benign", "malignant") for each in masses)
    assert set(results) == set(DICOM_KINDS) - (set() if outlined else {"seg"})
    if outlined:
        assert len(results["seg"].SegmentSequence) == outlined


def test_a_region_of_the_image_is_the_same_as_a_mask_of_its_size(mammogram):
    source, whole = mammogram(), outline(slice(36, 41), slice(0, 7))
    both = [mass(whole, "benign"), MASSES["a region of it"][0]]
    first, second = (read(dicom_results(source, [each], ["seg"]))["seg"].pixel_array for each in both)
    assert np.array_equal(first, second)
    assert np.array_equal(first.T.squeeze(), whole)


def test_no_code_is_longer_than_readers_take(mammogram, three_masses):
    found = [{**each, "box": "2 4 22 42", "found": 0.5, "probability": 0.5} for each in three_masses]
    for attributes in ({"PixelSpacing": [0.1, 0.1]}, {"ImagerPixelSpacing": [0.1, 0.1]}):
        for result in read(dicom_results(mammogram(**attributes), found)).values():
            elements = list(result.iterall())
            assert not [element for element in elements if element.keyword in ("LongCodeValue", "URNCodeValue")]
            assert max(len(element.value) for element in elements if element.keyword == "CodeValue") <= 16
            assert max(len(element.value) for element in elements if element.keyword == "CodeMeaning") <= 64


def test_a_picture_that_is_drawn_already_is_taken_as_it_is(mammogram, three_masses):
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 255, (ROWS, COLUMNS, 3), dtype=np.uint8))
    result = read(dicom_results(mammogram(), three_masses, ["sc"], picture=drawn))["sc"]
    assert np.array_equal(result.pixel_array, np.asarray(drawn))


def test_a_picture_of_another_size_is_refused(mammogram, three_masses):
    with pytest.raises(InputError, match=r"the picture has the size \(3, 4\); expected \(41, 60\)"):
        dicom_results(mammogram(), three_masses, ["sc"], picture=Image.new("RGB", (3, 4)))


def test_a_file_without_a_preamble_has_its_results(mammogram, three_masses):
    source = mammogram()
    dataset, study = pydicom.dcmread(source), studies_of([str(source)])
    del dataset.file_meta
    dataset.preamble = None
    dataset.save_as(source, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert source.read_bytes()[128:132] != b"DICM"
    assert set(dicom_results(source, three_masses)) == set(DICOM_KINDS)
    assert studies_of([str(source)]) == study != [str(source)]


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_image_that_cannot_be_referred_to_is_named(mammogram, three_masses, missing):
    contents, faults = attempt_dicom_results(mammogram(**{missing: None}), three_masses)
    assert contents == {}
    assert set(faults) == set(DICOM_KINDS)
    assert all("which a result must refer to; export the image again" in str(fault) for fault in faults.values())


def test_a_kind_that_cannot_be_made_costs_only_itself(mammogram, three_masses):
    contents, faults = attempt_dicom_results(mammogram(), [{**three_masses[0], "found": 83}])
    assert set(contents) == {"seg", "sr", "sc"}
    assert "found of mass 0 is 83; expected 0 to 1" in str(faults["cad"])


def test_what_a_library_raises_is_told_in_one_line_without_the_patient(mammogram, three_masses, monkeypatch):
    def fails(*_, **__):
        raise KeyError("Doe^Jane")

    monkeypatch.setattr("monai_rescunet.dicom.kinds.to_segmentation", fails)
    contents, faults = attempt_dicom_results(mammogram(), three_masses)
    assert set(contents) == {"cad", "sc"}, "a report refers to its segmentation"
    assert "no DICOM result of the kind seg can be made of it (KeyError)" in str(faults["seg"])
    assert "Doe" not in str(faults["seg"])


def test_an_image_of_a_batch_keeps_its_other_results(mammogram, tmp_path, caplog):
    source = mammogram(StudyInstanceUID=None)
    predict(source, box=[2, 2, 30, 50], out=tmp_path / "out", dicom=["seg", "sc"])
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"results.csv", "mammogram_label.nii.gz"}
    assert not list((tmp_path / "out").glob("*.dcm"))
    assert "no seg" in caplog.text
    assert "has no Study Instance UID (0020,000D)" in caplog.text


@pytest.mark.parametrize("place", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
def test_one_frame_of_a_multi_frame_image_has_its_side_from_the_functional_groups(mammogram, three_masses, place):
    source = mammogram(ImageLaterality=None, NumberOfFrames=1)
    dataset = pydicom.dcmread(source)
    anatomy, groups = pydicom.Dataset(), pydicom.Dataset()
    anatomy.FrameLaterality = "R"
    groups.FrameAnatomySequence = [anatomy]
    dataset.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    dataset.PerFrameFunctionalGroupsSequence = [pydicom.Dataset()]
    setattr(dataset, place, [groups])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.13.1.3"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(source)
    results = read(dicom_results(source, three_masses, ["seg", "sr", "cad"]))
    region = results["seg"].SegmentSequence[0].AnatomicRegionSequence[0]
    assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Right"
    assert "Right breast" in str(results["cad"])
