"""torchvision's VGG-16 weights in the encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from monai_rescunet.networks import FCN8s, ResCUNet, SegNet, UNet, USegNet, load_vgg16_encoder

TINY = (4, 6, 8, 8, 10)
REAL = (64, 128, 256, 512, 512)
NETWORKS = [FCN8s, SegNet, USegNet, ResCUNet]


def torchvision_vgg16(widths: tuple[int, ...], batch_norm: bool) -> nn.Module:
    """Return VGG-16 with torchvision's layer order, names and initialisation, and random batch norms."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    channels = 3
    for width, depth in zip(widths, (2, 2, 3, 3, 3), strict=True):
        for _ in range(depth):
            convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            layers.append(convolution)
            if batch_norm:
                norm = nn.BatchNorm2d(width)
                for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                    nn.init.uniform_(tensor, 0.5, 1.5)
                layers.append(norm)
            layers.append(nn.ReLU())
            channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    classifier = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 2))
    return nn.ModuleDict({"features": nn.Sequential(*layers), "classifier": classifier}).eval()


@pytest.fixture
def write_vgg16(tmp_path: Path):
    """Write the state dict of a VGG-16 and return both."""

    def write(widths: tuple[int, ...] = TINY, batch_norm: bool = True) -> tuple[nn.Module, Path]:
        vgg16 = torchvision_vgg16(widths, batch_norm)
        torch.save(vgg16.state_dict(), tmp_path / "vgg16.pth")
        return vgg16, tmp_path / "vgg16.pth"

    return write


def features(net: nn.Module, image: Tensor) -> Tensor:
    """Return what the encoder makes of an image, after the last pooling."""
    for stage in net.eval().encoder:
        image = nn.functional.max_pool2d(stage(image), 2)
    return image


@pytest.mark.parametrize("network", NETWORKS)
def test_vgg16_bn_gives_the_encoder_its_features(network: type[nn.Module], write_vgg16) -> None:
    vgg16, path = write_vgg16()
    net = network(in_channels=3, features=TINY)
    load_vgg16_encoder(net, path)
    image = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(features(net, image), vgg16["features"](image))


def test_vgg16_without_batch_norm_gives_a_new_network_its_features_but_for_the_epsilon(write_vgg16) -> None:
    vgg16, path = write_vgg16(REAL, batch_norm=False)
    net = FCN8s(in_channels=3)
    load_vgg16_encoder(net, path)
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(features(net, image), vgg16["features"](image), rtol=2e-4, atol=1e-5)


def test_vgg16_fits_a_network_without_normalisation(write_vgg16) -> None:
    vgg16, path = write_vgg16(batch_norm=False)
    net = SegNet(in_channels=3, features=TINY, norm=None)
    load_vgg16_encoder(net, path)
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(features(net, image), vgg16["features"](image))


@pytest.mark.parametrize("in_channels", [1, 2, 4])
def test_a_grey_image_gives_the_features_of_a_third_of_it_in_torchvisions_channels(
    in_channels: int, write_vgg16
) -> None:
    vgg16, path = write_vgg16()
    net = ResCUNet(in_channels=in_channels, features=TINY)
    load_vgg16_encoder(net, path)
    image = torch.rand(1, 1, 64, 64)
    found = features(net, image.expand(-1, in_channels, -1, -1))
    torch.testing.assert_close(found, vgg16["features"](image.expand(-1, 3, -1, -1) / 3))
    if in_channels == 1:
        mean = vgg16["features"][0].weight.mean(dim=1, keepdim=True)
        torch.testing.assert_close(net.encoder[0][0].conv.weight, mean)


def mismatches() -> list[object]:
    """Networks that a file does not fit, and what the message must name."""
    conv = r"encoder\.0\.1\.conv\.weight from features\.3\.weight: found \(4, 4, 3, 3\), expected "
    statistics = r"encoder\.0\.0\.adn\.N\.running_mean from features\.1\.running_mean: found \(4,\), expected None"
    return [
        pytest.param({"features": (8, 6, 8, 8, 10)}, conv + r"\(8, 8, 3, 3\)", id="width"),
        pytest.param({"spatial_dims": 3, "features": TINY}, conv + r"\(4, 4, 3, 3, 3\)", id="3D"),
        pytest.param({"features": TINY, "norm": "instance"}, statistics, id="norm"),
    ]


@pytest.mark.parametrize(("options", "message"), mismatches())
def test_a_mismatch_names_the_layer_with_both_shapes_and_loads_nothing(options, message, write_vgg16) -> None:
    _, path = write_vgg16()
    net = SegNet(**options)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_vgg16_encoder(net, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_missing_layer_is_named(write_vgg16) -> None:
    vgg16, path = write_vgg16()
    state = {name: tensor for name, tensor in vgg16.state_dict().items() if name != "features.40.bias"}
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"from features\.40\.bias: found None, expected \(10,\)"):
        load_vgg16_encoder(SegNet(features=TINY), path)


def test_a_file_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "vgg16.pth")
    with pytest.raises(ValueError, match="holds a list; the state dict of vgg16 or vgg16_bn is expected"):
        load_vgg16_encoder(SegNet(features=TINY), tmp_path / "vgg16.pth")


def test_a_network_without_such_an_encoder_is_refused(write_vgg16) -> None:
    with pytest.raises(ValueError, match="UNet has no VGG-16 encoder"):
        load_vgg16_encoder(UNet(features=(4, 4, 8, 8, 8)), write_vgg16()[1])
