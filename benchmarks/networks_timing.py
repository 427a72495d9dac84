"""What the benchmarks of networks share: the device, its dtypes and formats, and how a call is timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from monai_rescunet.training.inferers import supports_bfloat16

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIDE = 256
REPETITIONS = 5
DTYPES = (torch.float32, torch.bfloat16) if supports_bfloat16(DEVICE) else (torch.float32,)
FORMATS = (torch.contiguous_format, torch.channels_last)


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


console = Console(width=130)
