"""Memory of a training step, and its speed in both memory formats; each case is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

from networks_timing import SIDE, console
from rich.table import Table

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
