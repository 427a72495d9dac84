"""How feature maps lie in memory: a rule that asks the device, and a name in the config."""

from __future__ import annotations

import pytest
import torch
from monai.bundle import ConfigParser

from monai_rescunet import InputError
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.networks import ResCUNet
from monai_rescunet.training.memory_format import choose_memory_format

LAST, PLAIN = torch.channels_last, torch.contiguous_format
SHIPPED, PAPER = (16, 32, 64, 128, 128), (64, 128, 256, 512, 512)


@pytest.mark.parametrize(
    ("capability", "bfloat16", "features", "amp", "expected"),
    [
        ("AVX512", True, PAPER, True, LAST),
        ("AVX512", False, PAPER, True, LAST),
        ("AVX2", False, PAPER, True, PLAIN),
        ("AVX2", False, SHIPPED, True, LAST),
        ("AVX2", True, PAPER, True, LAST),
        ("AVX2", True, PAPER, False, PLAIN),
        ("DEFAULT", False, PAPER, True, PLAIN),
    ],
)
def test_the_rule_goes_by_the_processor_and_the_widths(monkeypatch, capability, bfloat16, features, amp, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr("monai_rescunet.training.memory_format.supports_bfloat16", lambda device: bfloat16)
    assert choose_memory_format("auto", torch.device("cpu"), features, amp) == expected


def test_a_gpu_has_channels_last():
    assert choose_memory_format("auto", torch.device("cuda"), PAPER, amp=False) == LAST


@pytest.mark.parametrize(("name", "expected"), [("channels_last", LAST), ("contiguous", PLAIN)])
def test_a_format_that_is_named_is_taken_by_training(name, expected):
    parser = ConfigParser()
    parser.read_config(bundle_root() / "configs" / "train.yaml")
    parser.update({"memory_format": name, "features": [4, 4, 4, 4, 4], "device": torch.device("cpu")})
    assert parser.get_parsed_content("layout") == expected
    weight = parser.get_parsed_content("model").encoder[1][0].conv.weight
    assert weight.is_contiguous(memory_format=expected)
    assert parser["train#trainer#to_kwargs"] == {"memory_format": "@layout"}


def test_another_name_is_refused():
    with pytest.raises(InputError, match="memory_format is 'nhwc'; expected auto, channels_last or contiguous"):
        choose_memory_format("nhwc", torch.device("cpu"), PAPER)


def test_a_training_step_is_the_same_up_to_rounding():
    torch.manual_seed(0)
    net, image = ResCUNet(features=(4, 4, 8, 8, 8)), torch.rand(2, 1, 64, 48)
    gradients = []
    for memory_format in (PLAIN, LAST):
        net.to(memory_format=memory_format).zero_grad()
        net(image.to(memory_format=memory_format)).square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert float((gradients[0] - gradients[1]).norm() / gradients[0].norm()) < 1e-3
