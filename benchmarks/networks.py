"""Speed and memory of the networks against MONAI's, in one run.

    python benchmarks/networks.py [SECTION ...]        SECTION: ceiling, networks, fast, agree, unpool, memory, formats

Medians of several repetitions; ratios are of the same run. Multiply-adds are those of convolutions and matrix products.
Each network runs in the setting of dtype and memory format that suits it best.
"""

from __future__ import annotations

import copy
import gc
import platform
import sys
from collections.abc import Callable
from itertools import product

import torch
from monai.networks.nets import AttentionUnet, BasicUNet, DynUNet, Quicknat, SegResNet
from monai.networks.nets import UNet as MonaiUNet
from networks_agreement import agree
from networks_memory import formats, memory
from networks_timing import DEVICE, DTYPES, FORMATS, SIDE, console, forward, multiply_adds, timed, training_step
from rich.table import Table
from torch import nn

from monai_rescunet.networks import NETWORKS, ResCUNet, fold_batch_norms
from monai_rescunet.networks.blocks import unpool

WIDTHS = (64, 128, 256, 512, 512)

PEERS: dict[str, Callable[[], nn.Module]] = {
    "MONAI UNet": lambda: MonaiUNet(2, 1, 1, WIDTHS, (2, 2, 2, 2), num_res_units=2),
    "MONAI BasicUNet": lambda: BasicUNet(2, 1, 1, (64, 64, 128, 256, 512, 64), norm="batch"),
    "MONAI AttentionUnet": lambda: AttentionUnet(2, 1, 1, WIDTHS, (2, 2, 2, 2)),
    "MONAI SegResNet": lambda: SegResNet(2, 32, 1, 1),
    "MONAI DynUNet": lambda: DynUNet(2, 1, 1, [3] * 5, [1, 2, 2, 2, 2], [2] * 4),
    "MONAI Quicknat": lambda: Quicknat(num_classes=1, num_channels=1),
}


def ceiling() -> dict[torch.dtype, float]:
    """Return the multiply-adds a second of a large convolution, the best of both memory formats."""
    table = Table("large operation", "dtype", "G multiply-adds/s")
    best: dict[torch.dtype, float] = {}
    for dtype in DTYPES:
        for memory_format in FORMATS:
            image = torch.rand(2, 256, 64, 64, device=DEVICE, dtype=dtype).to(memory_format=memory_format)
            conv = nn.Conv2d(256, 256, 3, padding=1, device=DEVICE, dtype=dtype).to(memory_format=memory_format)
            rate = multiply_adds(conv, image) / timed(torch.no_grad()(lambda: conv(image)))  # noqa: B023
            best[dtype] = max(best.get(dtype, 0.0), rate)
        table.add_row("convolution", str(dtype)[6:], f"{best[dtype] / 1e9:.0f}")
        matrix = torch.rand(2048, 2048, device=DEVICE, dtype=dtype)
        table.add_row("matrix product", str(dtype)[6:], f"{2048**3 / timed(lambda: matrix @ matrix) / 1e9:.0f}")  # noqa: B023
    console.print(table)
    return best


def networks() -> None:
    """Every network beside MONAI's, each in its own best setting."""
    ceilings = ceiling()
    image = torch.rand(1, 1, SIDE, SIDE, device=DEVICE)
    builders: dict[str, Callable[[], nn.Module]] = {name: row.cls for name, row in NETWORKS.items()}
    table = Table("network", "M parameters", "G multiply-adds", "setting", "forward s", "G/s", "of ceiling", "step s")
    rates: dict[str, float] = {}
    for name, build in (builders | PEERS).items():
        torch.manual_seed(0)
        net = build().to(DEVICE)
        count = multiply_adds(net.eval(), image)
        seconds = {
            (dtype, memory_format): timed(
                forward(net.to(memory_format=memory_format), image.to(memory_format=memory_format), dtype)
            )
            for dtype, memory_format in product(DTYPES, FORMATS)
        }
        dtype, memory_format = min(seconds, key=lambda setting: seconds[setting])
        best = seconds[dtype, memory_format]
        rates[name] = count / best
        pair = torch.rand(2, 1, SIDE, SIDE, device=DEVICE).to(memory_format=memory_format)
        step = timed(training_step(net.to(memory_format=memory_format).train(), pair, dtype), 3) / 2
        table.add_row(
            name, f"{sum(p.numel() for p in net.parameters()) / 1e6:.1f}", f"{count / 1e9:.1f}",
            f"{str(dtype)[6:]} {'NHWC' if memory_format == torch.channels_last else 'NCHW'}", f"{best:.3f}",
            f"{rates[name] / 1e9:.0f}", f"{rates[name] / ceilings[dtype]:.2f}", f"{step:.3f}",
        )  # fmt: skip
        del net
        gc.collect()
    console.print(table)
    peer = max(PEERS, key=lambda name: rates[name])
    console.print(f"ResCU-Net's multiply-adds/s over those of {peer}: {rates['ResCU-Net'] / rates[peer]:.2f}")


def fast() -> None:
    """The fast path of ResCU-Net against plain float32 NCHW."""
    torch.manual_seed(0)
    image = torch.rand(1, 1, SIDE, SIDE, device=DEVICE)
    last = image.to(memory_format=torch.channels_last)
    plain = ResCUNet().to(DEVICE).eval()
    quick = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    folded = fold_batch_norms(quick).to(DTYPES[-1])  # autocast would cast the weights at every call
    light = last.to(DTYPES[-1])
    seconds = {
        "forward, plain": timed(forward(plain, image, torch.float32)),
        "forward, fast": timed(forward(quick, last, DTYPES[-1])),
        "forward, batch norms folded": timed(forward(folded, light, torch.float32)),
        "forward, folded and compiled": timed(forward(torch.compile(folded), light, torch.float32)),
        "training step, plain": timed(training_step(plain.train(), image.repeat(2, 1, 1, 1), torch.float32), 3),
        "training step, fast": timed(training_step(quick.train(), last.repeat(2, 1, 1, 1), DTYPES[-1]), 3),
    }
    table = Table("ResCU-Net, the paper's widths", "s", "times as fast as plain")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{seconds[name.split(',')[0] + ', plain'] / value:.2f}")
    console.print(table)


def unpooling() -> None:
    """Our unpooling against `nn.MaxUnpool2d`."""
    table = Table("unpooling", "dtype", "format", "ours ms", "native ms", "ratio")
    native = nn.MaxUnpool2d(2)
    for dtype, memory_format in product(DTYPES, FORMATS):
        image = torch.rand(2, 64, SIDE, SIDE, device=DEVICE, dtype=dtype).to(memory_format=memory_format)
        pooled, indices = nn.functional.max_pool2d(image, 2, return_indices=True)
        pooled.requires_grad_()
        calls = {
            "forward": (lambda: unpool(pooled, indices, [SIDE, SIDE]), lambda: native(pooled, indices)),  # noqa: B023
            "forward and backward": (
                lambda: unpool(pooled, indices, [SIDE, SIDE]).sum().backward(),  # noqa: B023
                lambda: native(pooled, indices).sum().backward(),  # noqa: B023
            ),
        }
        for name, (ours, theirs) in calls.items():
            a, b = timed(ours, 40), timed(theirs, 40)
            layout = "NHWC" if memory_format == torch.channels_last else "NCHW"
            table.add_row(name, str(dtype)[6:], layout, f"{a * 1e3:.2f}", f"{b * 1e3:.2f}", f"{a / b:.2f}")
    console.print(table)


SECTIONS = {
    "ceiling": ceiling, "networks": networks, "fast": fast, "agree": agree, "unpool": unpooling, "memory": memory,
    "formats": formats,
}  # fmt: skip

if __name__ == "__main__":
    machine = torch.cuda.get_device_name() if DEVICE.type == "cuda" else platform.processor() or platform.machine()
    console.print(f"{machine}, {torch.get_num_threads()} threads, torch {torch.__version__}, {SIDE} x {SIDE}")
    for name in sys.argv[1:] or [name for name in SECTIONS if name != "ceiling"]:
        SECTIONS[name]()
