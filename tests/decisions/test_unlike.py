"""What is unlike the masses of training is told, and what is like them is not."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.result_names import MOST_USUAL
from monai_rescunet.decisions.unlike import (
    UnlikeTrainingd,
    fit_unlikeness,
    load_unlikeness,
    save_unlikeness,
    unlikeness_path,
)
from monai_rescunet.networks import FeatureTap, ResCUNet

SETTINGS = {"roi_mode": "fitted", "roi_size": 64}


def blobs(seed: int, count: int) -> torch.Tensor:
    """Return pictures of a bright blob in soft tissue, `(count, 1, 64, 64)` in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    pictures = []
    for _ in range(count):
        wide, high = rng.uniform(0.4, 0.8, 2)
        blob = np.exp(-((x / wide) ** 2) - (y / high) ** 2)
        tissue = gaussian_filter(rng.normal(size=(64, 64)), rng.uniform(1, 3))
        picture = blob + rng.uniform(0.1, 0.3) * tissue / tissue.std()
        pictures.append((picture - picture.min()) / np.ptp(picture))
    return torch.tensor(np.stack(pictures), dtype=torch.float32)[:, None]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ResCUNet(features=(16, 16, 16, 16, 16)).eval()


@pytest.fixture(scope="module")
def look(network):
    tap = FeatureTap(network, ["encoder.0", "encoder.1"])

    def features(pictures: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            network(pictures)
        return tap.take().numpy()

    return features


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return path


@pytest.fixture(scope="module")
def trained_on(look):
    return look(blobs(0, 400))


@pytest.fixture
def fitted(trained_on, checkpoint):
    return fit_unlikeness(trained_on, [str(number // 2) for number in range(len(trained_on))], checkpoint, SETTINGS)


def test_pictures_like_those_of_training_are_seldom_flagged_and_spread_over_the_scale(fitted, look):
    shares = fitted(look(blobs(1, 200)))
    assert (shares > MOST_USUAL).mean() < 0.05
    assert shares.mean() == pytest.approx(0.5, abs=0.1)


def test_text_inverted_pictures_and_noise_are_flagged(fitted, look):
    page = Image.new("L", (64, 64))
    ImageDraw.Draw(page).text((2, 2), "R MLO\n1998\nPATIENT", fill=255)
    text = torch.from_numpy(np.asarray(page, dtype=np.float32) / 255)[None, None]
    noise = torch.rand(1, 1, 64, 64, generator=torch.manual_seed(0))
    assert (fitted(look(torch.cat([text, noise]))) > MOST_USUAL).all()
    assert (fitted(look(1 - blobs(2, 50))) > MOST_USUAL).mean() > 0.9


def test_it_comes_back_from_beside_its_weights(fitted, look, checkpoint):
    save_unlikeness(fitted, checkpoint)
    loaded = load_unlikeness(checkpoint, SETTINGS)
    assert loaded is not None
    features = look(blobs(3, 40))
    np.testing.assert_allclose(loaded(features), fitted(features), atol=0.01)
    assert unlikeness_path(checkpoint).stat().st_size < 30_000


def test_without_one_or_with_that_of_other_weights_nothing_is_said(fitted, checkpoint, caplog):
    assert load_unlikeness(checkpoint, SETTINGS) is None
    save_unlikeness(fitted, checkpoint)
    with caplog.at_level(logging.WARNING):
        assert load_unlikeness(checkpoint, SETTINGS | {"roi_size": 128}) is None
        checkpoint.write_bytes(b"others")
        assert load_unlikeness(checkpoint, SETTINGS) is None
    assert "other settings" in caplog.text and "other weights" in caplog.text


def test_a_malformed_file_is_refused(checkpoint):
    unlikeness_path(checkpoint).write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"model_unlike\.npz"):
        load_unlikeness(checkpoint, SETTINGS)


def test_few_masses_are_refused(look, checkpoint):
    with pytest.raises(InputError, match="at least 50"):
        fit_unlikeness(look(blobs(0, 20)), [str(number) for number in range(20)], checkpoint, SETTINGS)


def test_each_output_of_a_batch_gets_its_own_share(fitted):
    class Tap:
        def take(self) -> torch.Tensor:
            return torch.from_numpy(described).float()

    described = np.random.default_rng(0).normal(size=(2, 1 + len(fitted.mean)))
    described[0, 1:] = fitted.mean
    described[0, 0] = 2
    transform = UnlikeTrainingd("pred", Tap(), fitted)
    first, second = transform({"pred": 1}), transform({"pred": 2})
    assert first["unlike_training"] < 0.1 and second["unlike_training"] > MOST_USUAL
    assert UnlikeTrainingd("pred", None, None)({"pred": 1}) == {"pred": 1}


def test_a_picture_that_is_no_number_is_as_unusual_as_can_be(fitted):
    assert fitted(np.full((1, 1 + len(fitted.mean)), np.nan)) == 1
