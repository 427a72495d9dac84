"""A mask of its image's geometry, whatever the order of its pixels, is laid where it lies in the patient."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from dicom_files import write_mammogram
from monai.transforms import Compose, LoadImaged
from PIL import Image

from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.data import LoadMassROId, MammogramReader
from monai_rescunet.label.label_file import lay_label, read_geometry
from monai_rescunet.transforms import CropMassROId, ToLabelMapd

RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 4096, (40, 60)).astype(np.int16)  # columns, rows
MASK = np.zeros(LEVELS.shape, np.uint8)
MASK[5:12, 30:50] = 2
AFFINE = np.diag([-0.1, -0.1, 1.0, 1.0])
AFFINE[:3, 3] = 4, -7, 2


def reordered(array, affine, transposed, flips):
    """Return the same pixels in the same places in another order, and the affine that says so."""
    affine = affine.copy()
    for axis in flips:
        array = np.flip(array, axis)
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
    if transposed:
        array, affine = array.T, affine[:, [1, 0, 2, 3]]
    return array, affine


def save(path, array, affine, codes=(1, 1)):
    image = nibabel.Nifti1Image(np.ascontiguousarray(array)[..., None], affine)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    nibabel.save(image, path)
    return str(path)


ORDERS = [(transposed, flips) for transposed in (False, True) for flips in ((), (0,), (1,), (0, 1))]


def chains():
    keys = ["image", "label"]
    load = LoadImaged(keys, reader=MammogramReader(), ensure_channel_first=True)
    crop = {"roi_mode": "scaled", "roi_size": 32}
    return {
        "training": Compose([load, ToLabelMapd("label"), CropMassROId(keys, ["bilinear", "nearest"], **crop)]),
        "training at once": LoadMassROId(**crop),
        "inference": Compose([load, ToLabelMapd("label", undecided=True), CropMassROId("image", **crop)]),
    }


@pytest.mark.parametrize(("transposed", "flips"), ORDERS)
def test_a_mask_in_another_order_of_pixels_is_laid_by_its_geometry(tmp_path, transposed, flips):
    image = save(tmp_path / "image.nii.gz", LEVELS, AFFINE)
    same = save(tmp_path / "same.nii.gz", MASK, AFFINE)
    other = save(tmp_path / "other.nii.gz", *reordered(MASK, AFFINE, transposed, flips))
    for name, chain in chains().items():
        expected = chain({"image": image, "label": same})
        found = chain({"image": image, "label": other})
        assert found["roi"] == expected["roi"] == {"source": "label", "box": [5.0, 30.0, 12.0, 50.0]}, name
        assert torch.equal(found["label"].as_tensor(), expected["label"].as_tensor()), name
        assert torch.equal(found["image"].as_tensor(), expected["image"].as_tensor()), name


@pytest.mark.parametrize(("transposed", "flips"), ORDERS)
def test_a_nifti_mask_of_a_dicom_image_is_laid_too(tmp_path, transposed, flips):
    image = str(write_mammogram(tmp_path / "a.dcm", LEVELS.T.astype(np.uint16), ImagerPixelSpacing=[0.1, 0.1]))
    mask = save(tmp_path / "mask.nii.gz", *reordered(MASK, np.diag([-0.1, -0.1, 1, 1]), transposed, flips))
    for name, chain in chains().items():
        assert chain({"image": image, "label": mask})["roi"]["box"] == [5.0, 30.0, 12.0, 50.0], name


@pytest.mark.parametrize("change", ["moved", "turned", "stretched"])
def test_a_mask_that_lies_elsewhere_is_refused(tmp_path, change):
    affine = AFFINE.copy()
    if change == "moved":
        affine[0, 3] += 0.1
    elif change == "turned":
        affine[:2, :2] = [[-0.08, 0.06], [-0.06, -0.08]]
    else:
        affine[:2, :2] *= 1.02
    image = save(tmp_path / "image.nii.gz", LEVELS, AFFINE)
    mask = save(tmp_path / "mask.nii.gz", MASK, affine)
    for chain in chains().values():
        with pytest.raises(RuntimeError) as raised:  # as MONAI wraps what a transform raises
            chain({"image": image, "label": mask})
        assert "image.nii.gz: its mask lies elsewhere by their headers" in str(input_error_behind(raised.value))


@pytest.mark.parametrize("which", ["image", "mask", "png"])
def test_where_one_says_nothing_of_its_place_pixel_is_laid_on_pixel(tmp_path, which):
    image = save(tmp_path / "image.nii.gz", LEVELS, AFFINE, (0, 0) if which == "image" else (1, 1))
    mask = save(tmp_path / "mask.nii.gz", MASK, np.diag([1.0, -1, 1, 1]), (0, 0) if which == "mask" else (1, 1))
    if which == "png":
        mask = str(tmp_path / "mask.png")
        Image.fromarray(MASK.T).save(mask)
    for chain in chains().values():
        assert chain({"image": image, "label": mask})["roi"]["box"] == [5.0, 30.0, 12.0, 50.0]


def test_a_dicom_mask_of_another_spacing_is_laid_on_pixels_as_collections_have_them(tmp_path):
    image = str(write_mammogram(tmp_path / "a.dcm", LEVELS.T.astype(np.uint16), ImagerPixelSpacing=[0.1, 0.1]))
    mask = str(write_mammogram(tmp_path / "mask.dcm", MASK.T.astype(np.uint16)))
    assert chains()["training"]({"image": image, "label": mask})["roi"]["box"] == [5.0, 30.0, 12.0, 50.0]


def test_masks_of_one_image_lie_in_one_place(tmp_path):
    masks = [
        save(tmp_path / "a.nii.gz", MASK, AFFINE),
        save(tmp_path / "b.nii.gz", *reordered(MASK, AFFINE, False, (0,))),
    ]
    with pytest.raises(InputError, match="lie in different places"):
        MammogramReader().get_data([tmp_path / "a.nii.gz", *(Path(mask) for mask in masks[1:])])


@pytest.mark.parametrize(("transposed", "flips"), ORDERS)
def test_a_label_saved_through_the_server_is_laid_too(tmp_path, transposed, flips):
    image = save(tmp_path / "image.nii.gz", LEVELS, AFFINE)
    label = sitk.ReadImage(save(tmp_path / "label.nii.gz", *reordered(MASK, AFFINE, transposed, flips)))
    laid = lay_label(label, read_geometry(Path(image)), "label.nii.gz")
    assert np.array_equal(np.squeeze(sitk.GetArrayFromImage(laid)).T, MASK)


def test_a_label_that_lies_elsewhere_is_refused_and_one_without_a_place_is_not(tmp_path):
    geometry = read_geometry(Path(save(tmp_path / "image.nii.gz", LEVELS, AFFINE)))
    moved = AFFINE.copy()
    moved[0, 3] += 5
    label = sitk.ReadImage(save(tmp_path / "label.nii.gz", MASK, moved))
    with pytest.raises(InputError, match=r"label\.nii\.gz: the label map lies elsewhere"):
        lay_label(label, geometry, "label.nii.gz")
    placeless = sitk.ReadImage(save(tmp_path / "label.nii.gz", MASK, moved, (0, 0)))
    for name, each in (("label.nii.gz", placeless), ("label.png", label)):
        assert np.array_equal(np.squeeze(sitk.GetArrayFromImage(lay_label(each, geometry, name))).T, MASK)
