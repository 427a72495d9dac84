"""The CAD report as a workstation reads it: items by their relationships, images by reference."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from known_masses import mass, outline
from pydicom.uid import generate_uid

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.dicom import cad_image, dicom_results, to_mammography_cad

CAD = "1.2.840.10008.5.1.4.1.1.88.50"
PIXELMED = Path("/usr/share/java/pixelmed.jar")
SUMMARY, DETECTIONS, ANALYSES, FINDING = "111017", "111064", "111065", "111059"


def found(decision: str | None = "malignant", index: int = 0, **more):
    outlined = mass(outline(slice(3, 20), slice(5, 40)), decision, 0.9, index)
    return {**outlined, "box": "2 4 22 42", "found": 0.83, **more}


NOTHING = {"decision": "no finding", "mass": 0, "found": 0.07, "score": None, "mask": np.zeros((41, 60), bool)}
NO_OUTLINE = {**mass(np.zeros((41, 60), bool), "no lesion", 0.0), "box": "10 20 30 50", "found": 0.4}


def read(report) -> pydicom.Dataset:
    file = BytesIO()
    report.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


def children(item, code: str | None = None) -> list[pydicom.Dataset]:
    """Return an item's own items, those of a concept name."""
    items = list(item.get("ContentSequence") or [])
    return [each for each in items if code is None or name_of(each) == code]


def name_of(item) -> str | None:
    return item.ConceptNameCodeSequence[0].CodeValue if "ConceptNameCodeSequence" in item else None


def value_of(item) -> str:
    return item.ConceptCodeSequence[0].CodeMeaning


def every(item) -> Iterator[pydicom.Dataset]:
    yield item
    for child in children(item):
        yield from every(child)


def findings(report) -> list[pydicom.Dataset]:
    return [item for item in every(report) if item.get("ValueType") == "CODE" and name_of(item) == FINDING]


def referred(report, item) -> str:
    """Return the SOP Instance UID of the image that an item refers to by its place in the tree."""
    (reference,) = (each for each in children(item) if "ReferencedContentItemIdentifier" in each)
    root, *path = reference.ReferencedContentItemIdentifier
    assert root == 1
    target = report
    for position in path:
        target = target.ContentSequence[position - 1]
    return target.ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def status(report, code: str) -> str:
    (item,) = children(report, code)
    return value_of(item)


def test_a_finding_has_centre_outline_certainty_and_probability(mammogram):
    source = mammogram()
    report = read(to_mammography_cad([cad_image(source, [found(probability=0.615)])]))
    assert (report.SOPClassUID, report.Modality, report.ContentTemplateSequence[0].TemplateIdentifier) == (
        CAD, "SR", "4000",
    )  # fmt: skip
    (finding,) = findings(report)
    assert finding.ConceptCodeSequence[0].CodeValue == "129793001"  # Mammography breast density, CID 6014
    numbers = {name_of(item): item.MeasuredValueSequence[0] for item in children(finding) if item.ValueType == "NUM"}
    assert {name: float(value.NumericValue) for name, value in numbers.items()} == {"111012": 83, "111047": 61.5}
    assert {value.MeasurementUnitsCodeSequence[0].CodeValue for value in numbers.values()} == {"%"}
    (centre,), (line,) = children(finding, "111010"), children(finding, "111041")
    assert (centre.GraphicType, list(centre.GraphicData)) == ("POINT", [11.5, 22.5])
    assert line.GraphicType == "POLYLINE"
    points = np.reshape(line.GraphicData, (-1, 2))
    assert np.array_equal(points[0], points[-1])
    assert (points.min(axis=0), points.max(axis=0)) == (pytest.approx([3, 5]), pytest.approx([20, 40]))
    uid = pydicom.dcmread(source).SOPInstanceUID
    assert referred(report, centre) == referred(report, line) == uid
    (intent,) = children(finding, "111056")
    assert value_of(intent).startswith("Presentation Required")


def test_it_names_algorithms_and_versions_and_says_that_it_is_research(mammogram):
    versions = Provenance("1", "aaa"), Provenance("2", "bbb")
    report = read(to_mammography_cad([cad_image(mammogram(), [found()])], *versions))
    (finding,) = findings(report)
    (version,) = children(finding, "111003")
    assert "bundle 2, weights bbb" in version.TextValue, "the finder's, since it found the mass"
    (summary,) = children(report, SUMMARY)
    (words,), (version,) = children(summary, "111033"), children(summary, "111003")
    assert words.TextValue.startswith("For research, not for diagnosis.")
    assert "Image 1 (L MLO): mass 0, looks malignant, score 0.90" in words.TextValue
    assert "bundle 1, weights aaa" in version.TextValue
    assert report.ContentQualification == "RESEARCH"
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


@pytest.mark.parametrize("masses", [[], [NOTHING]])
def test_no_finding_is_a_report_without_findings(mammogram, masses):
    report = read(to_mammography_cad([cad_image(mammogram(), masses)]))
    assert findings(report) == []
    assert status(report, SUMMARY) == "All algorithms succeeded; without findings"
    assert status(report, DETECTIONS) == status(report, ANALYSES) == "Succeeded"
    (summary,) = children(report, SUMMARY)
    assert "Image 1 (L MLO): no finding." in children(summary, "111033")[0].TextValue


def test_an_image_that_could_not_be_judged_is_a_failed_detection_and_analysis(mammogram):
    study = {"StudyInstanceUID": generate_uid()}
    good, bad = mammogram("good.dcm", **study), mammogram("bad.dcm", **study)
    report = read(to_mammography_cad([cad_image(good, [found()]), cad_image(bad, None)]))
    assert status(report, SUMMARY) == "Not all algorithms succeeded; with findings"
    for code, groups in ((DETECTIONS, ("111063", "111025")), (ANALYSES, ("111062", "111024"))):
        (summary,) = children(report, code)
        assert value_of(summary) == "Partially Succeeded"
        for group, source in zip(groups, (good, bad), strict=True):
            (performed,) = children(children(summary, group)[0])
            assert referred(report, performed) == pydicom.dcmread(source).SOPInstanceUID
            assert children(performed, "111001"), "the algorithm's name"


def test_where_all_failed_the_report_says_so(mammogram):
    report = read(to_mammography_cad([cad_image(mammogram(), None)]))
    assert status(report, SUMMARY) == "No algorithms succeeded; without findings"
    assert status(report, DETECTIONS) == status(report, ANALYSES) == "Failed"


def test_where_a_person_said_where_to_look_nothing_was_detected(mammogram, three_masses):
    report = read(to_mammography_cad([cad_image(mammogram(), three_masses)]))
    assert status(report, DETECTIONS) == "Not Attempted"
    assert status(report, ANALYSES) == "Succeeded"
    words = children(children(report, SUMMARY)[0], "111033")[0].TextValue
    assert "mass 1, no outline could be drawn" in words, "which the reader is told"
    assert len(findings(report)) == 2, "a mass that was not found is none"
    assert not [item for item in every(report) if name_of(item) in ("111012", "111047")]


def test_a_finding_without_outline_stays(mammogram):
    report = read(to_mammography_cad([cad_image(mammogram(), [NO_OUTLINE])]))
    (finding,) = findings(report)
    assert list(children(finding, "111010")[0].GraphicData) == [20, 35]
    assert children(finding, "111041") == []
    assert "mass 0, no outline could be drawn" in children(children(report, SUMMARY)[0], "111033")[0].TextValue


def test_a_network_without_classes_analyses_nothing(mammogram):
    report = read(to_mammography_cad([cad_image(mammogram(), [found(None)])]))
    assert status(report, ANALYSES) == "Not Attempted"
    assert status(report, SUMMARY) == "All algorithms succeeded; with findings"


def test_four_views_of_a_study_are_one_report(mammogram):
    study, views = generate_uid(), [(side, view) for side in "LR" for view in ("CC", "MLO")]
    sources = [
        mammogram(f"{side}{view}.dcm", StudyInstanceUID=study, ImageLaterality=side, ViewPosition=view)
        for side, view in views
    ]
    report = read(to_mammography_cad([cad_image(source, [found()]) for source in sources]))
    (library,) = children(report, "111028")
    entries = children(library)
    assert [tuple(value_of(item) for item in children(each) if item.ValueType == "CODE") for each in entries] == [
        ("Left breast", "cranio-caudal"),
        ("Left breast", "medio-lateral oblique"),
        ("Right breast", "cranio-caudal"),
        ("Right breast", "medio-lateral oblique"),
    ]
    uids = [pydicom.dcmread(source).SOPInstanceUID for source in sources]
    assert [referred(report, children(finding, "111010")[0]) for finding in findings(report)] == uids
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    told = [item for series in evidence.ReferencedSeriesSequence for item in series.ReferencedSOPSequence]
    assert {item.ReferencedSOPInstanceUID for item in told} == set(uids)


def test_older_codes_of_the_view_are_understood(mammogram):
    header = pydicom.dcmread(mammogram())
    header.ViewPosition = None
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "R-10242", "SNM3", "cranio-caudal"
    header.ViewCodeSequence = [item]
    header.save_as(header.filename)
    report = read(to_mammography_cad([cad_image(header.filename, [])]))
    (entry,) = children(children(report, "111028")[0])
    assert "cranio-caudal" in [value_of(each) for each in children(entry, "111031")]


def test_a_mass_that_is_unlike_the_training_is_told(mammogram):
    masses = [
        found(unlike_training=0.996),
        found(index=1, unlike_training=0.4),
        found(index=2, unlike_training=float("nan")),
    ]
    report = read(to_mammography_cad([cad_image(mammogram(), masses)]))
    words = children(children(report, SUMMARY)[0], "111033")[0].TextValue
    assert words.count("unlike the masses it was trained on: more unusual than 99.6%") == 1
    assert words.count("unlike") == 1


def test_remarks_are_told_in_words(mammogram):
    masses = [found(unlike_training=0.996, remarks="implant; unlike the training masses"), found(index=1, remarks=None)]
    (words,) = {item for item in cad_image(mammogram(), masses).words if "mass 0" in item}
    assert words.endswith("than 99.6% of them, implant")
    none = {"decision": "no finding", "mass": 0, "found": 0.1}
    assert cad_image(mammogram(), [{**none, "remarks": "implant"}]).words == ("no finding, implant",)
    assert cad_image(mammogram(), [{**none, "remarks": float("nan")}]).words == ()


def test_patient_and_study_are_the_images_and_no_name_reaches_the_text(mammogram):
    source = mammogram()
    report, image = read(to_mammography_cad([cad_image(source, [found()])])), pydicom.dcmread(source)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        assert report[keyword].value == image[keyword].value
    texts = [str(item.TextValue) for item in every(report) if item.get("ValueType") == "TEXT"]
    assert not [text for text in texts if "Doe" in text or "secret-17" in text]


def test_images_of_two_studies_are_refused(mammogram):
    with pytest.raises(InputError, match="not of one study"):
        to_mammography_cad([cad_image(mammogram("a.dcm"), []), cad_image(mammogram("b.dcm"), [])])


def test_an_image_given_twice_and_no_image_are_refused(mammogram):
    image = cad_image(mammogram(), [])
    with pytest.raises(InputError, match="twice"):
        to_mammography_cad([image, image])
    with pytest.raises(InputError, match="no image"):
        to_mammography_cad([])


def test_a_confidence_that_is_no_share_is_refused(mammogram):
    with pytest.raises(InputError, match="found of mass 0 is 83; expected 0 to 1"):
        cad_image(mammogram(), [found(found=83)])


REPORTS = {
    "findings": [[found(probability=0.6), found("benign", 1)]],
    "one without outline beside one with": [[found(), {**NO_OUTLINE, "mass": 1}], [NOTHING]],
    "no finding": [[NOTHING]],
    "failed": [None],
    "four views, one failed": [[found()], [], None, [found("benign"), found(index=1)]],
    "boxes of a person": [[mass(outline(slice(3, 20), slice(5, 40)), "malignant", 0.9)]],
    "no classes": [[found(None)]],
}


@pytest.mark.parametrize("views", REPORTS.values(), ids=REPORTS)
def test_the_templates_validator_finds_no_fault(mammogram, tmp_path, views):
    """PixelMed's DicomSRValidator, which knows TID 4000 and what it includes; 15 s each, and so on demand alone."""
    if not PIXELMED.is_file() or shutil.which("java") is None or "MONAI_RESCUNET_SR_VALIDATOR" not in os.environ:
        pytest.skip("MONAI_RESCUNET_SR_VALIDATOR is not set, or pixelmed is not installed (Debian: pixelmed-apps)")
    study = {"StudyInstanceUID": generate_uid()}
    images = [cad_image(mammogram(f"{n}.dcm", **study), masses) for n, masses in enumerate(views)]
    assert_valid_tree(to_mammography_cad(images), tmp_path)


def assert_valid_tree(report, folder) -> None:
    report.save_as(folder / "cad.dcm", enforce_file_format=True)
    limits = [f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")]
    done = subprocess.run(
        ["java", *limits, "-cp", PIXELMED, "com.pixelmed.validate.DicomSRValidator", folder / "cad.dcm"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    assert "Found Root Template TID_4000 (MammographyCADDocumentRoot)" in lines
    assert "Root Template Validation Complete" in lines
    assert not [line for line in lines if line.startswith("Error") or "illegal" in line]


def test_dicom_results_have_it(mammogram):
    contents = dicom_results(mammogram(), [found()], ["cad"])
    assert set(contents) == {"cad"}
    assert len(findings(pydicom.dcmread(BytesIO(contents["cad"])))) == 1
