import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from skimage.draw import ellipse

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms import CropMassROI, CropMassROId
from monai_rescunet.transforms.region import Region

SIZES = [(301, 200), (200, 301), (255, 257), (64, 500), (40, 33)]


def label_with_ellipse(size: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> torch.Tensor:
    label = torch.zeros(1, *size)
    x, y = ellipse(*centre, *radii, shape=size)
    label[0, x, y] = 2
    return label


def dice(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


class TestRegion:
    def test_scaled_is_context_times_the_longer_side_round_the_lesion(self):
        assert CropMassROI(roi_context=2).region((1000, 800), [400, 300, 500, 340]) == Region(350, 220, 200, 200)

    def test_fitted_is_context_times_the_box_in_width_and_height(self):
        crop = CropMassROI("fitted", roi_context=1.5)
        assert crop.region((1000, 800), [400, 300, 500, 380]) == Region(375, 280, 150, 120)

    def test_fitted_stretches_a_long_box_by_two_at_most(self):
        assert CropMassROI("fitted", roi_context=1).region((900, 800), [400, 300, 500, 310])[2:] == (100, 50)

    def test_fitted_takes_a_tight_crop_whole(self):
        """As a collection of crops has them: 1.1 times the longer side of a mass that is less high than wide."""
        assert CropMassROI("fitted", roi_context=1.25).region((256, 256), [12, 60, 244, 190]) == Region(0, 0, 256, 256)

    @pytest.mark.parametrize("box", [None, [0, 0, 100, 380], [10, 20, 90, 370]])
    def test_fitted_takes_a_narrow_crop_whole_without_reflecting_it(self, box):
        assert CropMassROI("fitted", roi_context=1.1).region((100, 380), box) == Region(0, 0, 100, 380)

    def test_window_has_one_size_in_pixels_where_the_spacing_is_unknown(self):
        crop = CropMassROI("window", window_size=(45, 512))
        assert crop.region((2000, 2000), [990, 990, 1010, 1010]).width == 512

    def test_window_has_one_size_in_mm_where_the_spacing_is_known(self):
        crop = CropMassROI("window", window_size=(45, 512))
        assert crop.region((2000, 2000), [990, 990, 1010, 1010], spacing=(0.1, 0.1)).width == 450

    def test_a_single_window_size_is_in_pixels(self):
        crop = CropMassROI("window", window_size=300)
        assert crop.region((2000, 2000), [990, 990, 1010, 1010], spacing=(0.1, 0.1)).width == 300

    def test_window_grows_where_the_lesion_with_its_margin_does_not_fit(self):
        crop = CropMassROI("window", window_size=200, window_margin=1.25)
        assert crop.region((2000, 2000), [800, 900, 1200, 1000]).width == 500

    def test_a_point_is_the_middle_of_a_window(self):
        assert CropMassROI(window_size=100).region((500, 500), point=[250, 200]) == Region(200, 150, 100, 100)

    def test_without_box_or_point_it_is_the_whole_image(self):
        assert CropMassROI().region((300, 300)) == Region(0, 0, 300, 300)
        assert CropMassROI().region((300, 200)) == Region(0, -50, 300, 300)

    @given(
        size=st.tuples(st.integers(20, 600), st.integers(20, 600)),
        corner=st.tuples(st.floats(0, 0.95), st.floats(0, 0.95)),
        extent=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
        mode=st.sampled_from(["scaled", "window", "fitted"]),
    )
    def test_it_is_shifted_into_the_image_and_holds_the_lesion(self, size, corner, extent, mode):
        x, y = (fraction * length for fraction, length in zip(corner, size, strict=True))
        box = [x, y, *(min(c + max(e * n, 1), n) for c, e, n in zip((x, y), extent, size, strict=True))]
        region = CropMassROI(mode, roi_context=1.5, window_size=100).region(size, box)
        for start, side, length, low, high in (
            (region.x, region.width, size[0], box[0], box[2]),
            (region.y, region.height, size[1], box[1], box[3]),
        ):
            if side <= length:
                assert start >= 0
                assert start + side <= length
            else:  # too small to fill: padded on both sides
                assert start <= 0
                assert start + side >= length
            assert start <= low + 1
            assert start + side >= high - 1
            assert side <= max(size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["scaled", "window", "fitted"])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.5, 0.5), (0.95, 0.9)])
def test_label_map_comes_back_where_it_was(size, mode, corner):
    """At odd sizes, at borders, in images that are not square."""
    centre = (corner[0] * size[0], corner[1] * size[1])
    label = label_with_ellipse(size, centre, (size[0] / 8 + 2, size[1] / 8 + 2))
    crop = CropMassROId(keys=["image", "label"], mode=["bilinear", "nearest"], roi_mode=mode, window_size=120)
    pipeline = Compose([crop])
    entry = pipeline({"image": MetaTensor(torch.rand(1, *size)), "label": MetaTensor(label)})
    assert entry["image"].shape == entry["label"].shape == (1, 256, 256)
    back = pipeline.inverse(entry)
    assert back["label"].shape == label.shape
    assert set(back["label"].unique().tolist()) == {0, 2}
    assert dice(back["label"] > 0, label > 0) > 0.97
    assert back["label"].applied_operations == []


def test_prediction_is_inverted_by_invertd_at_subpixel_accuracy():
    """A blurred disc found in the ROI lies in the mammogram where it was drawn."""
    columns, rows = torch.meshgrid(torch.arange(700.0), torch.arange(500.0), indexing="ij")
    blob = torch.exp(-((columns - 333.3) ** 2 + (rows - 141.7) ** 2) / (2 * 20**2))[None]
    pipeline = Compose([CropMassROId(keys="image", roi_context=2, roi_size=128)])
    affine = torch.diag(torch.tensor([-0.07, 0.08, 1.0, 1.0], dtype=torch.float64))
    affine[:2, 3] = torch.tensor([3, 4])
    entry = pipeline({"image": MetaTensor(blob, affine=affine), "box": [250, 60, 410, 220]})
    entry["pred"] = entry["image"].clone()
    invert = Invertd(keys="pred", transform=pipeline, orig_keys="image", nearest_interp=False)
    inverted = invert(entry)["pred"]
    assert torch.allclose(inverted.affine, affine)
    full = inverted[0]
    assert full.shape == (700, 500)
    assert float((full * columns).sum() / full.sum()) == pytest.approx(333.3, abs=0.05)
    assert float((full * rows).sum() / full.sum()) == pytest.approx(141.7, abs=0.05)
    inside = (slice(260, 400), slice(70, 210))
    assert float((full[inside] - blob[0][inside]).abs().max()) < 0.03


@pytest.mark.parametrize("keys", ["image", ["image", "label"]])
@pytest.mark.parametrize("box", [{}, {"box": [10, 10, 30, 30]}])
def test_a_mask_of_another_size_is_refused_whether_it_is_cropped_or_only_says_where(keys, box):
    entry = {"image": torch.rand(1, 90, 60), "label": label_with_ellipse((60, 90), (30, 30), (10, 10)), **box}
    with pytest.raises(InputError, match=r"label has \(60, 90\) pixels and the image \(90, 60\)"):
        CropMassROId(keys=keys)(entry)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_an_image_too_small_goes_on_in_its_reflection(mode):
    image = torch.arange(5 * 60.0).reshape(1, 5, 60)
    crop = CropMassROI(roi_size=60, extent=1.2)(image, mode=mode)
    expected = np.pad(image[0].numpy(), ((34, 33), (6, 6)), mode="symmetric")
    assert torch.equal(crop[0].as_tensor(), torch.from_numpy(expected))


def test_outside_the_roi_the_inverted_map_is_zero():
    crop = CropMassROI(roi_context=1, roi_size=32, min_side=1)
    full = crop.inverse(crop(torch.ones(1, 90, 70), box=[10, 20, 40, 50]))
    expected = torch.zeros(1, 90, 70)
    expected[0, 10:40, 20:50] = 1
    assert torch.allclose(full.as_tensor(), expected)


def test_affine_says_where_each_pixel_of_the_roi_lies():
    image = MetaTensor(torch.rand(1, 300, 300), affine=torch.diag(torch.tensor([0.1, 0.1, 1.0, 1.0])))
    roi = CropMassROI(roi_context=2, roi_size=50)(image, box=[100, 120, 150, 170])
    corner_centre = roi.affine @ torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    # the first ROI pixel covers pixels 75 and 76 (95 and 96): its middle is at 75.5 (95.5) of the image's pixels
    assert corner_centre[:2].tolist() == pytest.approx([7.55, 9.55])


def test_reduction_is_antialiased():
    """A pattern of single-pixel stripes turns grey, not into other stripes."""
    stripes = (torch.arange(400) % 2).float().expand(1, 400, 400).clone()
    roi = CropMassROI(roi_size=100)(stripes)
    assert roi.std() < 0.05


def test_centre_of_a_wider_crop_is_the_roi():
    image = torch.rand(1, 600, 600)
    box = [250, 260, 350, 330]
    roi = CropMassROI(roi_context=2.56, roi_size=256)(image, box)
    wide = CropMassROI(roi_context=2.56, roi_size=256, extent=1.5)(image, box)
    assert wide.shape == (1, 384, 384)
    assert torch.allclose(wide[:, 64:-64, 64:-64], roi, atol=1e-6)


def test_roi_source_is_box_then_point_then_label_then_a_crops_whole_image():
    label = label_with_ellipse((100, 100), (50, 50), (10, 10))
    crop = CropMassROId(keys="image")
    image = torch.rand(1, 100, 100)
    entry = {"image": image, "crop": True, "label": label, "point": [50, 50], "box": [10, 10, 20, 20]}
    for key, source in (("box", "box"), ("point", "point"), ("label", "label"), ("crop", "image")):
        assert crop(entry)["roi"]["source"] == source
        entry.pop(key)
    with pytest.raises(InputError, match="nothing says where its mass is"):
        crop(entry)


def test_jittered_boxes_depend_on_the_entry_alone():
    image = MetaTensor(torch.rand(1, 500, 500), meta={"filename_or_obj": "a/b.png"})
    jittered = CropMassROId(keys="image", box_jitter=0.1, jitter_seed=3)

    def box(**entry: object) -> list[float]:
        return jittered({"image": image, "box": [200, 200, 300, 300], **entry})["roi"]["box"]

    assert box() == box()
    assert box() != [200, 200, 300, 300]
    assert box(mass=1) != box(mass=0)


def test_errors_name_the_image():
    image = MetaTensor(torch.rand(1, 100, 100), meta={"filename_or_obj": "case3.png"})
    with pytest.raises(InputError, match=r"^case3\.png: the box"):
        CropMassROId(keys="image")({"image": image, "box": [200, 0, 300, 10]})
    with pytest.raises(InputError, match=r"^case3\.png: its label has \(50, 100\) pixels"):
        CropMassROId(keys=["image", "label"])({"image": image, "label": torch.ones(1, 50, 100), "box": [0, 0, 9, 9]})


@pytest.mark.parametrize(
    "parameters",
    [{"roi_mode": "tight"}, {"roi_context": 0.9}, {"extent": 0.5}, {"window_size": 0}, {"window_size": (1, 2, 3)}],
)
def test_parameters_outside_their_range_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        CropMassROI(**parameters)


@settings(max_examples=30, deadline=None)
@given(st.integers(33, 400), st.integers(33, 400), st.integers(0, 2**16))
def test_any_image_with_a_lesion_gives_an_roi_that_holds_it(columns, rows, seed):
    rng = np.random.default_rng(seed)
    label = label_with_ellipse(
        (columns, rows),
        (rng.uniform(0, columns - 1), rng.uniform(0, rows - 1)),
        (rng.uniform(2, 40), rng.uniform(2, 40)),
    )
    entry = {"image": torch.rand(1, columns, rows), "label": label}
    crop = CropMassROId(keys=["image", "label"], mode=["bilinear", "nearest"], roi_size=64)
    assert (crop.inverse(crop(entry))["label"] > 0).any()
