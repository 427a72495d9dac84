"""The paper's networks in one table, which configs, experiments, docs and tests read."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from monai_rescunet.networks.encoder_decoder import ResCUNet, SegNet, USegNet
from monai_rescunet.networks.fcn8s import FCN8s
from monai_rescunet.networks.unet import UNet

__all__ = ["NETWORKS", "Network", "get_network"]


class Network(NamedTuple):
    """One row of the table.

    Args:
        name: as the paper writes it.
        cls: the class; called with `spatial_dims`, `in_channels`, `out_channels`, `features`, `act`, `norm`, `dropout`.
        source: where the architecture comes from.
    """

    name: str
    cls: type[nn.Module]
    source: str


NETWORKS = {
    network.name: network
    for network in (
        Network("FCN-8s", FCN8s, "Long et al., Fully convolutional networks for semantic segmentation, CVPR 2015"),
        Network("SegNet", SegNet, "Badrinarayanan et al., SegNet, IEEE TPAMI 2017"),
        Network("U-Net", UNet, "Ronneberger et al., U-Net, MICCAI 2015"),
        Network("U-SegNet", USegNet, "Kumar et al., U-SegNet, ICIP 2018"),
        Network("ResCU-Net", ResCUNet, "Shen et al. (the paper), section II-B, figures 2 and 3"),
    )
}
"""The paper's networks by its names for them, in the order of its comparison (figure 5)."""


def get_network(name: str) -> type[nn.Module]:
    """Return the class of a network.

    Args:
        name: as the paper writes it, or the class's name; case and hyphens do not matter.

    Raises:
        ValueError: no network has this name; the message lists those that there are.

    Example:
        >>> from monai_rescunet.networks import get_network
        >>> get_network("U-SegNet").__name__
        'USegNet'
    """
    for network in NETWORKS.values():
        if _plain(network.name) == _plain(name):
            return network.cls
    raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")


def _plain(name: str) -> str:
    return name.replace("-", "").lower()
