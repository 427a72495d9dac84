"""Label maps lie where ITK, and so the viewers, show their image: pixel to patient and back, by SimpleITK."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import write_mammogram
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BreastProjectionXRayImageStorageForPresentation,
    BreastTomosynthesisImageStorage,
    ComputedRadiographyImageStorage,
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import MammogramReader
from monai_rescunet.data.readers.mammogram import image_size
from monai_rescunet.results.label_geometry import label_nifti

PIXELS = np.random.default_rng(0).integers(0, 4096, (6, 4)).astype(np.uint16)
POINTS = [(0, 0), (3, 0), (0, 5), (2, 1)]


def groups(**named) -> Sequence:
    """Return the functional groups of one frame."""
    frame = Dataset()
    for name, attributes in named.items():
        item = Dataset()
        for keyword, value in attributes.items():
            setattr(item, keyword, value)
        setattr(frame, name, Sequence([item]))
    return Sequence([frame])


PLANE = {"ImagePositionPatient": [10, -20, 30], "ImageOrientationPatient": [0, 1, 0, 0.6, 0, -0.8]}
ONE_FRAME = {
    "SOPClassUID": BreastTomosynthesisImageStorage,
    "NumberOfFrames": 1,
    "ImageLaterality": None,
    "ViewPosition": None,
    "SharedFunctionalGroupsSequence": groups(
        PixelMeasuresSequence={"PixelSpacing": [0.1, 0.12], "SliceThickness": 2},
        PlaneOrientationSequence={"ImageOrientationPatient": [0, 1, 0, 0.6, 0, -0.8]},
        FrameAnatomySequence={"FrameLaterality": "R"},
    ),
    "PerFrameFunctionalGroupsSequence": groups(PlanePositionSequence={"ImagePositionPatient": [10, -20, 30]}),
}


def read_with_label(path: Path) -> tuple[np.ndarray, dict, sitk.Image]:
    """Return an image as it is read, its metadata, and a label map of it as ITK reads that."""
    array, meta = MammogramReader().get_data([path])
    label = path.with_name("label.nii.gz")
    label.write_bytes(label_nifti((array > np.median(array)).astype(np.uint8), meta))
    return array, meta, sitk.ReadImage(str(label))


def in_the_patient(image: sitk.Image) -> np.ndarray:
    rest = [0] * (image.GetDimension() - 2)
    return np.array(
        [[*image.TransformIndexToPhysicalPoint([*point, *rest]), 0][: image.GetDimension()] for point in POINTS]
    )


def assert_one_place(image: sitk.Image, label: sitk.Image) -> None:
    there = in_the_patient(label)
    assert np.allclose(in_the_patient(image)[:, : there.shape[1]], there, atol=1e-4)
    for point in POINTS:  # and back
        physical = image.TransformIndexToPhysicalPoint([*point, *[0] * (image.GetDimension() - 2)])
        assert label.TransformPhysicalPointToIndex(physical[: label.GetDimension()])[:2] == point


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"ImagerPixelSpacing": [0.07, 0.08]},
        {"ImagerPixelSpacing": [0.07, 0.08], "EstimatedRadiographicMagnificationFactor": 1.5},
        {"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06]},
        PLANE,
        PLANE | {"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06], "SliceThickness": 3},
        {"ImagePositionPatient": [10, -20, 30]},
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
        PLANE | {"SOPClassUID": SecondaryCaptureImageStorage, "PixelSpacing": [0.05, 0.06]},
        PLANE | {"SOPClassUID": ComputedRadiographyImageStorage, "PixelSpacing": [0.05, 0.06]},
        {"SOPClassUID": ComputedRadiographyImageStorage, "ImagerPixelSpacing": [0.05, 0.06]},
        ONE_FRAME,
        ONE_FRAME | {"PixelSpacing": [0.05, 0.06], "ImagerPixelSpacing": [0.07, 0.08]},
        ONE_FRAME | {"SOPClassUID": BreastProjectionXRayImageStorageForPresentation},
    ],
)
def test_a_label_map_lies_where_itk_shows_its_dicom_image(tmp_path, attributes):
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, **attributes)
    array, _, label = read_with_label(path)
    image = sitk.ReadImage(str(path))
    assert_one_place(image, label)
    shown = np.squeeze(sitk.GetArrayFromImage(image)).T
    assert np.array_equal(np.squeeze(sitk.GetArrayFromImage(label)).T, shown > np.median(shown))
    assert np.array_equal(array, shown)


def test_a_tomosynthesis_object_of_one_frame_has_its_spacing_and_side(tmp_path):
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399368009", "SCT", "medio-lateral oblique"
    path = write_mammogram(tmp_path / "a.dcm", PIXELS, ViewCodeSequence=Sequence([view]), **ONE_FRAME)
    _, meta = MammogramReader().get_data([path])
    assert meta["spacing"] == pytest.approx([0.12, 0.1])
    assert (meta["spacing_source"], meta["laterality"], meta["view"]) == ("reconstructed", "R", "MLO")


def nifti(shape=(4, 6), affine=None, codes=(0, 0), kind=nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    affine = np.diag([-0.07, 0.08, 1, 1]) if affine is None else affine
    image = kind(PIXELS.T.reshape(shape), affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    return image


TILTED = np.array([[0.0, 0.06, 0.8, 5], [-0.07, 0, 0, -7], [0, 0.08, -0.6, 9], [0, 0, 0, 1]])


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 2), (1, 3)])
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
@pytest.mark.parametrize("affine", [None, TILTED])
def test_a_label_map_has_the_header_of_its_nifti(tmp_path, kind, codes, shape, affine):
    nibabel.save(nifti(shape, affine, codes, kind), tmp_path / "a.nii.gz")
    _, meta, label = read_with_label(tmp_path / "a.nii.gz")
    nibabel.save(nifti(shape, affine, codes), tmp_path / "same.nii.gz")  # ITK reads no NIfTI-2
    image = sitk.ReadImage(str(tmp_path / "same.nii.gz"))
    assert label.GetSize() == image.GetSize()
    assert_one_place(image, label)
    header = nibabel.load(tmp_path / "label.nii.gz").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == codes
    assert header.get_xyzt_units()[0] == "mm"
    assert meta["geometry"] == ("nifti" if any(codes) else "none")


def test_no_text_of_a_nifti_header_reaches_its_label_map(tmp_path):
    image = nifti()
    for name in ("descrip", "db_name", "aux_file", "intent_name"):
        image.header[name] = b"Doe^Jane"
    image.header["scl_slope"], image.header["scl_inter"] = 2, 1
    nibabel.save(image, tmp_path / "a.nii")
    _, meta, label = read_with_label(tmp_path / "a.nii")
    assert b"Doe" not in bytes(np.asarray(meta["nifti_header"]))
    assert set(np.unique(sitk.GetArrayFromImage(label))) == {0, 1}


def test_a_label_map_says_by_what_spacing_its_area_is_where_viewers_show_another(tmp_path):
    for attributes, said in (
        ({"ImagerPixelSpacing": [0.1, 0.1]}, ""),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.6},
            "area_mm2: 0.0625 x 0.0625 mm (estimated)",
        ),
        ({"PixelSpacing": [0.05, 0.06]}, "area_mm2: 0.06 x 0.05 mm (unspecified)"),
    ):
        read_with_label(write_mammogram(tmp_path / "a.dcm", PIXELS, **attributes))
        assert nibabel.load(tmp_path / "label.nii.gz").header["descrip"].item().decode() == said


def test_the_size_of_a_nifti_is_read_from_its_header_alone(tmp_path, monkeypatch):
    for name in ("a.nii", "a.nii.gz"):
        nibabel.save(nifti((4, 6, 1)), tmp_path / name)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("the pixels were read"))
    assert image_size(tmp_path / "a.nii") == image_size(tmp_path / "a.nii.gz") == (4, 6)


@pytest.mark.parametrize("kind", ["rgb", "complex"])
def test_a_nifti_without_grey_levels_is_refused(tmp_path, kind):
    pixels = np.zeros((4, 6), np.complex64 if kind == "complex" else [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"a\.nii: holds .*; expected grey levels"):
        MammogramReader().get_data([tmp_path / "a.nii"])
