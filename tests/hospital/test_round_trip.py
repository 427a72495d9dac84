"""From the archive to an outline, and back into the archive as DICOM."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from io import BytesIO

import highdicom
import numpy as np
import pydicom
import pytest
import requests
import SimpleITK as sitk  # noqa: N813
from label_docs import curl_commands, run_command
from label_server import dice
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage, SegmentationStorage

from monai_rescunet.label import MODEL_NAME

BENIGN, MALIGNANT = "30807003", "21594007"  # SNOMED CT


def read_again(dataset: pydicom.Dataset) -> BytesIO:
    """Return what came from the archive as a file."""
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    return file


def code(sequence) -> tuple[str, str]:
    (item,) = sequence
    return str(item.CodeValue), str(item.CodingSchemeDesignator)


def faults(dataset: pydicom.Dataset, tmp_path) -> list[str]:
    """Return the errors that an independent validator finds."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    path = tmp_path / "from_archive.dcm"
    path.write_bytes(read_again(dataset).getvalue())
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


@pytest.fixture(scope="module", params=[0, 1], ids=["MONOCHROME2", "MONOCHROME1"])
def stored(request, archive, mammograms, server):
    """A mammogram, the label map of its two masses, and what the archive has of them now: SEG and SR."""
    mammogram = mammograms[request.param]
    params, label = server.infer(mammogram.series, box=mammogram.boxes, store_dicom=True)
    segmentation, report = (archive.retrieve(uid) for uid in params["stored"])
    return mammogram, params["masses"], label, segmentation, report


def test_the_server_offers_the_mammograms_of_the_archive(server, mammograms):
    sample = requests.post(f"{server.url}/activelearning/first", json={}, timeout=180)
    assert sample.ok, sample.text
    assert sample.json()["id"] in {mammogram.series for mammogram in mammograms}


def test_outlines_lie_over_the_masses(stored):
    mammogram, masses, label, _, _ = stored
    assert label.GetSize()[:2] == (mammogram.header.Columns, mammogram.header.Rows)
    assert dice(label, mammogram.masks[0] | mammogram.masks[1]) > 0.8
    assert [mass["decision"] for mass in masses] == ["benign", "malignant"]


def test_the_archive_has_the_masks_bit_for_bit_one_segment_a_mass(stored):
    mammogram, masses, label, dataset, _ = stored
    assert dataset.SOPClassUID == SegmentationStorage
    pixels = pydicom.dcmread(read_again(dataset)).pixel_array
    array = np.squeeze(sitk.GetArrayFromImage(label))
    assert pixels.shape == (2, *array.shape)
    assert all(np.array_equal(pixels[number] == 1, array == number + 1) for number in range(2))
    segmentation = highdicom.seg.segread(read_again(dataset))
    read = segmentation.get_pixels_by_source_instance([mammogram.header.SOPInstanceUID])[0]
    assert np.array_equal(read, np.moveaxis(pixels, 0, -1))
    assert [int(read[..., number].sum()) for number in range(2)] == [mass["area_px"] for mass in masses]


def test_every_reference_is_to_the_mammogram(stored):
    mammogram, _, _, dataset, report = stored
    image = mammogram.header
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == image.SeriesInstanceUID
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        (reference,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (
            image.SOPClassUID,
            image.SOPInstanceUID,
        )
    for result in (dataset, report):
        assert result.StudyInstanceUID == image.StudyInstanceUID
        assert result.SeriesInstanceUID != image.SeriesInstanceUID
        assert (result.PatientName, result.PatientID) == ("Doe^Jane", "secret-17")
        assert (result.StudyDate, result.AccessionNumber) == ("20200102", "A17")


def test_segments_are_coded_and_name_the_algorithm(stored):
    _, _, _, dataset, _ = stored
    for segment, opinion in zip(dataset.SegmentSequence, (BENIGN, MALIGNANT), strict=True):
        assert code(segment.SegmentedPropertyTypeCodeSequence) == ("4147007", "SCT")  # Mass
        (kind,) = segment.SegmentedPropertyTypeCodeSequence
        assert code(kind.SegmentedPropertyTypeModifierCodeSequence) == (opinion, "SCT")
        assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == "monai_rescunet"
        assert re.search(r"bundle \S+, weights [0-9a-f]{12}$", algorithm.AlgorithmVersion)
    assert dataset.ContentQualification == "RESEARCH"


def test_no_plane_is_invented(stored):
    _, _, _, dataset, _ = stored
    planes = ("ImagePositionPatient", "ImageOrientationPatient", "PlanePositionSequence", "PixelSpacing")
    assert not [element.keyword for element in dataset.iterall() if element.keyword in planes]


def test_the_report_has_the_measurements_and_refers_to_the_segments(stored):
    _, masses, _, segmentation, dataset = stored
    assert dataset.SOPClassUID == ComprehensiveSRStorage
    report = highdicom.sr.srread(read_again(dataset))
    groups = report.content.get_planar_roi_measurement_groups()
    for number, (group, mass) in enumerate(zip(groups, masses, strict=True), start=1):
        assert group.referenced_segmentation_frame.referenced_sop_instance_uid == segmentation.SOPInstanceUID
        assert group.tracking_uid == segmentation.SegmentSequence[number - 1].TrackingUID
        values = {
            (item.name.meaning.split(",")[0], item.unit.value): float(item.value) for item in group.get_measurements()
        }
        assert values["Area", "{pixels}"] == mass["area_px"]
        assert values["Area", "mm2"] == pytest.approx(mass["area_mm2"], abs=1e-3)
        assert values["Score", "1"] == pytest.approx(mass["score"], abs=1e-4)


def test_the_validator_finds_no_fault(stored, tmp_path):
    _, _, _, segmentation, report = stored
    assert faults(segmentation, tmp_path) == []
    assert faults(report, tmp_path) == []


def test_a_picture_is_stored_for_viewers_without_segmentations(server, archive, mammograms):
    params, _ = server.infer(mammograms[0].series, box=mammograms[0].boxes, store_picture=True)
    (uid,) = params["stored"]
    picture = archive.retrieve(uid)
    assert picture.SOPClassUID == SecondaryCaptureImageStorage
    assert (picture.Columns, picture.Rows) == (mammograms[0].header.Columns, mammograms[0].header.Rows)


def test_the_command_of_the_page_stores_all_three(server, archive, mammograms, tmp_path):
    (command,) = (block for block in curl_commands() if "$SERIES" in block)
    answer = json.loads(run_command(command, server.url, tmp_path, SERIES=mammograms[0].series))
    modalities = [archive.retrieve(uid).Modality for uid in answer["stored"]]
    assert modalities == ["SEG", "SR", "SR", "OT"]


def test_where_nothing_is_found_the_report_alone_is_stored(server, archive, mammograms):
    params, _ = server.infer(mammograms[0].series, box=mammograms[0].boxes[0], lesion_floor=255, store_dicom="true")
    (uid,) = params["stored"]
    assert archive.retrieve(uid).SOPClassUID == ComprehensiveSRStorage


def test_all_mammograms_of_the_archive_are_outlined_and_stored_in_one_request(server, archive, mammograms):
    answer = requests.post(
        f"{server.url}/batch/infer/{MODEL_NAME}", params={"run_sync": True}, json={"store_dicom": True}, timeout=180
    )
    assert answer.ok, answer.text
    results = answer.json()
    assert set(results) == {mammogram.series for mammogram in mammograms}
    for mammogram in mammograms:
        first = archive.retrieve(results[mammogram.series]["params"]["stored"][0])
        assert first.StudyInstanceUID == mammogram.header.StudyInstanceUID


def test_a_series_that_is_no_single_mammogram_is_refused(server, archive, mammograms, tmp_path):
    dataset = pydicom.dcmread(mammograms[0].path)
    dataset.SeriesInstanceUID = pydicom.uid.generate_uid()
    for name in ("left", "right"):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(tmp_path / f"{name}.dcm")
    archive.store(*tmp_path.iterdir())
    assert "has 2 images in the series" in server.refusal(dataset.SeriesInstanceUID)
    assert "has 0 images in the series" in server.refusal(pydicom.uid.generate_uid())
    assert "expected a Series Instance UID" in server.refusal("../../elsewhere")


def test_no_copy_of_an_image_is_left_behind(mammograms, server):
    server.infer(mammograms[0].series, box=mammograms[0].boxes)
    assert not list(server.temporary.glob("*.nii.gz"))


def test_training_on_an_archive_is_refused(server):
    answer = requests.post(f"{server.url}/train/{MODEL_NAME}", params={"run_sync": True}, json={}, timeout=60)
    assert answer.status_code == 400
    assert "DICOMweb archive" in answer.json()["detail"]


def test_an_archive_that_takes_nothing_is_told(server, archive, mammograms):
    """The last test: it ends the archive."""
    archive.stop()
    answer = server.ask(mammograms[0].series, box=mammograms[0].boxes, store_dicom=True)
    assert answer.status_code == 502
    assert "did not take" in answer.json()["detail"]
    assert not list(server.temporary.glob("*.nrrd")), "no label map is left behind"
    assert server.infer(mammograms[0].series, box=mammograms[0].boxes)
