"""MONAI's exports of the bundle's network, and of each network of the table by override: TorchScript and ONNX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import monai
import pytest
import torch
from bundle_runs import BUNDLE, TINY
from monai.bundle import ConfigParser, ckpt_export, load, onnx_export
from monai.data import load_net_with_metadata
from packaging.version import Version
from torch import Tensor, nn

from monai_rescunet.networks import NETWORKS, ResCUNet

CONFIG = BUNDLE / "configs" / "inference.yaml"
WEIGHTS = BUNDLE / "models" / "model.pt"
ONNX_RUNTIME = {"verify": True, "use_ort": True, "rtol": 1e-3, "atol": 1e-4}
"""MONAI's check of an ONNX export; its own evaluator, the default, stumbles over pooling indices."""

exports_onnx = pytest.mark.skipif(
    Version(monai.__version__) < Version("1.6") and Version(torch.__version__) >= Version("2.9"),
    reason="MONAI before 1.6 hands a scripted network to the exporter of torch from 2.9 on, which takes none",
)


def files(weights: Path, exported: Path, **overrides: Any) -> dict[str, Any]:
    """Return the arguments that MONAI's exports share."""
    return {
        "net_id": "network_def",
        "filepath": str(exported),
        "ckpt_file": str(weights),
        "meta_file": str(BUNDLE / "configs" / "metadata.json"),
        "config_file": str(CONFIG),
        "bundle_root": str(BUNDLE),
        **overrides,
    }


def run_onnx(path: Path, image: Tensor) -> Tensor:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    return torch.from_numpy(logits)


@pytest.fixture(params=NETWORKS, scope="module")
def tiny(request, tmp_path_factory) -> tuple[nn.Module, Path, dict[str, Any]]:
    """A network of the table with random weights, their file, and what overrides the bundle's network."""
    cls = NETWORKS[request.param].cls
    torch.manual_seed(0)
    network = cls(spatial_dims=2, in_channels=1, out_channels=1, features=TINY).eval()
    weights = tmp_path_factory.mktemp("weights") / "model.pt"
    torch.save(network.state_dict(), weights)
    return network, weights, {"network": f"monai_rescunet.networks.{cls.__name__}", "features": TINY}


@torch.no_grad()
def test_each_network_exports_to_torchscript(tiny, tmp_path):
    network, weights, overrides = tiny
    ckpt_export(**files(weights, tmp_path / "model.ts", **overrides))
    image = torch.randn(2, 1, 70, 96)
    torch.testing.assert_close(torch.jit.load(tmp_path / "model.ts")(image), network(image))


@exports_onnx
@torch.no_grad()
def test_each_network_exports_to_onnx(tiny, tmp_path):
    pytest.importorskip("onnxscript")
    network, weights, overrides = tiny
    onnx_export(
        **files(weights, tmp_path / "model.onnx", **overrides),
        input_shape=[1, 1, 64, 64],
        converter_kwargs=dict(ONNX_RUNTIME),
    )
    image = torch.randn(1, 1, 64, 64)
    torch.testing.assert_close(run_onnx(tmp_path / "model.onnx", image), network(image), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_the_shipped_network_exports_to_torchscript_with_its_configs(tmp_path):
    ckpt_export(**files(WEIGHTS, tmp_path / "model.ts"))
    exported, metadata, extra = load_net_with_metadata(str(tmp_path / "model.ts"), more_extra_files=["inference.json"])
    assert metadata["version"] == json.loads((BUNDLE / "configs" / "metadata.json").read_text())["version"]
    assert json.loads(extra["inference.json"]) == ConfigParser.load_config_file(str(CONFIG))
    image = torch.rand(1, 1, 256, 256)
    torch.testing.assert_close(exported(image), shipped()(image))


@exports_onnx
@torch.no_grad()
def test_the_shipped_network_exports_to_onnx_for_any_size(tmp_path):
    pytest.importorskip("onnxscript")
    axes = {"image": {0: "batch", 2: "height", 3: "width"}}
    torch.manual_seed(0)  # MONAI checks on an image that it draws, and some have near-ties of pooling
    onnx_export(
        **files(WEIGHTS, tmp_path / "model.onnx"),
        converter_kwargs={"input_names": ["image"], "output_names": ["pred"], "dynamic_axes": axes, **ONNX_RUNTIME},
    )
    network = shipped()
    for shape in ((1, 1, 256, 256), (2, 1, 96, 160)):
        image = torch.rand(shape, generator=torch.Generator().manual_seed(0))  # others have near-ties lower down
        expected, found = network(image), run_onnx(tmp_path / "model.onnx", image)
        assert found.shape == expected.shape
        # pooling indices of near-ties may differ: a few isolated pixels
        assert ((found - expected).abs() > 1e-3).float().mean() < 1e-3


@torch.no_grad()
def test_monais_loader_fills_a_network_with_the_shipped_weights(tmp_path):
    """As docs/reuse.md says: it looks for configs in JSON, and so for the network has to be told."""
    (tmp_path / "mammography_mass_segmentation").symlink_to(BUNDLE)
    config = ConfigParser.load_config_file(str(CONFIG))
    network = load(
        "mammography_mass_segmentation",
        model=ResCUNet(features=config["features"]),
        bundle_dir=str(tmp_path),
        device="cpu",
    )
    image = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(network.eval()(image), shipped()(image))


def shipped() -> nn.Module:
    network = ConfigParser(ConfigParser.load_config_file(str(CONFIG))).get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return network
