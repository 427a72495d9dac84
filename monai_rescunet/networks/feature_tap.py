"""What a network's layers say of a picture as a whole, taken from its own forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["FeatureTap"]


class FeatureTap:
    """Keep mean and standard deviation of a network's feature maps.

    The network is not changed: its own forward pass leaves them behind, in evaluation as in training. So does that of
    its copies, of one with folded batch norms say.

    Args:
        network: the network; its input is `(B, 1, *spatial)`.
        modules: names of the modules whose outputs `(B, C, *spatial)` are described.
        views: how many pictures of each go through the network, 4 where it is flipped: all of the batch as it is, then
            all of it flipped, in passes of their own or as one batch.

    Raises:
        ValueError: the network has no module of a name.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import ResCUNet
        >>> network = ResCUNet(features=(8, 16, 32, 32, 32))
        >>> tap = FeatureTap(network, ["encoder.0", "encoder.1"])
        >>> _ = network(torch.rand(4, 1, 64, 64))
        >>> tap.take().shape
        torch.Size([4, 48])
    """

    def __init__(self, network: nn.Module, modules: Sequence[str], views: int = 1) -> None:
        self.views = views
        self._calls: list[list[Tensor]] = []
        network.register_forward_pre_hook(self._begin)
        for name in modules:
            try:
                module = network.get_submodule(name)
            except AttributeError as error:
                raise ValueError(f"{type(network).__name__} has no module {name!r}") from error
            module.register_forward_hook(self._keep)

    def _begin(self, *_: object) -> None:
        self._calls.append([])

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        if not self._calls:  # called by itself, not by its network
            return
        flat = output.detach().float().flatten(2)
        mean = flat.mean(dim=2, keepdim=True)
        # a tenth of the time of `flat.std`, which goes through it value by value
        self._calls[-1] += [mean[..., 0], (flat - mean).square().sum(dim=2).div(flat.shape[2] - 1).sqrt()]

    def __deepcopy__(self, _memo: object) -> FeatureTap:
        """Return itself, whom the hooks of a network's copy then tell of their passes too."""
        return self

    def take(self) -> Tensor:
        """Return the description of the batch that went through since the last call, float32, `(B, 2 * channels)`.

        Of the views of a picture it is the mean.

        Raises:
            RuntimeError: no batch went through, or not as many pictures as there are views of each.
        """
        calls, self._calls = self._calls, []
        pictures = sum(len(call[0]) for call in calls)
        if not pictures or pictures % self.views:
            raise RuntimeError(f"{pictures} pictures went through; expected {self.views} of each")
        return torch.cat([torch.cat(call, dim=1) for call in calls]).unflatten(0, (self.views, -1)).mean(dim=0).cpu()
