"""Activation checkpointing changes memory and time, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_rescunet.networks import NETWORKS, ResCUNet

CHECKPOINTED = [row.cls for row in NETWORKS.values() if row.cls.has_checkpoints]
FEATURES = (8, 8, 8, 8, 8)


def pair(network: type[nn.Module], **options: object) -> tuple[nn.Module, nn.Module]:
    """Return two networks with the same weights, without and with checkpointing."""
    plain, checkpointing = (network(features=FEATURES, checkpointing=on, **options) for on in (False, True))
    checkpointing.load_state_dict(plain.state_dict())
    return plain, checkpointing


@pytest.mark.parametrize("network", CHECKPOINTED)
def test_training_steps_are_the_same(network):
    """Weights, running statistics and their counters, bit for bit, after two steps."""
    nets = pair(network)
    for net in nets:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        torch.manual_seed(0)
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.rand(2, 1, 64, 48)).square().mean().backward()
            optimizer.step()
    plain, checkpointing = (net.state_dict() for net in nets)
    assert all(torch.equal(plain[name], checkpointing[name]) for name in plain)
    counters = [value for name, value in plain.items() if name.endswith("num_batches_tracked")]
    assert counters and set(map(int, counters)) == {2}


def test_dropout_drops_the_same_features_in_both_passes():
    nets = pair(ResCUNet, dropout=0.5)
    gradients = []
    for net in nets:
        torch.manual_seed(0)
        net(torch.rand(2, 1, 64, 64)).square().mean().backward()
        gradients.append(net.encoder[0][0].conv.weight.grad)
    assert torch.equal(*gradients)


def test_activations_need_less_than_half_the_memory():
    kept = []
    for net in pair(ResCUNet):
        storages: dict[int, int] = {}

        def keep(tensor: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = net(torch.rand(2, 1, 128, 128))
        kept.append(sum(storages.values()))
        logits.sum().backward()
    assert kept[1] < 0.5 * kept[0], kept


def test_inference_is_not_checkpointed():
    net = ResCUNet(features=FEATURES, checkpointing=True).eval()
    scripted = torch.jit.script(net)
    image = torch.rand(1, 1, 64, 64)
    assert torch.allclose(scripted(image), net(image), atol=1e-6)


def test_a_network_without_checkpoints_says_so():
    with pytest.raises(ValueError, match="checkpointing is True; UNet has none"):
        NETWORKS["U-Net"].cls(checkpointing=True)
