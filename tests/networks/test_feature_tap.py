"""What a network's layers say of a picture is taken from its own forward pass."""

from __future__ import annotations

import pytest
import torch

from monai_rescunet.networks import FeatureTap, ResCUNet


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
    assert taken.shape == (3, 1 + 16)
    torch.testing.assert_close(taken[:, 1:9], maps.mean((2, 3)))
    torch.testing.assert_close(taken[:, 9:], maps.std((2, 3)))
    torch.testing.assert_close(network(pictures), before)


def test_flips_of_a_batch_are_one_description(network):
    tap, pictures = FeatureTap(network, ["encoder.1"]), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        network(pictures)
        once = tap.take()
        network(pictures)
        network(pictures)
    torch.testing.assert_close(tap.take(), once)


def test_a_bright_centre_is_positive_and_its_inverse_negative(network):
    tap = FeatureTap(network, [])
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    blob = torch.exp(-2 * (x**2 + y**2))[None, None]
    with torch.no_grad():
        network(torch.cat([blob, 1 - blob]))
    bright, dark = tap.take()[:, 0].tolist()
    assert bright > 1
    assert dark == pytest.approx(-bright)


def test_nothing_or_batches_of_several_sizes_are_refused(network):
    tap = FeatureTap(network, ["encoder.0"])
    with pytest.raises(RuntimeError, match="expected one"):
        tap.take()
    with torch.no_grad():
        network(torch.rand(1, 1, 32, 32))
        network(torch.rand(2, 1, 32, 32))
    with pytest.raises(RuntimeError, match="expected one"):
        tap.take()


def test_a_module_that_is_not_there_is_refused(network):
    with pytest.raises(ValueError, match="no module 'stem'"):
        FeatureTap(network, ["stem"])
