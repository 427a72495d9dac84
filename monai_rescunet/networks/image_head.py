"""A second, image-level output read off a network's deepest features, for training only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ImageHead"]


class ImageHead(nn.Module):
    """Answer with one logit an image, from the mean and the maximum of the network's deepest features.

    A mass's class is seen in its whole shape and border. Learnt from pixels alone it comes slowly, since the loss of a
    grey map is mostly that of the outline; a short way from the class to the encoder makes the encoder learn it. The
    network is not changed: its own forward pass leaves the features behind, and its weights hold nothing of this.

    Args:
        network: the network.
        channels: of its deepest features.
        dropout: probability, before the linear layer.
        deepest: name of the module whose output they are; the networks here say it in their attribute `deepest`.

    Raises:
        ValueError: neither `deepest` nor the network names its deepest module.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import ImageHead, ResCUNet
        >>> network = ResCUNet(features=(8, 16, 32, 32, 32))
        >>> head = ImageHead(network, channels=32)
        >>> _ = network(torch.zeros(4, 1, 64, 64))
        >>> head().shape
        torch.Size([4])
    """

    def __init__(self, network: nn.Module, channels: int, dropout: float = 0.3, deepest: str | None = None) -> None:
        super().__init__()
        deepest = deepest or getattr(network, "deepest", None)
        if deepest is None:
            raise ValueError(f"{type(network).__name__} does not name its deepest module: say it in `deepest`")
        self._seen = _Seen()
        network.get_submodule(deepest).register_forward_hook(self._seen)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * channels, 1)

    def forward(self) -> Tensor:
        """Return the logits of the batch that the network saw last in training, float32, `(B,)`.

        Raises:
            RuntimeError: it has seen none since the last call.
        """
        features = self._seen.take()
        if features is None:
            raise RuntimeError("the network has seen no training batch since the last call")
        features = features.float().flatten(2)
        pooled = torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)
        logits: Tensor = self.linear(self.dropout(pooled))
        return logits[:, 0]

    def forget(self) -> None:
        """Let go of the features, and with them of the batch's graph, where no logits are asked for."""
        self._seen.take()


class _Seen:
    """The hook that keeps the deepest features of the last training batch; a copy of it has seen nothing."""

    def __init__(self) -> None:
        self.features: Tensor | None = None

    def __call__(self, module: nn.Module, _: object, features: Tensor) -> None:
        if module.training:
            self.features = features

    def __deepcopy__(self, memo: dict[int, object]) -> _Seen:
        memo[id(self)] = copy = _Seen()  # one and the same for a network and its head that are copied together
        return copy

    def __getstate__(self) -> dict[str, None]:
        return {"features": None}

    def take(self) -> Tensor | None:
        features, self.features = self.features, None
        return features
