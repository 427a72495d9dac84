"""From full-size DICOM and XML to a training sample, against MONAI's transforms; how long training waits for data.

Both ways run in a process of their own, on the same phantoms in INbreast's layout (uncompressed, 14 bits in 16, 2560 x
3328 and 3328 x 4084 pixels), whose files are in the page cache: what is compared is the reading of them, not the disk.
Time is CPU time on one thread, which other programs on the machine hardly change. Peak memory is how far the resident
memory of the process rises above where it stands when the libraries are imported and every transform has run on a small
mammogram (Linux's VmHWM, set back at that point): what one more worker of a data loader needs to read mammograms.

    python benchmarks/data.py
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from monai.transforms import Compose, CropForegroundd, EnsureChannelFirstd, LoadImaged, Resized
from rich.console import Console
from rich.table import Table

from monai_rescunet.data import LoadMassROId, make_inbreast_phantoms, prepare_inbreast, read_datalist, write_datalist

SIDE = 256
REPEATS = 5


def ours() -> LoadMassROId:
    """Image and label map of the region round a mass, as train.yaml makes them."""
    return LoadMassROId(roi_mode="fitted", roi_context=1.25, roi_size=SIDE)


def monai_only() -> Compose:
    """The mammogram without its air, made small: MONAI's way without a mask, a box or a spacing."""
    return Compose(
        [
            LoadImaged("image", reader="PydicomReader"),
            EnsureChannelFirstd("image"),
            CropForegroundd("image", source_key="image"),
            Resized("image", (SIDE, SIDE)),
        ]
    )


WAYS = {"monai": monai_only, "ours": ours}


def memory(field: str) -> float:
    """Return `VmRSS`, the resident memory of this process, or `VmHWM`, its peak, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(way: str, small: Path, full: Path) -> dict[str, float]:
    """Return median seconds a sample and the growth of peak memory, MiB, of one way in this process."""
    torch.set_num_threads(1)  # as a data loader's worker
    transform = WAYS[way]()
    transform(entries(small)[0])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, times = memory("VmRSS"), []
    for _ in range(REPEATS):
        for entry in entries(full):
            start = time.process_time()
            transform(entry)
            times.append(time.process_time() - start)
    return {"seconds": statistics.median(times), "mib": memory("VmHWM") - before}


def entries(folder: Path) -> list[dict[str, Any]]:
    return read_datalist(folder / "datalist.json", folder)


def collection(folder: Path, count: int, size: tuple[int, int] | None = None) -> Path:
    make_inbreast_phantoms(folder, count=count, size=size)
    write_datalist(folder / "datalist.json", prepare_inbreast(folder).entries)
    return folder


def in_own_process(way: str, small: Path, full: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", __file__, "--measure", way, str(small), str(full)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "SMALL", "FULL"), help="used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.measure:
        way, small, full = arguments.measure
        print(json.dumps(measure(way, Path(small), Path(full))))
        return
    with tempfile.TemporaryDirectory() as folder:
        small = collection(Path(folder, "small"), 2, (400, 500))
        full = collection(Path(folder, "full"), 4)
        results = {way: in_own_process(way, small, full) for way in WAYS}
        table = Table(f"one sample of {SIDE} x {SIDE} from a whole mammogram", "ms", "ratio", "peak MiB", "ratio")
        for way, name in (
            ("monai", "LoadImaged(PydicomReader), CropForegroundd, Resized"),
            ("ours", "LoadMassROId: image and label map of the mass's region"),
        ):
            seconds, mib = results[way]["seconds"], results[way]["mib"]
            peer = results["monai"]
            table.add_row(
                name,
                f"{1000 * seconds:.0f}",
                f"{peer['seconds'] / seconds:.1f}x",
                f"{mib:.0f}",
                f"{mib / peer['mib']:.2f}",
            )
        Console(width=120).print(table)
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"medians of {REPEATS} x {len(entries(full))} samples; {load}")


if __name__ == "__main__":
    main()
