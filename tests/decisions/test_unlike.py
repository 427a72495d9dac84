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
    Described,
    UnlikeTrainingd,
    fit_scale,
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
def described(look):
    return Described(look(blobs(0, 400)), look(1 - blobs(4, 100)), look(blobs(5, 300)))


@pytest.fixture
def fitted(described, checkpoint):
    return fit_unlikeness(described, fit_scale([described])[0], checkpoint, SETTINGS)


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
    assert "other settings (roi_size=64; here roi_size=128)" in caplog.text and "other weights" in caplog.text


def test_a_malformed_file_is_refused(checkpoint):
    unlikeness_path(checkpoint).write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"model_unlike\.npz"):
        load_unlikeness(checkpoint, SETTINGS)


@pytest.mark.parametrize(
    ("few", "message"),
    [
        ("trained", "20 masses and 100 pictures"),
        ("odd", "400 masses and 20"),
        ("unseen", "20 masses that the network has not"),
    ],
)
def test_few_pictures_are_refused(described, checkpoint, few, message):
    less = described._replace(**{few: getattr(described, few)[:20]})
    with pytest.raises(InputError, match=message):
        fit_unlikeness(less, fit_scale([less])[0], checkpoint, SETTINGS)


def test_a_network_that_has_seen_all_masses_has_no_scale_of_its_own(described, checkpoint):
    with pytest.raises(InputError, match="0 masses that the network has not seen"):
        fit_scale([described._replace(unseen=described.unseen[:0])])


def test_masses_that_a_network_knows_by_heart_do_not_make_others_unusual(described, checkpoint):
    """Features of training masses lie closer than those of others, and the scale is that of the others."""
    closer = described._replace(
        trained=described.trained.mean(axis=0) + 0.7 * (described.trained - described.trained.mean(axis=0))
    )
    fitted = fit_unlikeness(closer, fit_scale([closer])[0], checkpoint, SETTINGS)
    assert (fitted(closer.unseen) > MOST_USUAL).mean() <= 0.02
    assert (fitted(closer.trained) > MOST_USUAL).mean() < 0.01


def test_what_looks_like_masses_is_told_from_them_once_others_were_shown(described, look, checkpoint):
    def striped(seed: int) -> np.ndarray:
        return look(blobs(seed, 100) + 0.02 * torch.sin(torch.arange(64) * torch.pi / 2))

    shown = described._replace(odd=striped(6))
    before, after = (
        fit_unlikeness(each, fit_scale([each])[0], checkpoint, SETTINGS)(striped(7)) for each in (described, shown)
    )
    assert (before > MOST_USUAL).mean() < 0.5
    assert (after > MOST_USUAL).mean() > 0.9


def test_each_output_of_a_batch_gets_its_own_share(fitted, described):
    class Tap:
        def take(self) -> torch.Tensor:
            return torch.from_numpy(np.stack([usual, described.odd[0]])).float()

    usual = described.trained[fitted(described.trained).argmin()]
    transform = UnlikeTrainingd("pred", Tap(), fitted)
    first, second = transform({"pred": 1}), transform({"pred": 2})
    assert first["unlike_training"] < 0.1 and second["unlike_training"] > MOST_USUAL
    assert UnlikeTrainingd("pred", None, None)({"pred": 1}) == {"pred": 1}


def test_a_picture_that_is_no_number_is_as_unusual_as_can_be(fitted):
    assert fitted(np.full((1, len(fitted.mean)), np.nan)) == 1
