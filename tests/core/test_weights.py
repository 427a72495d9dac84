"""Weights are read into the network they fit, and others are refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.weights import load_weights


def test_weights_are_read_as_the_network_has_them(tmp_path):
    stored = nn.Conv2d(1, 2, 3)
    torch.save({name: value.half() for name, value in stored.state_dict().items()}, tmp_path / "model.pt")
    network = nn.Conv2d(1, 2, 3)
    load_weights(network, tmp_path / "model.pt")
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, stored.weight.half().float())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there are no weights; expected a file that training wrote"),
        (b"not weights", "cannot be read as weights"),
        ({"weight": torch.zeros(2, 1, 3, 3)}, r"are not the weights of this Conv2d .*bias.*expected those that"),
        ({"weight": torch.zeros(1), "bias": torch.zeros(2)}, "are not the weights of this Conv2d .*shape"),
        ([1, 2], "are not the weights of this Conv2d"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(tmp_path, content, told):
    path = tmp_path / "model.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=rf"model\.pt: .*{told}"):
        load_weights(nn.Conv2d(1, 2, 3), path)


def test_three_of_many_tensors_are_named_and_the_others_counted(tmp_path):
    torch.save({"other": torch.zeros(1)}, tmp_path / "model.pt")
    network = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(4)))
    told = r'\(Missing key\(s\) in state_dict: "0\.weight", "0\.bias", "1\.weight" and 5 more\); expected those that'
    with pytest.raises(InputError, match=told):
        load_weights(network, tmp_path / "model.pt")
