import numpy as np
import pytest
import torch

from monai_rescunet.transforms import ScaleBreastIntensity, ScaleBreastIntensityd


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
