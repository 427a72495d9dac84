"""What a network's layers say of a picture is taken from its own forward pass."""

from __future__ import annotations

import pytest
import torch

from monai_rescunet.networks import FeatureTap, ResCUNet, fold_batch_norms


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ResCUNet(features=(8, 8, 8, 8, 8)).eval()


def test_it_is_the_mean_and_deviation_of_the_maps(network):
    tap, pictures = FeatureTap(network, ["encoder.0"]), torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        before = network(pictures)
        taken = tap.take()
        maps = network.encoder[0](pictures)
    assert taken.shape == (3, 16)
    torch.testing.assert_close(taken[:, :8], maps.mean((2, 3)))
    torch.testing.assert_close(taken[:, 8:], maps.std((2, 3)))
    torch.testing.assert_close(network(pictures), before)


@pytest.mark.parametrize("together", [True, False])
def test_flips_of_a_batch_are_one_description(network, together):
    """The same whether they go through as one batch or in passes of their own."""
    pictures = torch.rand(2, 1, 32, 32) * torch.tensor([1.0, 0.1])[:, None, None, None]
    views = [pictures, pictures.flip(2), pictures.flip(3)]
    single, several = FeatureTap(network, ["encoder.1"]), FeatureTap(network, ["encoder.1"], views=3)
    with torch.no_grad():
        for batch in [torch.cat(views)] if together else views:
            network(batch)
    by_hand = single.take().reshape(3, 2, -1).mean(dim=0)
    assert not torch.allclose(by_hand[0], by_hand[1], atol=1e-3)  # each has its own
    torch.testing.assert_close(several.take(), by_hand)


def test_it_hears_of_a_copy_with_folded_batch_norms(network):
    pictures = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        network.train()(pictures)  # running statistics of their own
        network.eval()
        tap = FeatureTap(network, ["encoder.0", "encoder.1"])
        network(pictures)
        expected = tap.take()
        fold_batch_norms(network)(pictures)
    torch.testing.assert_close(tap.take(), expected, rtol=1e-4, atol=1e-5)


def test_nothing_or_a_picture_without_one_of_its_views_is_refused(network):
    tap = FeatureTap(network, ["encoder.0"], views=2)
    with pytest.raises(RuntimeError, match="0 pictures went through; expected 2 of each"):
        tap.take()
    with torch.no_grad():
        network(torch.rand(1, 1, 32, 32))
        network(torch.rand(2, 1, 32, 32))
    with pytest.raises(RuntimeError, match="3 pictures went through; expected 2 of each"):
        tap.take()


def test_a_module_that_is_not_there_is_refused(network):
    with pytest.raises(ValueError, match="no module 'stem'"):
        FeatureTap(network, ["stem"])
