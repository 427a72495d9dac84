from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
from monai.networks.nets import SegResNet
from torch.nn import functional as F

from monai_rescunet.networks import NETWORKS, ImageHead
from monai_rescunet.training.losses import MixedSupervisionLoss

LEVELS = (0.0, 0.5, 1.0)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return images and targets: benign, malignant, both, no mass."""
    target = torch.zeros(4, 1, 64, 64)
    target[0, :, 10:30, 10:30] = 0.5
    target[1, :, 10:30, 10:30] = 1.0
    target[2, :, 10:30, 10:30], target[2, :, 40:50, 40:50] = 0.5, 1.0
    return torch.rand(4, 1, 64, 64), target


class FixedHead(torch.nn.Module):
    """A head whose logits are known."""

    def forward(self) -> torch.Tensor:
        return torch.tensor([-1.0, 2.0, 3.0, 5.0])


def test_without_a_head_it_is_the_papers_loss():
    _, target = batch()
    logits = torch.randn(4, 1, 64, 64)
    expected = F.binary_cross_entropy_with_logits(logits, target)
    assert torch.equal(MixedSupervisionLoss(LEVELS)(logits, target), expected)
    assert torch.equal(MixedSupervisionLoss(LEVELS, FixedHead(), image_weight=0)(logits, target), expected)


@pytest.mark.parametrize("volume", [False, True])
def test_the_heads_class_is_that_of_the_mass_in_the_middle_and_an_image_without_mass_has_none(volume):
    _, target = batch()
    logits = torch.zeros(4, 1, 64, 64)
    if volume:
        target, logits = target[..., None].repeat(1, 1, 1, 1, 3), logits[..., None].repeat(1, 1, 1, 1, 3)
    by_hand = sum(F.softplus(torch.tensor(z)) for z in (-1.0, -2.0, 3.0)) / 4  # benign, malignant, benign, none
    loss = MixedSupervisionLoss(LEVELS, FixedHead(), image_weight=0.5)(logits, target)
    assert float(loss) == pytest.approx(float(F.binary_cross_entropy_with_logits(logits, target) + 0.5 * by_hand))


def test_binary_supervision_has_no_class():
    _, target = batch()
    logits = torch.zeros(4, 1, 64, 64)
    loss = MixedSupervisionLoss((0.0, 1.0, 1.0), FixedHead())(logits, target)
    assert torch.equal(loss, F.binary_cross_entropy_with_logits(logits, target))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_class_reaches_every_networks_encoder_and_leaves_no_trace(network):
    net = network.cls(features=(4, 4, 4, 4, 6))
    names = set(net.state_dict())
    head = ImageHead(net, channels=6)
    images, target = batch()
    logits = net(images)
    (MixedSupervisionLoss(LEVELS, head)(logits, target) - MixedSupervisionLoss(LEVELS)(logits, target)).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in net.get_submodule(net.deepest).parameters() if weight.ndim > 1)
    assert head.linear.weight.grad.abs().sum() > 0
    assert set(net.state_dict()) == names


def test_a_network_that_does_not_name_its_deepest_module_is_refused():
    with pytest.raises(ValueError, match="Conv2d does not name its deepest module"):
        ImageHead(torch.nn.Conv2d(1, 1, 1), channels=1)


def test_another_librarys_network_has_its_deepest_module_named():
    net = SegResNet(spatial_dims=2, in_channels=1, out_channels=1, init_filters=8)
    head = ImageHead(net, channels=64, deepest="down_layers.3")
    net(torch.rand(2, 1, 32, 32))
    assert head().shape == (2,)


def test_the_head_answers_once_a_training_batch():
    net = NETWORKS["ResCU-Net"].cls(features=(4, 4, 4, 4, 6))
    head = ImageHead(net, channels=6)
    net.eval()(torch.rand(2, 1, 32, 32))
    with pytest.raises(RuntimeError, match="no training batch"):
        head()
    net.train()(torch.rand(2, 1, 32, 32))
    assert head().shape == (2,)
    with pytest.raises(RuntimeError, match="no training batch"):
        head()


def test_binary_supervision_leaves_no_graph_behind():
    net = NETWORKS["SegNet"].cls(features=(4, 4, 4, 4, 6))
    loss = MixedSupervisionLoss((0.0, 1.0, 1.0), ImageHead(net, channels=6))
    graphs = []

    def mark(module: torch.nn.Module, _: object, found: torch.Tensor) -> None:
        marker = FixedHead()
        found.grad_fn.metadata["marker"] = marker  # lives as long as the graph
        graphs.append(weakref.ref(marker))

    net.encoder[0].register_forward_hook(mark)
    images, target = batch()
    value = loss(net(images), target)
    assert [graph() is None for graph in graphs] == [False]
    del value
    gc.collect()
    assert [graph() is None for graph in graphs] == [True]


@pytest.mark.parametrize("levels", [(0.0, 1.0, 1.0), LEVELS])
def test_a_network_whose_head_waits_for_its_loss_can_be_copied(levels):
    net = NETWORKS["ResCU-Net"].cls(features=(4, 4, 4, 4, 6))
    head = ImageHead(net, channels=6)
    loss = MixedSupervisionLoss(levels, head)
    images, target = batch()
    logits = net(images)
    twin, twins_head = copy.deepcopy((net, head))
    loss(logits, target).backward()
    twin(images)
    assert twins_head().shape == (4,)
    with pytest.raises(RuntimeError, match="no training batch"):
        head()
    copy.deepcopy(net)(images)
    with pytest.raises(RuntimeError, match="no training batch"):
        head()
