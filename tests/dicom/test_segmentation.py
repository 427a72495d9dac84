from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest
from known_masses import COLUMNS, ROWS, mass, masses_of, outline

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.dicom import segmentation as segmentations
from monai_rescunet.dicom import to_segmentation


def written(segmentation, tmp_path):
    path = tmp_path / "seg.dcm"
    segmentation.save_as(path)
    return path


def masks_by_tracking_id(path) -> dict[str, np.ndarray]:
    """Return the masks (rows, columns) that highdicom reads, by the last word of their tracking id."""
    segmentation = highdicom.seg.segread(path)
    (source,) = segmentation.get_source_image_uids()
    pixels = segmentation.get_pixels_by_source_instance([source[2]], assert_missing_frames_are_empty=True)[0]
    return {item.TrackingID.split()[-1]: pixels[..., index] for index, item in enumerate(segmentation.SegmentSequence)}


def test_masks_come_back_bit_for_bit_one_segment_a_mass(mammogram, three_masses, tmp_path):
    path = written(to_segmentation(mammogram(), three_masses), tmp_path)
    masks = masks_by_tracking_id(path)
    assert sorted(masks) == ["0", "2"], "a mass that was not found has no segment"
    for index in (0, 2):
        assert np.array_equal(masks[str(index)].T, three_masses[index]["mask"])


def test_masks_that_do_not_overlap_take_a_byte_a_pixel(mammogram, tmp_path, monkeypatch):
    """The more of them, the more it would be otherwise; they come back the same."""
    shapes, frame = [], segmentations._frame
    monkeypatch.setattr(segmentations, "_frame", lambda *given: (shapes.append(frame(*given).shape), frame(*given))[1])
    apart = [mass(outline(slice(4 * n, 4 * n + 4), slice(3, 40)), "benign", 0.1, index=n) for n in range(5)]
    over = [*apart, mass(outline(slice(2, 7), slice(30, 50)), "malignant", 0.9, index=5)]
    for masses in (apart, over):
        masks = masks_by_tracking_id(written(to_segmentation(mammogram(), masses), tmp_path))
        assert all(np.array_equal(masks[str(n)].T, each["mask"]) for n, each in enumerate(masses))
    assert shapes == [(1, ROWS, COLUMNS), (1, ROWS, COLUMNS, 6)]


def test_pydicom_reads_the_same_pixels(mammogram, three_masses, tmp_path):
    dataset = pydicom.dcmread(written(to_segmentation(mammogram(), three_masses), tmp_path))
    assert dataset.pixel_array.shape == (2, ROWS, COLUMNS)
    assert np.array_equal(dataset.pixel_array[1].T, three_masses[2]["mask"])


def test_masks_of_a_real_mammogram_come_back_bit_for_bit(real_mammograms, tmp_path):
    for source in real_mammograms[:1]:  # the others are cut to two pixels, which highdicom cannot pack
        masses = masses_of(source)
        masks = masks_by_tracking_id(written(to_segmentation(source, masses), tmp_path))
        assert all(np.array_equal(masks[str(n)].T, each["mask"]) for n, each in enumerate(masses)), source.name


def test_every_reference_is_to_the_source(mammogram, three_masses):
    source = mammogram()
    image, segmentation = pydicom.dcmread(source), to_segmentation(source, three_masses)
    assert segmentation.StudyInstanceUID == image.StudyInstanceUID
    assert segmentation.SeriesInstanceUID != image.SeriesInstanceUID
    (series,) = segmentation.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == image.SeriesInstanceUID
    for frame in segmentation.PerFrameFunctionalGroupsSequence:
        (reference,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == image.SOPClassUID


def test_a_segment_is_a_mass_with_the_algorithms_opinion_as_modifier(mammogram, three_masses):
    segments = to_segmentation(mammogram(), three_masses).SegmentSequence
    for segment, modifier in zip(segments, ("21594007", "30807003"), strict=True):
        (kind,) = segment.SegmentedPropertyTypeCodeSequence
        assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("4147007", "SCT")
        (found,) = kind.SegmentedPropertyTypeModifierCodeSequence
        assert (found.CodeValue, found.CodingSchemeDesignator) == (modifier, "SCT")
        assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC", "a person said where to look"
        assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "monai_rescunet"
    assert [segment.SegmentLabel for segment in segments] == ["Mass 0, looks malignant", "Mass 2, looks benign"]


def test_a_mass_that_the_finder_proposed_is_automatic(mammogram, three_masses):
    found = [{**three_masses[0], "found": 0.8}, {**three_masses[2], "found": float("nan")}]
    segments = to_segmentation(mammogram(), found).SegmentSequence
    assert [segment.SegmentAlgorithmType for segment in segments] == ["AUTOMATIC", "SEMIAUTOMATIC"]


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"ImageLaterality": "R"}, "24028007"),
        ({"ImageLaterality": None, "Laterality": "L"}, "7771000"),
        ({"ImageLaterality": "B"}, "51440002"),
        ({"ImageLaterality": None}, None),
    ],
)
def test_the_side_modifies_the_breast_where_it_is_known(mammogram, three_masses, attributes, code):
    for segment in to_segmentation(mammogram(**attributes), three_masses).SegmentSequence:
        (region,) = segment.AnatomicRegionSequence
        modifiers = region.get("AnatomicRegionModifierSequence") or []
        assert [modifier.CodeValue for modifier in modifiers] == ([] if code is None else [code])


def test_other_weights_sign_with_another_version(mammogram, three_masses):
    versions = set()
    for weights in ("0123456789ab", "ba9876543210"):
        segmentation = to_segmentation(mammogram(), three_masses, provenance=Provenance("1.2.3", weights))
        (algorithm,) = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
        assert f"bundle 1.2.3, weights {weights}" in algorithm.AlgorithmVersion
        versions.add(algorithm.AlgorithmVersion)
    assert len(versions) == 2


def test_a_mass_without_decision_has_no_modifier(mammogram):
    (segment,) = to_segmentation(mammogram(), [mass(outline(slice(9), slice(9)), None, None)]).SegmentSequence
    assert "SegmentedPropertyTypeModifierCodeSequence" not in segment.SegmentedPropertyTypeCodeSequence[0]
    assert segment.SegmentLabel == "Mass 0"


def test_no_plane_is_invented(mammogram, three_masses):
    spacing = {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.11, 0.11]}
    segmentation = to_segmentation(mammogram(FrameOfReferenceUID="1.2.3", **spacing), three_masses)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PlanePositionSequence", "PixelSpacing"):
        assert not [element for element in segmentation.iterall() if element.keyword == keyword]
    assert segmentation.PatientOrientation == ["A", "FR"]


def test_patient_and_study_are_copied_unchanged(mammogram, three_masses):
    source = mammogram(PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 192", PatientSex="X", PatientAge="070Y")
    image, segmentation = pydicom.dcmread(source), to_segmentation(source, three_masses)
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
        "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "SpecificCharacterSet",
    ):  # fmt: skip
        assert segmentation[keyword].value == image[keyword].value, keyword


def test_a_patient_who_is_not_named_stays_unnamed(mammogram, three_masses):
    nobody = dict.fromkeys(("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"))
    segmentation = to_segmentation(mammogram(**nobody), three_masses)
    assert not segmentation.PatientName
    assert not segmentation.PatientID


def test_no_name_reaches_warnings_or_logs(mammogram, three_masses, caplog, recwarn):
    source = mammogram(PatientName="Doe Jane", PatientBirthDate="notadate")
    caplog.clear()
    recwarn.clear()
    caplog.set_level("DEBUG")
    to_segmentation(source, three_masses)
    told = caplog.text + " ".join(str(warning.message) for warning in recwarn)
    assert "Jane" not in told
    assert "notadate" not in told


def test_it_is_marked_as_research(mammogram, three_masses):
    assert to_segmentation(mammogram(), three_masses).ContentQualification == "RESEARCH"


def test_a_mask_of_rows_by_columns_is_refused(mammogram):
    transposed = mass(np.ones((ROWS, COLUMNS), bool), "benign")
    with pytest.raises(InputError, match=r"mask of mass 0 has the shape \(60, 41\); expected \(41, 60\)"):
        to_segmentation(mammogram(), [transposed])


def test_no_outline_is_no_segmentation(mammogram, three_masses):
    with pytest.raises(InputError, match="no mass was outlined"):
        to_segmentation(mammogram(), three_masses[1:2])


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_source_that_cannot_be_referred_to_is_refused(mammogram, three_masses, keyword):
    source = mammogram(**{keyword: None})
    with pytest.raises(InputError, match=r"mammogram.dcm: has no (Study|Series) Instance UID \(0020,000[DE]\)"):
        to_segmentation(source, three_masses)


def test_another_format_is_refused(tmp_path, write_png, three_masses):
    with pytest.raises(InputError, match=r"image.png: cannot be read as DICOM"):
        to_segmentation(write_png(np.zeros((ROWS, COLUMNS), np.uint8)), three_masses)
