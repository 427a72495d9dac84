import numpy as np
import pytest
import torch

from monai_rescunet.transforms import NormalizeTone, NormalizeToned, ScaleBreastIntensity, ScaleBreastIntensityd


def test_percentiles_of_the_breast_become_zero_and_one():
    rng = np.random.default_rng(0)
    image = rng.uniform(1000, 3000, (1, 64, 64)).astype(np.float32)
    low, high = np.percentile(image, (1, 99))
    expected = np.clip((image - low) / (high - low), 0, 1)
    assert np.allclose(ScaleBreastIntensity()(torch.from_numpy(image)), expected, atol=2e-3)


def test_padding_and_air_do_not_change_how_the_breast_looks():
    breast = torch.rand(1, 64, 64) * 500 + 100
    padded = torch.zeros(1, 64, 96)
    padded[..., :64] = breast
    scale = ScaleBreastIntensity()
    assert torch.allclose(scale(padded)[..., :64], scale(breast), atol=2e-3)


@pytest.mark.parametrize("factor", [1, 16, 257])
def test_bit_depth_does_not_matter(factor):
    image = torch.randint(0, 255, (1, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    assert torch.allclose(ScaleBreastIntensity()(image * factor), ScaleBreastIntensity()(image), atol=1e-6)


def test_an_image_of_one_value_is_black():
    assert ScaleBreastIntensityd(keys="image")({"image": torch.full((1, 8, 8), 77)})["image"].unique().tolist() == [0]


def test_percentiles_out_of_order_are_refused():
    with pytest.raises(ValueError, match="lower"):
        ScaleBreastIntensity(99, 1)


@pytest.fixture
def picture():
    return torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)) ** 0.75


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.2])
def test_a_linear_change_of_contrast_is_gone(picture, factor):
    plain = picture * 0.7 + 0.15  # nothing is cut off
    median = plain.quantile(0.5)
    normalize = NormalizeTone(0, 0.3)
    assert torch.allclose(normalize((plain - median) * factor + median), normalize(plain), atol=1e-5)
    dark, bright = np.percentile(normalize(plain), [20, 80])
    assert bright - dark == pytest.approx(0.3, rel=1e-3)


def test_a_contrast_that_cuts_off_is_gone_from_what_it_left(picture):
    stretched = (picture - picture.quantile(0.5)) * 1.4 + picture.quantile(0.5)
    left = (stretched > 0) & (stretched < 1)
    assert 0.1 < 1 - left.float().mean() < 0.35
    normalize = NormalizeTone(0, 0.48)
    assert torch.allclose(normalize(stretched.clamp(0, 1))[left], normalize(picture)[left], atol=1e-5)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_little_of_a_contrast_is_left_beside_a_gamma(picture, factor):
    changed = (picture - picture.mean()) * factor + picture.mean()
    left = (changed > 0) & (changed < 1)
    normalize = NormalizeTone(0.58, 0.48)
    after = (normalize(changed.clamp(0, 1)) - normalize(picture))[left].abs().mean()
    assert after < 0.1 * (changed - picture)[left].abs().mean()


@pytest.mark.parametrize("gamma", [0.5, 0.6, 0.8, 1.3, 1.7, 2.0])
def test_the_tone_of_a_scanner_is_gone(picture, gamma):
    normalize = NormalizeTone(0.6, 0.4)
    assert torch.allclose(normalize(picture**gamma), normalize(picture), atol=1e-5)
    assert float(normalize(picture**gamma).median()) == pytest.approx(0.6, abs=1e-4)


def test_much_that_is_black_or_white_stays_so_and_does_not_count(picture):
    padded = torch.zeros(1, 64, 160)
    padded[..., :64], padded[..., 150:] = picture, 1
    toned = NormalizeToned(keys="image", median=0.4, contrast=0.4)({"image": padded})["image"]
    assert torch.equal(toned[..., 64:], padded[..., 64:])
    assert torch.allclose(toned[..., :64], NormalizeTone(0.4, 0.4)(picture))


def test_a_median_of_zero_leaves_the_tone(picture):
    assert torch.equal(NormalizeTone(0, 0)(picture), picture)


@pytest.mark.parametrize("value", [0.0, 1e-6, 1 - 1e-7, 1.0])
def test_a_picture_without_tones_stays_in_range(value):
    toned = NormalizeTone(0.6, 0.48)(torch.full((1, 8, 8), value))
    assert toned.isfinite().all() and 0 <= toned.min() <= toned.max() <= 1


@pytest.mark.parametrize("median", [-0.1, 1, 58])
def test_a_median_out_of_range_is_refused(median):
    with pytest.raises(ValueError, match="expected 0, which changes nothing"):
        NormalizeTone(median)


@pytest.mark.parametrize("contrast", [-0.1, 1, float("nan")])
def test_a_contrast_out_of_range_is_refused(contrast):
    with pytest.raises(ValueError, match="contrast is"):
        NormalizeTone(0.5, contrast)
