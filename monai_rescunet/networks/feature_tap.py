"""What a network's layers say of a picture as a whole, taken from its own forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["FeatureTap"]

CENTRE, BORDER = 0.5, 0.95  # of the half side: within the one lies the centre, beyond the other the border
SMALLEST_CONTRAST = 1e-3


class FeatureTap:
    """Keep mean and standard deviation of a network's feature maps, and how bright the input's centre is.

    The network is not changed: its own forward pass leaves them behind, in evaluation as in training.

    Args:
        network: the network; its input is `(B, 1, *spatial)`.
        modules: names of the modules whose outputs `(B, C, *spatial)` are described.

    Raises:
        ValueError: the network has no module of a name.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import ResCUNet
        >>> network = ResCUNet(features=(8, 16, 32, 32, 32))
        >>> tap = FeatureTap(network, ["encoder.0", "encoder.1"])
        >>> _ = network(torch.rand(4, 1, 64, 64))
        >>> tap.take().shape
        torch.Size([4, 49])
    """

    def __init__(self, network: nn.Module, modules: Sequence[str]) -> None:
        self._calls: list[list[Tensor]] = []
        network.register_forward_pre_hook(self._begin)
        for name in modules:
            try:
                module = network.get_submodule(name)
            except AttributeError as error:
                raise ValueError(f"{type(network).__name__} has no module {name!r}") from error
            module.register_forward_hook(self._keep)

    def _begin(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._calls.append([centre_over_border(inputs[0].detach().float())[:, None]])

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        if not self._calls:  # called by itself, not by its network
            return
        flat = output.detach().float().flatten(2)
        self._calls[-1] += [flat.mean(dim=2), flat.std(dim=2)]

    def take(self) -> Tensor:
        """Return the description of the batch that went through since the last call, float32, `(B, 1 + 2 * channels)`.

        Of several passes, the flips of one batch, it is the mean. The first column is how much brighter the input's
        centre is than its border, in standard deviations.

        Raises:
            RuntimeError: no batch went through, or batches of several sizes.
        """
        calls, self._calls = self._calls, []
        if len({len(call[0]) for call in calls}) != 1:
            raise RuntimeError(f"batches of the sizes {[len(call[0]) for call in calls]} went through; expected one")
        return torch.stack([torch.cat(call, dim=1) for call in calls]).mean(dim=0).cpu()


def centre_over_border(pictures: Tensor) -> Tensor:
    """Return how much brighter the centre of each picture is than its border, in its standard deviations, `(B,)`.

    Args:
        pictures: `(B, 1, *spatial)`.
    """
    axes = [torch.linspace(-1, 1, side, device=pictures.device) for side in pictures.shape[2:]]
    radius = torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(dim=0).sqrt()
    flat, radius = pictures.flatten(1), radius.flatten()
    difference = flat[:, radius < CENTRE].mean(dim=1) - flat[:, radius > BORDER].mean(dim=1)
    return difference / flat.std(dim=1).clamp(min=SMALLEST_CONTRAST)
