"""Entry points of `torch.hub`: the shipped network in one line, with MONAI as its one dependency beside torch."""

from __future__ import annotations

from typing import Any

import torch
from monai.bundle import ConfigParser
from torch import nn

from monai_rescunet.core.bundle_root import bundle_root

dependencies = ["torch", "monai", "yaml"]


def rescunet(pretrained: bool = True, **options: Any) -> nn.Module:
    """Return the bundle's ResCU-Net in evaluation mode: `(B, 1, H, W)` in [0, 1] to raw logits of the same shape.

    Args:
        pretrained: with the bundle's weights.
        options: of the network, instead of those of the bundle's `inference.yaml`: `features`, `out_channels`, ...

    Raises:
        RuntimeError: the weights do not fit these options.
    """
    parser = ConfigParser(ConfigParser.load_config_file(bundle_root() / "configs" / "inference.yaml"))
    parser.update({f"network_def#{name}": value for name, value in options.items()})
    network: nn.Module = parser.get_parsed_content("network_def")
    if pretrained:
        weights = torch.load(bundle_root() / "models" / "model.pt", map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
    return network.eval()
