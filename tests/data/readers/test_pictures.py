"""Pictures with all the bits they have, turned as viewers show them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.mammogram import image_format, image_size, read_mammogram

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (6, 4)).astype(np.uint16)
# what viewers show of rows and columns stored so (TIFF 6.0, Orientation)
SHOWN = {
    1: DEEP, 2: DEEP[:, ::-1], 3: DEEP[::-1, ::-1], 4: DEEP[::-1],
    5: DEEP.T, 6: np.rot90(DEEP, -1), 7: DEEP[::-1, ::-1].T, 8: np.rot90(DEEP),
}  # fmt: skip


def read(path):
    """Return the picture as it is shown, `(rows, columns)`, having compared its size."""
    array, _ = read_mammogram(path)
    assert image_size(path) == array.shape
    return array.T


def with_alpha(grey, alpha=None):
    most = np.iinfo(grey.dtype).max
    return np.stack([grey, np.full_like(grey, most if alpha is None else alpha)], axis=-1)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("orientation", SHOWN)
def test_a_tiff_is_turned_as_it_says_whatever_its_compression(tmp_path, compression, orientation):
    Image.fromarray(DEEP).save(tmp_path / "a.tif", compression=compression, tiffinfo={274: orientation})
    assert np.array_equal(read(tmp_path / "a.tif"), SHOWN[orientation])


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_is_turned_as_its_exif_says(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    levels = np.kron((DEEP >> 8).astype(np.uint8), np.ones((8, 8), np.uint8))  # blocks of JPEG
    Image.fromarray(levels).save(tmp_path / "a", format=kind, exif=exif)
    expected = np.kron((SHOWN[orientation] >> 8).astype(int), np.ones((8, 8), int))
    assert np.abs(read(tmp_path / "a").astype(int) - expected).max() <= 2


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_grey_tiff_of_16_bits_in_colours_keeps_its_levels(tmp_path, planar):
    colours = np.stack([DEEP] * 3, axis=0 if planar == "separate" else -1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", planarconfig=planar)
    assert np.array_equal(read(tmp_path / "a.tif"), DEEP)
    colours.flat[5] ^= 1  # a difference in the lowest bit
    tifffile.imwrite(tmp_path / "b.tif", colours, photometric="rgb", planarconfig=planar)
    with pytest.raises(InputError, match=r"b\.tif: is a colour image"):
        read(tmp_path / "b.tif")


def test_alpha_of_16_bits_may_hide_nothing(tmp_path):
    colours = np.concatenate([np.stack([DEEP] * 3, -1), np.full((6, 4, 1), 65535, np.uint16)], -1)
    for channels, photometric in ((with_alpha(DEEP), "minisblack"), (colours, "rgb")):
        tifffile.imwrite(tmp_path / "a.tif", channels, photometric=photometric, extrasamples=["unassalpha"])
        assert np.array_equal(read(tmp_path / "a.tif"), DEEP)
        channels[0, 0, -1] = 65534
        tifffile.imwrite(tmp_path / "a.tif", channels, photometric=photometric, extrasamples=["unassalpha"])
        with pytest.raises(InputError, match="transparent"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [np.uint32, np.int32, np.int16, np.float16, np.float32, np.float64])
def test_a_tiff_of_any_numbers_keeps_them(tmp_path, kind):
    levels = (DEEP.astype(np.int64) * 65537 if kind == np.uint32 else DEEP // 64).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", levels)
    assert image_format(tmp_path / "a.tif") == "tiff"
    assert np.array_equal(read(tmp_path / "a.tif"), levels)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_of_either_byte_order_and_size(tmp_path, byteorder, big):
    tifffile.imwrite(tmp_path / "a.tif", DEEP, byteorder=byteorder, bigtiff=big)
    array = read(tmp_path / "a.tif")
    assert np.array_equal(array, DEEP)
    assert array.dtype.isnative


def test_the_slices_of_a_tiff_are_counted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([DEEP] * 3), imagej=True)  # which has one page
    with pytest.raises(InputError, match="3 frames"):
        read(tmp_path / "a.tif")


def test_a_compression_that_would_leave_8_of_16_bits_is_refused(tmp_path):
    colours = np.stack([DEEP] * 3, -1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    where = content.index((259).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    content[where + 8 : where + 10] = (5).to_bytes(2, "little")  # as if it were LZW
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match="several channels of 16 bits"):
        read(tmp_path / "a.tif")


def test_a_png_of_several_channels_of_16_bits_is_refused_with_a_remedy(tmp_path):
    """Pillow would read 8 of the 16; a mask of the values 0 and 1 would be empty."""
    import struct
    import zlib

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    for colour, channels in ((2, 3), (4, 2), (6, 4)):
        rows = b"".join(b"\0" + np.full((4, channels), 1, ">u2").tobytes() for _ in range(6))
        header = struct.pack(">IIBBBBB", 4, 6, 16, colour, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        (tmp_path / "a.png").write_bytes(png)
        with pytest.raises(InputError, match=r"a\.png: has several channels of 16 bits.*save it as one channel"):
            read(tmp_path / "a.png")


def test_a_level_that_stands_for_transparency_is_refused_where_it_occurs(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png", transparency=int(GREY[0, 0]))
    with pytest.raises(InputError, match="transparent"):
        read(tmp_path / "a.png")
    unused = next(level for level in range(256) if level not in GREY)
    Image.fromarray(GREY).save(tmp_path / "a.png", transparency=unused)
    assert np.array_equal(read(tmp_path / "a.png"), GREY)


@pytest.mark.parametrize("colours", [False, True])
def test_a_tiff_with_a_palette(tmp_path, colours):
    indices = (GREY % 4).astype(np.uint8)
    ramp = np.arange(256, dtype=np.uint16)[::-1] * 257
    palette = np.stack([ramp, ramp // 2 if colours else ramp, ramp])
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=palette)
    assert np.array_equal(read(tmp_path / "a.tif"), indices if colours else 255 - indices)


@pytest.mark.parametrize("kind", ["GIF", "ICO", "WEBP", "BMP", "EPS"])
def test_other_formats_are_not_opened_at_all(tmp_path, kind, monkeypatch):
    path = tmp_path / "a.png"
    if kind == "EPS":
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 6\n%%EndComments\n")
    else:
        Image.fromarray(GREY).convert("RGB").save(path, format=kind)
    assert image_format(path) is None
    with pytest.raises(InputError, match=r"a\.png: it is .*(expected DICOM|save it as PNG)"):
        read(path)


def test_a_compression_that_nothing_here_reads_is_told_by_name(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(50000)  # Zstandard
    with pytest.raises(InputError, match=r"a\.tif: .* nothing here reads its compression \(50000\): save it uncompr"):
        read_mammogram(path)


@pytest.mark.parametrize(("kind", "factor"), [(np.float64, 1e300), (np.float32, 1e33), (np.float64, 1e-300)])
def test_levels_that_single_precision_mixes_up_are_refused(tmp_path, kind, factor):
    tifffile.imwrite(tmp_path / "a.tif", DEEP.astype(kind) * kind(factor))
    with pytest.raises(InputError, match=r"a\.tif: its grey levels go from .* out of reach .*: scale them"):
        read_mammogram(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", DEEP.astype(kind) * kind(1e-9))
    assert np.array_equal(read(tmp_path / "b.tif"), DEEP.astype(kind) * kind(1e-9))
