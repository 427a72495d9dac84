"""What every network must do; each network's tests subclass it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

SQUARE = {2: (64, 64), 3: (32, 32, 32)}
SPATIAL = [pytest.param(2, id="2D"), pytest.param(3, id="3D")]


class NetworkTester:
    """Behaviour that the networks share; a subclass names its network and what is special about it."""

    network: type[nn.Module]
    smallest = 32
    features = (4, 4, 8, 8, 8)
    bfloat16_correlation = 0.9

    def build(self, spatial_dims: int = 2, in_channels: int = 1, **options: Any) -> nn.Module:
        """Return a network in evaluation mode whose batch norms hold statistics, without which logits hardly vary."""
        torch.manual_seed(0)
        net = self.network(spatial_dims=spatial_dims, in_channels=in_channels, features=self.features, **options)
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = 1.0
        with torch.no_grad():
            net(torch.rand(4, in_channels, *SQUARE[spatial_dims]))
        return net.eval()

    @pytest.fixture(scope="class")
    def net(self) -> nn.Module:
        """Return a 2D network that tests only read."""
        return self.build().requires_grad_(False)

    @pytest.mark.parametrize("size", [(64, 64), (45, 45), (32, 71), (32, 33, 47)])
    def test_logits_have_the_size_of_the_image(self, size: tuple[int, ...]) -> None:
        assert self.build(len(size))(torch.rand(1, 1, *size)).shape == (1, 1, *size)

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_smallest_size_fits_and_a_smaller_one_is_refused_with_it(self, spatial_dims: int) -> None:
        net = self.build(spatial_dims)
        size = [self.smallest] * spatial_dims
        assert net(torch.rand(1, 1, *size)).shape[2:] == torch.Size(size)
        size[-1] -= 1
        with pytest.raises(ValueError, match=rf"{size[-1]}\] is too small.* at least {self.smallest} pixels"):
            net(torch.rand(1, 1, *size))

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_channels_in_and_out_are_free(self, spatial_dims: int) -> None:
        image = torch.rand(1, 2, *[32] * spatial_dims)
        assert self.build(spatial_dims, in_channels=2, out_channels=3)(image).shape[:2] == (1, 3)

    @pytest.mark.parametrize("options", [{"spatial_dims": 1}, {"features": (4, 4, 8, 8)}])
    def test_constructor_names_what_it_refuses(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(options))):
            self.network(**options)

    def test_act_norm_and_dropout_reach_the_layers(self) -> None:
        net = self.network(features=self.features, act="elu", norm="instance", dropout=0.25)
        kinds = {type(module) for module in net.modules()}
        assert {nn.ELU, nn.InstanceNorm2d, nn.Dropout} <= kinds
        assert not {nn.ReLU, nn.BatchNorm2d} & kinds

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_gradients_reach_every_parameter(self, spatial_dims: int) -> None:
        net = self.build(spatial_dims)
        net(torch.rand(2, 1, *SQUARE[spatial_dims])).square().mean().backward()
        assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_an_image_alone_gets_what_it_gets_in_a_batch(self, net: nn.Module) -> None:
        images = torch.rand(3, 1, 45, 64)
        assert_agrees(net(images[1:2]), net(images)[1:2])

    def test_state_dict_makes_a_new_network_the_same(self, net: nn.Module) -> None:
        other = self.network(features=self.features).eval()
        other.load_state_dict(net.state_dict())
        image = torch.rand(1, 1, 45, 64)
        assert torch.equal(other(image), net(image))

    def test_bfloat16_autocast_agrees_but_for_its_precision(self, net: nn.Module) -> None:
        image = torch.rand(2, 1, 64, 64)
        with torch.autocast("cpu", torch.bfloat16):
            found = net(image)
        assert found.dtype == torch.bfloat16
        # eight bits move many indices of an untrained network: only the maps as a whole can be compared
        correlation = torch.corrcoef(torch.stack([found.float().flatten(), net(image).flatten()]))[0, 1]
        assert correlation > self.bfloat16_correlation

    def test_channels_last_stays_and_agrees(self) -> None:
        net = self.build(out_channels=3).requires_grad_(False)
        image = torch.rand(2, 1, 45, 64)
        expected = net(image)
        found = net.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert_agrees(found, expected)

    def test_deterministic_algorithms_give_the_same_gradients_twice(self, deterministic: None) -> None:
        net = self.build()
        image = torch.rand(2, 1, 45, 64)
        gradients = []
        for _ in range(2):
            net.zero_grad()
            net(image).square().mean().backward()
            gradients.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
        assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))

    def test_compiles_as_one_graph(self, net: nn.Module, fresh_compiler: None) -> None:
        image = torch.rand(2, 1, 45, 64)
        assert_agrees(torch.compile(net, fullgraph=True, backend="aot_eager")(image), net(image))

    def test_compiles_with_checkpointing_to_the_same_gradients(self, fresh_compiler: None) -> None:
        if not self.network.has_checkpoints:
            pytest.skip("it has no checkpoints")
        image = torch.rand(2, 1, 32, 32)
        nets = [self.network(features=self.features, checkpointing=on) for on in (False, True)]
        nets[1].load_state_dict(nets[0].state_dict())
        compiled = torch.compile(nets[1], backend="aot_eager")
        for net in (nets[0], compiled):
            net(image).square().mean().backward()
        for (name, found), expected in zip(nets[1].named_parameters(), nets[0].parameters(), strict=True):
            # a bias before a batch norm has the gradient 0, but for rounding
            assert (found.grad - expected.grad).norm() <= 0.01 * expected.grad.norm() + 1e-4, name
        assert all(torch.allclose(*buffers) for buffers in zip(*(net.buffers() for net in nets), strict=True))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_function_transforms_agree_with_loops(self, spatial_dims: int, dtype: torch.dtype) -> None:
        """Gradients by example, as differential privacy takes them, and the derivative along a direction."""
        net = self.build(spatial_dims).to(dtype)
        images = torch.rand(2, 1, *[32] * spatial_dims).to(dtype)
        parameters = {name: p.detach() for name, p in net.named_parameters()}

        def loss(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
            return torch.func.functional_call(net, parameters, (image[None],)).float().square().mean()

        found = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, images)
        one_by_one = [torch.func.grad(loss)(parameters, image) for image in images]
        for number, image in enumerate(images):
            net.zero_grad()
            net(image[None]).float().square().mean().backward()
            for name, p in net.named_parameters():
                for gradient in (one_by_one[number][name], found[name][number]):
                    assert gradient.isfinite().all(), name
                    if dtype == torch.float32:  # in bfloat16 near-ties move the pooling's indices, and so gradients
                        assert (gradient - p.grad).norm() <= 0.01 * p.grad.norm(), name
        _, along = torch.func.jvp(lambda p: loss(p, images[0]), (parameters,), (parameters,))
        by_gradient = sum((one_by_one[0][name].float() * p.float()).sum() for name, p in parameters.items())
        assert torch.allclose(along, by_gradient, rtol=1e-3 if dtype == torch.float32 else 0.3, atol=1e-6)

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_symbolically_traced_agrees_at_other_sizes(self, spatial_dims: int) -> None:
        net = self.build(spatial_dims).requires_grad_(False)
        image = torch.rand(2, 1, *[37] * (spatial_dims - 1), 45)
        assert torch.equal(torch.fx.symbolic_trace(net)(image), net(image))

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_scripted_saved_and_loaded_agrees_at_any_size(self, spatial_dims: int) -> None:
        net = self.build(spatial_dims).requires_grad_(False)
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(net), file)
        file.seek(0)
        scripted = torch.jit.load(file)
        for side in (32, 45):
            image = torch.rand(1, 1, *[side] * (spatial_dims - 1), 37)
            assert_agrees(scripted(image), net(image))
        with pytest.raises(torch.jit.Error, match=f"too small.* at least {self.smallest} pixels"):
            scripted(image[..., : self.smallest - 1])

    @pytest.mark.parametrize("spatial_dims", SPATIAL)
    def test_traced_agrees_at_other_sizes(self, spatial_dims: int) -> None:
        net = self.build(spatial_dims).requires_grad_(False)
        traced = torch.jit.trace(net, torch.rand(1, 1, *SQUARE[spatial_dims]), check_trace=False)
        image = torch.rand(2, 1, *[37] * (spatial_dims - 1), 45)
        assert_agrees(traced(image), net(image))

    def test_onnx_agrees_at_other_sizes(self, net: nn.Module) -> None:
        assert_onnx_agrees(net, sizes=[(2, 1, 64, 64), (1, 1, 32, 32), (3, 1, 45, 71)])

    @pytest.fixture
    def deterministic(self) -> Iterator[None]:
        """Refuse operators without a deterministic form."""
        torch.use_deterministic_algorithms(True)
        yield
        torch.use_deterministic_algorithms(False)

    @pytest.fixture
    def fresh_compiler(self) -> Iterator[None]:
        """Keep no compiled graph beyond the test."""
        yield
        torch.compiler.reset()


def assert_agrees(found: Tensor, expected: Tensor) -> None:
    """Assert equality up to float32 noise but at isolated pixels, where a near tie may move a pooling index."""
    assert found.shape == expected.shape
    error = (found - expected).abs() / expected.std()
    assert (error > 1e-4).float().mean() <= 0.01, f"errors up to {error.max():.1e} of the logits' standard deviation"


def assert_onnx_agrees(net: nn.Module, sizes: list[tuple[int, ...]], dynamo: bool = True) -> None:
    """Export with every axis but the channels dynamic and compare in ONNX Runtime at each size, the first exported."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    axes = {axis: f"size{axis}" for axis in range(len(sizes[0])) if axis != 1}
    options: dict[str, Any] = (
        {"dynamic_shapes": (dict.fromkeys(axes, torch.export.Dim.DYNAMIC),), "opset_version": 18}
        if dynamo
        else {"dynamic_axes": {"image": axes, "logits": axes}, "opset_version": 17}
    )
    file = io.BytesIO()
    torch.onnx.export(
        net,
        (torch.rand(sizes[0]),),
        file,
        dynamo=dynamo,
        input_names=["image"],
        output_names=["logits"],
        verbose=False,
        **options,
    )
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for size in sizes:
        image = torch.rand(size)
        (found,) = session.run(["logits"], {"image": image.numpy()})
        assert_agrees(torch.from_numpy(found), net(image))
