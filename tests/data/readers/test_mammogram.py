from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_files import write_mammogram
from monai.transforms import LoadImaged
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import MammogramReader
from monai_rescunet.data.readers.mammogram import image_format, image_size, image_stem

GREY = np.random.default_rng(0).integers(0, 256, (6, 4), dtype=np.uint8)
DEEP = np.random.default_rng(0).integers(0, 65536, (6, 4)).astype(np.uint16)


def load(*paths):
    return LoadImaged(keys="image", reader=MammogramReader, ensure_channel_first=True)({"image": list(paths)})["image"]


PICTURES = ["a.png", "a.tif", "a.pgm", "a.png.dcm", "no_suffix"]


@pytest.mark.parametrize(("name", "array"), [(name, array) for name in PICTURES for array in (GREY, DEEP)])
def test_pictures_are_told_by_content_and_read_exactly(tmp_path, name, array):
    kind = {"a.tif": "tiff", "a.pgm": "ppm"}.get(name, "png")
    path = tmp_path / name
    Image.fromarray(array).save(path, format=kind)
    image = load(path)
    assert image.shape == (1, 4, 6)
    assert np.array_equal(image[0].numpy(), array.T)
    assert image.meta["spacing_source"] == "unknown"
    assert image_size(path) == (4, 6)


def test_dicom_and_its_png_mask_have_the_same_axes(tmp_path, write_png):
    """A picture that is not square, with one bright corner."""
    mask = np.zeros((60, 40), np.uint8)
    mask[50:, 5:15] = 255
    dicom = load(write_mammogram(tmp_path / "image.dcm", mask.astype(np.uint16) * 8))
    png = load(write_png(mask, "mask.png"))
    assert dicom.shape == png.shape == (1, 40, 60)
    assert np.array_equal(dicom.numpy() > 0, png.numpy() > 0)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img"])
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_nifti_is_told_by_content(tmp_path, shape, suffix):
    image = nibabel.Nifti1Image(DEEP.T.reshape(shape), np.diag([0.07, 0.08, 1, 1]))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(image.to_bytes())
    loaded = load(path)
    assert np.array_equal(loaded[0].numpy(), DEEP.T)
    assert loaded.meta["spacing_source"] == "nifti"
    assert loaded.meta["spacing"] == pytest.approx([0.07, 0.08])
    assert image_format(path) == "nifti"
    assert image_size(path) == (4, 6)


def test_nifti_of_1_mm_has_an_unknown_spacing(tmp_path):
    nibabel.save(nibabel.Nifti1Image(DEEP.T, np.eye(4)), tmp_path / "a.nii.gz")
    meta = load(tmp_path / "a.nii.gz").meta
    assert meta["spacing_source"] == "unknown"
    assert "spacing" not in meta


@pytest.mark.parametrize(("unit", "length"), [("meter", 7e-5), ("mm", 0.07), ("micron", 70), ("unknown", 0.07)])
def test_niftis_unit_of_length_counts(tmp_path, unit, length):
    image = nibabel.Nifti1Image(DEEP.T, np.diag([length, length, 1, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert load(tmp_path / "a.nii.gz").meta["spacing"] == pytest.approx([0.07, 0.07])


def test_a_volume_is_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 6, 3), np.uint8), np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="expected one slice"):
        load(tmp_path / "a.nii.gz")


def test_a_grey_picture_in_colour_channels_is_grey(tmp_path):
    Image.fromarray(np.repeat(GREY[..., None], 3, axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(load(tmp_path / "a.png")[0].numpy(), GREY.T)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_colour_picture_is_refused(tmp_path, mode):
    colour = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colour).convert(mode).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="colour image"):
        load(tmp_path / "a.png")


def test_a_transparent_picture_is_refused(tmp_path):
    Image.fromarray(GREY).convert("LA").save(tmp_path / "a.png")
    assert np.array_equal(load(tmp_path / "a.png")[0].numpy(), GREY.T)
    faint = Image.fromarray(GREY).convert("LA")
    faint.putalpha(100)
    faint.save(tmp_path / "b.png")
    with pytest.raises(InputError, match="transparent"):
        load(tmp_path / "b.png")


def test_a_label_map_with_a_palette_keeps_its_values(tmp_path):
    """3, a mass whose class nobody says, among them."""
    label = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8)).convert("P")
    label.putpalette([0, 0, 0, 10, 200, 30, 250, 20, 20, 240, 228, 66])
    label.save(tmp_path / "a.png")
    assert load(tmp_path / "a.png")[0].tolist() == [[0, 2], [1, 3]]


def test_several_masks_become_channels(write_png):
    paths = [write_png(GREY, "a.png"), write_png(GREY // 2, "b.png")]
    assert load(*paths).shape == (2, 4, 6)
    with pytest.raises(InputError, match="different sizes"):
        load(paths[0], write_png(GREY[:3], "c.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"hello, I am text", "none of the known formats"), (b"\x89PNG\r\n\x1a\n123", "cut off")],
)
def test_what_is_no_image_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.png: it is.*{message}"):
        load(path)


def test_a_picture_cut_off_is_refused(write_png):
    path = write_png(np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut off"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"b\.png: there is no such file"):
        load(tmp_path / "b.png")


def test_several_frames_are_refused(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(GREY)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="2 frames"):
        load(tmp_path / "a.tif")


@pytest.mark.parametrize("colours", [2, 3])
def test_a_palette_of_greys_means_its_greys_and_one_of_colours_its_indices(tmp_path, colours):
    grey = np.array([[0, 255, 0, 128 if colours == 3 else 255, 0, 0]], np.uint8)
    quantised = Image.fromarray(grey).quantize(colours)
    assert quantised.getpalette()[:3] != [0, 0, 0]  # Pillow puts the brightest first
    quantised.save(tmp_path / "grey.png")
    assert np.array_equal(load(tmp_path / "grey.png")[0].numpy(), grey.T)

    labels = np.array([[0, 1, 2, 0]], np.uint8)
    for palette in ([0, 0, 0, 86, 180, 233, 230, 97, 1], [0] * 9):
        image = Image.fromarray(labels).convert("P")
        image.putpalette(palette)
        image.save(tmp_path / "labels.png")
        assert np.array_equal(load(tmp_path / "labels.png")[0].numpy(), labels.T)


def test_a_picture_of_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False, False]])).save(tmp_path / "bits.png")
    assert load(tmp_path / "bits.png").flatten().tolist() == [255, 0, 0]


@pytest.mark.parametrize("array", [GREY, DEEP])
def test_a_tiff_whose_white_is_zero_is_inverted(tmp_path, array):
    Image.fromarray(array).save(tmp_path / "a.tif", tiffinfo={262: 0})
    with Image.open(tmp_path / "a.tif") as image:
        assert image.tag_v2[262] == 0
    stored = array if array.dtype != np.uint8 else 255 - array  # Pillow writes 8 bits inverted
    expected = np.iinfo(array.dtype).max - stored
    assert np.array_equal(load(tmp_path / "a.tif")[0].numpy(), expected.T)


def test_nan_in_nifti_is_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.array([[1.0, np.nan]]), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match="holds NaN or infinite values"):
        load(tmp_path / "a.nii")


def test_damaged_gzip_and_a_picture_too_large_are_no_images(tmp_path, write_png):
    damaged = bytearray(gzip.compress(bytes(1000)))
    damaged[10] ^= 0xFF
    (tmp_path / "a.nii.gz").write_bytes(damaged)
    assert image_format(tmp_path / "a.nii.gz") is None

    huge = bytearray(write_png(GREY, "b.png").read_bytes())
    huge[16:24] = (20000).to_bytes(4, "big") * 2
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (tmp_path / "b.png").write_bytes(huge)
    assert image_format(tmp_path / "b.png") is None


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.png", "a"),
        ("a.nii.gz", "a"),
        ("1.2.840.1", "1.2.840.1"),
        ("1.2.840.1.dcm", "1.2.840.1"),
        ("P1.L.tif", "P1.L"),
    ],
)
def test_a_stem_is_the_name_without_the_suffix_of_an_image(name, stem):
    assert image_stem(Path(name)) == stem
