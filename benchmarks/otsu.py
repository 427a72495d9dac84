"""Modified Otsu on 64 maps of 256 x 256 against two calls a map of scikit-image's threshold_otsu, on the CPU.

Both sides start from the same float32 maps; ours ends with the decisions read.  python benchmarks/otsu.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from skimage.filters import threshold_otsu

from monai_rescunet.transforms import ModifiedOtsu

REPEATS = 15


def median_ms(call: Callable[[], object]) -> float:
    call()  # the first call is slower
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(64, 1, 256, 256, generator=generator) ** 3
    arrays = list(maps[:, 0].numpy())
    peer = median_ms(lambda: [(threshold_otsu(array), threshold_otsu(array)) for array in arrays])
    table = Table("64 maps of 256 x 256", "ms", "ratio")
    table.add_row("2 x skimage.filters.threshold_otsu", f"{peer:.1f}", "1.00")
    for mode in ("anchored", "paper"):
        otsu = ModifiedOtsu(mode)
        ours = median_ms(lambda otsu=otsu: otsu(maps).decision)
        table.add_row(f"ModifiedOtsu({mode!r}), decisions read", f"{ours:.1f}", f"{ours / peer:.2f}")
    Console().print(table)
    print(f"{torch.get_num_threads()} threads, medians of {REPEATS}")


if __name__ == "__main__":
    main()
