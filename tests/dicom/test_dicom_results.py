"""DICOM results as inference writes them, judged by an independent validator, dciodvfy of dicom3tools."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from known_masses import masses_of
from pydicom.uid import JPEG2000Lossless, SecondaryCaptureImageStorage, generate_uid

from monai_rescunet import predict
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, LeftOutError
from monai_rescunet.core.provenance import read_provenance
from monai_rescunet.dicom import DICOM_KINDS, dicom_results

WEIGHTS = bundle_root() / "models" / "model.pt"


def faults(path) -> list[str]:
    """Return the errors that dciodvfy finds."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    assert done.stderr.strip(), "dciodvfy names the IOD that it recognises"
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def assert_valid(source, masses, folder) -> None:
    for kind, content in dicom_results(source, masses).items():
        path = folder / f"{kind}.dcm"
        path.write_bytes(content)
        assert faults(path) == [], kind


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PixelSpacing": [0.1, 0.1]},
        {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.1},
        {"FrameOfReferenceUID": "1.2.3.4"},
        {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "RG", "PatientOrientation": None},
        {"PatientName": None, "PatientID": None, "PatientBirthDate": None, "PatientSex": None, "StudyDate": None},
    ],
    ids=["plain", "MONOCHROME1", "calibrated", "estimated", "frame of reference", "film", "anonymous"],
)
def test_the_validator_finds_no_fault(mammogram, three_masses, tmp_path, attributes):
    assert_valid(mammogram(**attributes), three_masses, tmp_path)


def test_the_validator_finds_no_fault_where_nothing_was_outlined(mammogram, three_masses, tmp_path):
    assert set(dicom_results(mammogram(), three_masses[1:2])) == {"sr", "cad", "sc"}
    assert_valid(mammogram(), three_masses[1:2], tmp_path)


def test_the_validator_finds_no_fault_in_results_of_real_mammograms(real_mammograms, tmp_path):
    for source in real_mammograms:
        assert_valid(source, masses_of(source), tmp_path)


def test_compressed_sources_are_fine(mammogram, three_masses, tmp_path):
    source = mammogram()
    dataset = pydicom.dcmread(source)
    dataset.compress(JPEG2000Lossless)
    dataset.save_as(source)
    assert_valid(source, three_masses, tmp_path)


def test_a_report_comes_with_the_segmentation_it_refers_to(mammogram, three_masses):
    assert set(dicom_results(mammogram(), three_masses, ["sr"])) == {"seg", "sr"}


def test_inference_writes_them_beside_the_label_map(mammogram, tmp_path):
    source = mammogram()
    masses = predict(source, box=[[2, 2, 30, 50], [10, 20, 41, 60]], out=tmp_path / "out", dicom=list(DICOM_KINDS))
    written = {path.name for path in (tmp_path / "out").glob("*.dcm")}
    found = [each for each in masses if each["decision"] != "no lesion"]
    assert written == {f"mammogram_{kind}.dcm" for kind in DICOM_KINDS if found or kind != "seg"}
    if found:
        segmentation = pydicom.dcmread(tmp_path / "out" / "mammogram_seg.dcm")
        (algorithm,) = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmVersion == read_provenance(WEIGHTS, bundle_root()).version
        frames = segmentation.pixel_array.reshape(-1, 60, 41)
        assert all((each["mask"] == frame.T).all() for frame, each in zip(frames, found, strict=True))


def test_a_batch_has_one_valid_cad_report_a_study_which_names_both_networks(mammogram, tmp_path):
    study = {"StudyInstanceUID": generate_uid()}
    breast = (np.clip(1 - np.hypot(*(np.mgrid[-30:30, :41])) / 28, 0, 1) * 3000).astype(np.uint16)
    sources = [mammogram(f"{name}.dcm", breast, **study) for name in "abc"]
    damaged = pydicom.dcmread(sources[1])
    del damaged.PixelData
    damaged.save_as(sources[1])
    with pytest.raises(LeftOutError, match=r"1 of 11 masses were left out"):
        predict(sources, find_threshold=0.0, out=tmp_path / "out", dicom=["cad"])
    (path,) = (tmp_path / "out").glob("*.dcm")
    assert path.name == "a_cad.dcm"
    assert faults(path) == []
    text = pydicom.dcmread(path).to_json()
    assert "Partially Succeeded" in text
    assert read_provenance(WEIGHTS, bundle_root()).version in text
    assert read_provenance(WEIGHTS.with_name("finder.pt"), bundle_root()).version in text


def test_other_images_are_told_to_have_no_dicom_result(tmp_path, write_png, caplog):
    source = write_png(np.random.default_rng(0).integers(0, 255, (60, 50)).astype(np.uint8))
    predict(source, crop=True, out=tmp_path / "out", dicom=["seg"])
    assert "image.png: is no DICOM image" in caplog.text
    assert (tmp_path / "out" / "image_label.png").is_file()


def test_an_unknown_kind_is_refused_before_inference(mammogram, tmp_path):
    with pytest.raises(InputError, match="expected some of seg, sr, cad, sc, not 'pdf'"):
        predict(mammogram(), out=tmp_path / "out", dicom=["pdf"])


WITHOUT_HIGHDICOM = """
import sys
sys.modules["highdicom"] = None
import monai_rescunet.data.readers.dicom
from monai_rescunet.handlers import SaveMassResults
SaveMassResults(None)
try:
    SaveMassResults(None, dicom=["seg"])
except ValueError as error:
    print(error)
"""


def test_without_highdicom_the_error_names_feature_and_extra():
    done = subprocess.run([sys.executable, "-c", WITHOUT_HIGHDICOM], capture_output=True, text=True, check=True)
    assert "results as DICOM" in done.stdout
    assert "pip install 'monai-rescunet[dicom]'" in done.stdout
