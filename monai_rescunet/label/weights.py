"""Whether the weights that are served fit their network; MONAI Label by itself would serve others at random."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from monai.bundle import ConfigParser

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.weights import load_weights

__all__ = ["bundle_configs", "check_weights"]


def bundle_configs(bundle: Path) -> ConfigParser:
    """Return the parser of a bundle's inference config and metadata."""
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.yaml"))
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    return parser


def check_weights(bundle: Path) -> None:
    """Raise an InputError unless the bundle's weights fit the network of its inference config.

    It is cheap where neither has changed since they were found to fit; training and people change them at any time.
    """
    weights, config = bundle / "models" / "model.pt", bundle / "configs" / "inference.yaml"
    if not weights.is_file():
        raise InputError(f"{weights}: there are no weights; put the app in place again, or copy them there")
    states = [path.stat() for path in (weights, config)]
    _check(bundle, weights, tuple((state.st_mtime_ns, state.st_size, state.st_ino) for state in states))


@lru_cache(maxsize=4)  # keeps what fits; what raises is looked at again
def _check(bundle: Path, weights: Path, states: tuple[tuple[int, ...], ...]) -> None:
    network = bundle_configs(bundle).get_parsed_content("network_def")
    load_weights(network, weights, "train.yaml with the `network` and `features` of the app's inference.yaml")
