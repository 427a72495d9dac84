"""The table of networks, and what importing them loads."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from monai_rescunet.networks import NETWORKS, FCN8s, ResCUNet, SegNet, UNet, USegNet, get_network

PAPER = {"FCN-8s": FCN8s, "SegNet": SegNet, "U-Net": UNet, "U-SegNet": USegNet, "ResCU-Net": ResCUNet}


def test_table_holds_the_papers_networks_under_its_names() -> None:
    assert {name: network.cls for name, network in NETWORKS.items()} == PAPER
    assert all(name == network.name and network.source for name, network in NETWORKS.items())


@pytest.mark.parametrize(("name", "network"), PAPER.items())
def test_a_network_is_found_by_the_papers_name_and_by_its_class(name: str, network: type) -> None:
    assert get_network(name) is get_network(name.lower()) is get_network(network.__name__) is network


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'DeepLab'; there are FCN-8s, SegNet, U-Net, U-SegNet, ResCU-Net"):
        get_network("DeepLab")


def test_all_constructors_are_one() -> None:
    for network in PAPER.values():
        parameters = inspect.signature(network).parameters
        defaults = {name: parameter.default for name, parameter in parameters.items() if name != "features"}
        assert not defaults.pop("checkpointing", False)
        assert defaults == {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "act": ("relu", {"inplace": True}),
            "norm": "batch",
            "dropout": 0.0,
        }
        assert list(parameters).index("features") == 3
        assert parameters["features"].default is None
        assert len(network.widths) == 5


def test_import_loads_only_itself_beside_monais_networks() -> None:
    script = (
        "import sys, monai.networks.nets; before = set(sys.modules); import monai_rescunet.networks;"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "monai_rescunet.networks.encoder_decoder" in loaded
    assert [name for name in loaded if not f"{name}.".startswith("monai_rescunet.networks.")] == ["monai_rescunet"]
