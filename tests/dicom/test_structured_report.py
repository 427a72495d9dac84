from __future__ import annotations

from io import BytesIO

import highdicom
import numpy as np
import pydicom
import pytest
from known_masses import mass, outline
from pydicom.sr.codedict import codes

from monai_rescunet.core import remarks
from monai_rescunet.core.errors import InputError
from monai_rescunet.dicom import dicom_results, to_segmentation, to_structured_report


def report_on(source, masses, tmp_path):
    """Return the report as highdicom reads it back, and its segmentation."""
    segmentation = to_segmentation(source, masses)
    to_structured_report(source, masses, segmentation).save_as(tmp_path / "sr.dcm")
    return highdicom.sr.srread(tmp_path / "sr.dcm"), segmentation


def figures(group) -> dict[tuple[str, str], float]:
    return {
        (measurement.name.value, measurement.unit.value): float(measurement.value)
        for measurement in group.get_measurements()
    }


def test_each_mass_is_a_group_with_its_figures(mammogram, three_masses, tmp_path):
    report, _ = report_on(mammogram(ImagerPixelSpacing=[0.1, 0.05]), three_masses, tmp_path)
    first, last = report.content.get_planar_roi_measurement_groups()
    assert figures(first) == pytest.approx(
        {
            (codes.SCT.Area.value, "mm2"): 17 * 35 * 0.1 * 0.05,
            (codes.SCT.Area.value, "{pixels}"): 17 * 35,
            ("score", "1"): 0.9,
            ("lambda1", "1"): 90,
            ("lambda2", "1"): 200,
        }
    )
    assert first.finding_type.value == codes.SCT.MammographicBreastMass.value
    assert first.tracking_identifier.endswith("mass 0")
    (opinion,) = last.get_qualitative_evaluations()
    assert (opinion.name.scheme_designator, opinion.value.value) == ("99RESCUNET", codes.SCT.Benign.value)
    (site,) = last.finding_sites
    assert site.value.value == codes.SCT.Breast.value
    assert site.laterality.value == codes.SCT.Left.value


@pytest.mark.parametrize(
    ("attributes", "method"),
    [
        ({"PixelSpacing": [0.1, 0.05]}, "unspecified"),
        ({"PixelSpacing": [0.1, 0.05], "ImagerPixelSpacing": [0.12, 0.06]}, "calibrated"),
        ({"ImagerPixelSpacing": [0.1, 0.05]}, "detector"),
        (
            {"ImagerPixelSpacing": [0.11, 0.055], "EstimatedRadiographicMagnificationFactor": 1.1},
            "estimated",
        ),
        ({"NominalScannedPixelSpacing": [0.1, 0.05]}, "film"),
    ],
)
def test_an_area_in_mm2_says_which_spacing_it_stands_on(mammogram, three_masses, tmp_path, attributes, method):
    report, _ = report_on(mammogram(**attributes), three_masses, tmp_path)
    area = report.content.get_planar_roi_measurement_groups()[0].get_measurements(codes.SCT.Area)[0]
    assert float(area.value) == pytest.approx(17 * 35 * 0.005)
    assert area.method.value == method


def test_without_a_spacing_the_area_is_in_pixels_alone(mammogram, three_masses, tmp_path):
    report, _ = report_on(mammogram(), three_masses, tmp_path)
    (area,) = report.content.get_planar_roi_measurement_groups()[0].get_measurements(codes.SCT.Area)
    assert (float(area.value), area.unit.value) == (17 * 35, "{pixels}")


def test_a_group_refers_to_its_segment_and_the_source(mammogram, three_masses, tmp_path):
    source = mammogram()
    report, segmentation = report_on(source, three_masses, tmp_path)
    image = pydicom.dcmread(source)
    for number, group in enumerate(report.content.get_planar_roi_measurement_groups(), start=1):
        frame, origin = group.referenced_segmentation_frame
        (reference,) = frame.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert reference.ReferencedFrameNumber == number
        segment = segmentation.SegmentSequence[number - 1]
        assert group.tracking_uid == segment.TrackingUID
        per_frame = segmentation.PerFrameFunctionalGroupsSequence[number - 1]
        assert per_frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment.SegmentNumber
        assert origin.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == image.StudyInstanceUID
    told = {
        item.ReferencedSOPInstanceUID
        for series in evidence.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert told == {image.SOPInstanceUID, segmentation.SOPInstanceUID}


def test_a_mass_that_was_not_found_is_absent(mammogram, three_masses, tmp_path):
    report, _ = report_on(mammogram(), three_masses, tmp_path)
    (group,) = report.content.get_image_measurement_groups()
    (presence,) = group.get_qualitative_evaluations()
    assert presence.value.value == codes.SCT.Absent.value
    assert group.get_measurements() == []


def test_masses_none_of_which_was_found_make_a_report_without_segmentation(mammogram, three_masses):
    (found,) = dicom_results(mammogram(), three_masses[1:2], ["sr"]).items()
    assert found[0] == "sr"
    report = highdicom.sr.srread(BytesIO(found[1]))
    assert len(report.content.get_image_measurement_groups()) == 1


def test_nobody_has_verified_it(mammogram, three_masses, tmp_path):
    report, _ = report_on(mammogram(), three_masses, tmp_path)
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "PARTIAL", "UNVERIFIED", "PRELIMINARY",
    )  # fmt: skip
    assert report.ContentQualification == "RESEARCH"


def test_a_network_without_classes_gives_an_area_alone(mammogram, tmp_path):
    report, _ = report_on(mammogram(), [mass(outline(slice(9), slice(9)), None, None)], tmp_path)
    (group,) = report.content.get_planar_roi_measurement_groups()
    assert {name for name, _ in figures(group)} == {codes.SCT.Area.value, "lambda1"}
    assert group.get_qualitative_evaluations() == []


def test_a_segmentation_of_other_masses_is_refused(mammogram, three_masses):
    source = mammogram()
    with pytest.raises(InputError, match="the segmentation has no segment of mass 2"):
        to_structured_report(source, three_masses, to_segmentation(source, three_masses[:1]))


@pytest.mark.parametrize("masses", [[], [{"decision": "no finding", "mass": 0, "found": 0.03}]])
def test_an_image_in_which_nothing_was_found_has_an_absent_mass(mammogram, masses):
    (content,) = dicom_results(mammogram(), masses, ["sr"]).values()
    (group,) = highdicom.sr.srread(BytesIO(content)).content.get_image_measurement_groups()
    assert [each.value.meaning for each in group.get_qualitative_evaluations()] == ["Absent"]


def test_every_remark_has_a_code_that_readers_can_hold(mammogram, tmp_path):
    every = [value for name, value in vars(remarks).items() if name in remarks.__all__ and name.isupper()]
    every.remove(remarks.REMARKS)
    text = remarks.joined(*every)
    report, _ = report_on(mammogram(), [{**mass(outline(slice(9), slice(9)), "benign"), "remarks": text}], tmp_path)
    (group,) = report.content.get_planar_roi_measurement_groups()
    opinion, *told = group.get_qualitative_evaluations()
    assert opinion.value.value == codes.SCT.Benign.value
    assert [each.value.meaning for each in told] == every
    assert len({each.value.value for each in told}) == len(every) >= 11
    assert max(len(each.value.value) for each in told) <= 16
    (content,) = dicom_results(mammogram(), [{"decision": "no finding", "remarks": "implant"}], ["sr"]).values()
    (group,) = highdicom.sr.srread(BytesIO(content)).content.get_image_measurement_groups()
    assert [each.value.meaning for each in group.get_qualitative_evaluations()] == ["Absent", "implant"]


def test_confidence_and_probability_are_told_in_percent_where_there_are_any(mammogram, tmp_path):
    masses = [
        {**mass(outline(slice(9), slice(9)), "benign"), "found": 0.834, "probability": 0.25},
        {**mass(outline(slice(9), slice(9)), "benign", index=1), "found": None, "probability": float("nan")},
    ]
    report, _ = report_on(mammogram(), masses, tmp_path)
    first, second = report.content.get_planar_roi_measurement_groups()
    told = {item.name.meaning: (item.value, item.unit.value) for item in first.get_measurements()}
    assert (told["Certainty of Finding"], told["Probability of cancer"]) == ((83.4, "%"), (25, "%"))
    assert not [item for item in second.get_measurements() if item.unit.value == "%"]


def test_a_mask_of_another_size_is_refused(mammogram):
    with pytest.raises(InputError, match=r"expected \(41, 60\)"):
        to_structured_report(mammogram(), [mass(np.ones((3, 4), bool), "benign")])
