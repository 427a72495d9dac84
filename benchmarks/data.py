"""From full-size DICOM and XML to a training sample, against MONAI's transforms; how long training waits for data.

Both ways run in a process of their own, on the same phantoms in INbreast's layout (uncompressed, 14 bits in 16, 2560 x
3328 and 3328 x 4084 pixels), whose files are in the page cache: what is compared is the reading of them, not the disk.
Time is CPU time on one thread, which other programs on the machine hardly change. Peak memory is how far the resident
memory of the process rises above where it stands when the libraries are imported and every transform has run on a small
mammogram (Linux's VmHWM, set back at that point): what one more worker of a data loader needs to read mammograms.

The second table is of train.yaml as it is, with two workers, on crops that it cached: of each epoch after the
first, the time in which the trainer has no batch, the start of the workers included.

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
from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.transforms import Compose, CropForegroundd, EnsureChannelFirstd, LoadImaged, Resized
from rich.console import Console
from rich.table import Table

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.data import LoadMassROId, make_inbreast_phantoms, prepare_inbreast, read_datalist, write_datalist

SIDE = 256
REPEATS = 5
MASSES = 100  # of an epoch, about INbreast's
EPOCHS = 4


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


def waiting(folder: Path) -> tuple[float, float]:
    """Return seconds an epoch of training takes, and which part of them it waits for data, medians."""
    bundle = bundle_root()
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "train.yaml")
    parser.update(
        {
            "bundle_root": str(bundle),
            "dataset_dir": str(folder),
            "datalist": str(folder / "datalist.json"),
            "output_dir": str(folder / "runs"),
            "fold": "none",
            "training_entries": f"$@split[0] * {MASSES // len(entries(folder))}",
            "max_epochs": EPOCHS,
            "num_workers": 2,
        }
    )
    trainer = parser.get_parsed_content("train#trainer")
    marks: dict[int, dict[str, float]] = {}

    def mark(name: str) -> None:
        epoch = marks.setdefault(trainer.state.epoch, {"waited": 0.0})
        now = time.perf_counter()
        if name == "started":
            epoch["first"] = now
        elif name == "batch":
            epoch["waited"] += now - epoch["last"]
        epoch["last"] = now

    trainer.add_event_handler(Events.EPOCH_STARTED, mark, "started")
    trainer.add_event_handler(Events.GET_BATCH_COMPLETED, mark, "batch")
    trainer.add_event_handler(Events.ITERATION_COMPLETED, mark, "iteration")
    trainer.run()
    later = [epoch for number, epoch in marks.items() if number > 1]
    lengths = [epoch["last"] - epoch["first"] for epoch in later]
    shares = [epoch["waited"] / length for epoch, length in zip(later, lengths, strict=True)]
    return statistics.median(lengths), statistics.median(shares)


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
        seconds, share = waiting(full)
        training = Table("an epoch of train.yaml after the first", "s", "waiting for data")
        training.add_row(f"{MASSES} masses, cached, two workers", f"{seconds:.1f}", f"{share:.1%}")
        Console(width=120).print(training)
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"medians of {REPEATS} x {len(entries(full))} samples; {load}")


if __name__ == "__main__":
    main()
