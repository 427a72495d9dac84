"""What the clients of a federated training exchange: `bundle/configs/federated.yaml` puts it into the bundle."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

__all__ = ["NetworkAndHead", "network_weights"]


class NetworkAndHead(nn.Module):
    """A network and its image head as one module.

    A federated client sends the weights of the module that its trainer holds. All that is trained must be among them:
    heads that stayed at home would each read the common network's features in their own way.

    Args:
        network: the network.
        head: the `ImageHead` beside it, or what stands in its place where there is none.
    """

    def __init__(self, network: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, image: Tensor) -> Tensor:
        """Return the network's answer."""
        answer: Tensor = self.network(image)
        return answer


def network_weights(exchanged: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's own part of what was exchanged: the `model.pt` of a federated training.

    Args:
        exchanged: state of a `NetworkAndHead`.

    Raises:
        ValueError: there is no network in it.
    """
    weights = {name.removeprefix("network."): v for name, v in exchanged.items() if name.startswith("network.")}
    if not weights:
        raise ValueError(f"the weights of a NetworkAndHead begin with 'network.'; found {sorted(exchanged)[:3]}")
    return weights
