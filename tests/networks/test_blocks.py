"""Index unpooling and the residual module."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from monai_rescunet.networks.blocks import ResidualModule, unpool

CASES = [
    (F.max_pool2d, F.max_unpool2d, (8, 12)),
    (F.max_pool2d, F.max_unpool2d, (9, 13)),
    (F.max_pool3d, F.max_unpool3d, (4, 8, 6)),
    (F.max_pool3d, F.max_unpool3d, (5, 8, 7)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("pool", "native", "size"), CASES)
def test_unpool_equals_the_native_operator_bit_for_bit(pool, native, size, dtype) -> None:
    pooled, indices = pool(torch.randn(2, 3, *size, dtype=dtype), 2, return_indices=True)
    found = unpool(pooled, indices, list(size))
    assert found.dtype == dtype
    assert torch.equal(found, native(pooled, indices, 2, output_size=size))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("pool", "native", "size"), CASES)
def test_unpool_has_the_native_operators_gradient(pool, native, size, channels_last, dtype) -> None:
    image = torch.randn(2, 3, *size, dtype=dtype)
    if channels_last and len(size) == 2:
        image = image.to(memory_format=torch.channels_last)
    pooled, indices = pool(image, 2, return_indices=True)
    weight = torch.randn(2, 3, *size, dtype=dtype)
    gradients = []
    for operator in (unpool, lambda x, where, to: native(x, where, 2, output_size=to)):
        x = pooled.clone().requires_grad_()
        (operator(x, indices, list(size)) * weight).sum().backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(8, 12), (9, 13)])
def test_unpool_keeps_channels_last(size, dtype) -> None:
    image = torch.randn(2, 3, *size, dtype=dtype).to(memory_format=torch.channels_last)
    pooled, indices = F.max_pool2d(image, 2, return_indices=True)
    found = unpool(pooled, indices, list(size))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, F.max_unpool2d(pooled, indices, 2, output_size=size))


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_residual_module_adds_two_convolutions_to_its_input(spatial_dims) -> None:
    module = ResidualModule(spatial_dims, 4, act="relu", norm="batch", dropout=0.0)
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    x = torch.randn(2, 4, *[6] * spatial_dims)
    before = x.clone()
    expected = x
    for convolution, norm in zip(convolutions, norms, strict=True):
        expected = F.relu(norm(convolution(expected)))
    assert len(convolutions) == 2
    assert torch.equal(module(x), expected + x)
    assert torch.equal(x, before)
