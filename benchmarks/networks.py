"""Speed and memory of the networks against MONAI's, in one run.

    python benchmarks/networks.py [SECTION ...]        SECTION: ceiling, networks, fast, agree, unpool, memory, formats

Medians of several repetitions; ratios are of the same run. Multiply-adds are those of convolutions and matrix products.
Each network runs in the setting of dtype and memory format that suits it best.
"""

from __future__ import annotations

import copy
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from monai.networks.nets import AttentionUnet, BasicUNet, DynUNet, Quicknat, SegResNet
from monai.networks.nets import UNet as MonaiUNet
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from monai_rescunet import predict, transforms
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.data import make_phantom, make_phantoms
from monai_rescunet.networks import NETWORKS, ResCUNet, fold_batch_norms
from monai_rescunet.networks.blocks import unpool
from monai_rescunet.training.inferers import supports_bfloat16
from monai_rescunet.transforms.boxes import lesion_box

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIDE = 256
REPETITIONS = 5
DTYPES = (torch.float32, torch.bfloat16) if supports_bfloat16(DEVICE) else (torch.float32,)
FORMATS = (torch.contiguous_format, torch.channels_last)
WIDTHS = (64, 128, 256, 512, 512)

PEERS: dict[str, Callable[[], nn.Module]] = {
    "MONAI UNet": lambda: MonaiUNet(2, 1, 1, WIDTHS, (2, 2, 2, 2), num_res_units=2),
    "MONAI BasicUNet": lambda: BasicUNet(2, 1, 1, (64, 64, 128, 256, 512, 64), norm="batch"),
    "MONAI AttentionUnet": lambda: AttentionUnet(2, 1, 1, WIDTHS, (2, 2, 2, 2)),
    "MONAI SegResNet": lambda: SegResNet(2, 32, 1, 1),
    "MONAI DynUNet": lambda: DynUNet(2, 1, 1, [3] * 5, [1, 2, 2, 2, 2], [2] * 4),
    "MONAI Quicknat": lambda: Quicknat(num_classes=1, num_channels=1),
}


def timed(call: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Return the median time of a call in seconds; the first ones warm up and do not count."""
    times = []
    for repetition in range(repetitions + 2):
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        if repetition >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def multiply_adds(net: nn.Module, image: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image)
    return counter.get_total_flops() // 2


def forward(net: nn.Module, image: Tensor, dtype: torch.dtype) -> Callable[[], Tensor]:
    @torch.no_grad()
    def run() -> Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            return net(image)

    return run


def training_step(net: nn.Module, image: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    target = (image > 0.5).to(image.dtype)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = net(image)
        nn.functional.binary_cross_entropy_with_logits(logits.float(), target).backward()
        optimizer.step()

    return step


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


def overlap(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """Return the Dice of two masks."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def agree() -> None:
    """Does the fast path answer as plain float32 does: with the shipped weights, and after training on each?"""
    with TemporaryDirectory() as folder:
        phantoms = make_phantoms(folder, count=24)
        pairs = [
            [predict(Path(folder) / phantom["image"], box=phantom["box"], amp=amp)[0] for amp in (False, True)]
            for phantom in phantoms
        ]
    dice = [overlap(plain["mask"], quick["mask"]) for plain, quick in pairs]
    same = sum(plain["decision"] == quick["decision"] for plain, quick in pairs)
    scores = max(abs(plain["score"] - quick["score"]) for plain, quick in pairs)
    console.print(
        f"shipped weights on {len(pairs)} phantoms: Dice of both paths' masks {statistics.mean(dice):.4f}, at least "
        f"{min(dice):.4f}; scores differ by at most {scores:.4f}; {same} decisions are the same"
    )
    table = Table("thirty steps of each, from", "logits differ by", "Dice of the masks")
    images, targets = training_crops()
    for start in ("shipped weights", *range(4)):
        plain = trained(start, torch.float32, FORMATS[0], images, targets)
        quick = trained(start, DTYPES[-1], FORMATS[1], images, targets)
        maps = [logits.sigmoid() for logits in (plain, quick)]
        masks = [transforms.lesion_mask(m, transforms.ModifiedOtsu()(m)) for m in maps]
        distance = float((plain - quick).norm() / plain.norm())
        table.add_row(str(start), f"{distance:.3f}", f"{overlap(*masks):.4f}")
    console.print(table)


def training_crops() -> tuple[Tensor, Tensor]:
    """Return eight phantoms' regions of interest and their grey masks as train.yaml makes them, `(8, 1, 128, 128)`."""
    crop = transforms.CropMassROI("fitted", roi_context=1.1, roi_size=128)
    images, label_maps = [], []
    for number in range(8):
        image, mask = make_phantom(np.random.default_rng(number), ("benign", "malignant")[number % 2], (1000, 1000))
        label_map = torch.from_numpy(mask.T.astype(np.float32))[None] * (1 + number % 2)
        box = lesion_box(label_map)
        images.append(transforms.ScaleBreastIntensity()(crop(torch.from_numpy(image.T.astype(np.float32))[None], box)))
        label_maps.append(crop(label_map, box, mode="nearest"))
    targets = transforms.EncodeMixedSupervision()(torch.stack([label.as_tensor() for label in label_maps]))
    return torch.stack([torch.as_tensor(image) for image in images]).to(DEVICE), targets.to(DEVICE)


def trained(
    start: str | int, dtype: torch.dtype, memory_format: torch.memory_format, images: Tensor, targets: Tensor
) -> Tensor:
    """Return the logits on the images after thirty training steps on them, from the shipped weights or from a seed."""
    if isinstance(start, int):
        torch.manual_seed(start)
    net = ResCUNet(features=(16, 32, 64, 128, 128)).to(DEVICE, memory_format=memory_format)
    if start == "shipped weights":
        net.load_state_dict(torch.load(bundle_root() / "models" / "model.pt", weights_only=True))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = net(images.to(memory_format=memory_format))
        nn.functional.binary_cross_entropy_with_logits(logits.float(), targets).backward()
        optimizer.step()
    return forward(net.eval(), images.to(memory_format=memory_format), dtype)().float()


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


MEMORY = """
import torch
from pathlib import Path
from monai_rescunet.networks import ResCUNet
net = ResCUNet(checkpointing={checkpointing})
image = torch.rand({batch}, 1, 256, 256)
def memory(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = memory("VmRSS")
net(image).sum().backward()
print((memory("VmHWM") - before) / 1024)
"""


def memory() -> None:
    """Peak memory of a training step with and without checkpointing, each in a process of its own."""
    peaks = {}
    for checkpointing, batch in product((False, True), (1, 3)):
        code = MEMORY.format(checkpointing=checkpointing, batch=batch)
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        peaks[checkpointing, batch] = float(done.stdout)
    # the gradients' share is the same for every batch
    plain, lean = ((peaks[on, 3] - peaks[on, 1]) / 2 for on in (False, True))
    console.print(f"activations an image: {plain:.0f} MiB, with checkpointing {lean:.0f} MiB: {lean / plain:.2f}")


PROCESSORS = {
    "this one": {},
    "AVX-512 without bfloat16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}
"""Environments in which torch computes as on another processor."""

FORMATS_STEP = """
import sys, time, statistics, torch
from monai_rescunet.networks import get_network
from monai_rescunet.training.memory_format import choose_memory_format
torch.set_num_threads(1)
name, side, *features = sys.argv[1], *map(int, sys.argv[2:])
image = torch.rand(1, 1, side, side)
def seconds(memory_format):
    net = get_network(name)(features=features).to(memory_format=memory_format)
    x, times = image.to(memory_format=memory_format), []
    for _ in range(3):
        start = time.process_time()
        net(x).square().mean().backward()
        times.append(time.process_time() - start)
    return min(times[1:])
plain, last = (seconds(memory_format) for memory_format in (torch.contiguous_format, torch.channels_last))
choice = choose_memory_format("auto", torch.device("cpu"), features, amp=False)
print(plain, last, "NHWC" if choice == torch.channels_last else "NCHW")
"""


def formats() -> None:
    """A float32 training step in both memory formats, on this processor and on those it can act as; one thread."""
    table = Table("processor", "network", "finest width", "NCHW s", "NHWC s", "NHWC over NCHW", "auto takes")
    for processor, environment in PROCESSORS.items():
        for name, finest in product(FORMAT_NETWORKS, (16, 32, 64)):
            widths = [str(finest * factor) for factor in ((1, 2, 4, 8, 16) if name == "U-Net" else (1, 2, 4, 8, 8))]
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", FORMATS_STEP, name, str(SIDE), *widths],
                env=os.environ | environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            plain, last, choice = done.stdout.split()
            ratio = float(plain) / float(last)
            table.add_row(processor, name, str(finest), plain[:5], last[:5], f"{ratio:.2f} times as fast", choice)
    console.print(table)


FORMAT_NETWORKS = ("ResCU-Net", "U-Net")
SECTIONS = {
    "ceiling": ceiling, "networks": networks, "fast": fast, "agree": agree, "unpool": unpooling, "memory": memory,
    "formats": formats,
}  # fmt: skip
console = Console(width=130)

if __name__ == "__main__":
    machine = torch.cuda.get_device_name() if DEVICE.type == "cuda" else platform.processor() or platform.machine()
    console.print(f"{machine}, {torch.get_num_threads()} threads, torch {torch.__version__}, {SIDE} x {SIDE}")
    for name in sys.argv[1:] or [name for name in SECTIONS if name != "ceiling"]:
        SECTIONS[name]()
