"""What inference costs: processor seconds and peak memory a mammogram, beside the floor and beside MONAI's own chain.

    python benchmarks/inference.py                              # all parts, about 15 minutes on two quiet cores
    python benchmarks/inference.py --only growth --growth 500 5000
    python benchmarks/inference.py --only cost --formats png --boxes 1 --repeats 1
    python benchmarks/inference.py --out inference.md           # the tables into a file, too

Every case is a process of its own, on one thread; the first image warms up and does not count, figures are medians of
the others. Prints its tables as Markdown, and ends with status 1 where a bound does not hold.

- `cost`: made-up mammograms of 3328 x 4084 pixels. The floor of the same process is what no program can leave out:
  decode the file, judge the regions with four flips, encode the label map and, with overlay, a picture. MONAI's chain
  does the same job with `LoadImaged`, the crop, the network, `Invertd` and `SaveImaged`, for each box, and draws no
  picture and writes no DICOM. Bounds, but for DICOM results, which the floor does not write: 1.5 times the floor;
  in all cases: 0.9 GB.
- `growth`: what one of many small images costs in a short and in a long run. Bound: 1.1 times, in seconds and memory.
- `warm`: `predict` on a small image in a process that has called it before. Bound: 0.1 s.
- `imports`: the package with `predict` beside MONAI. Bound: 1.2 times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import import_time
import inference_cases

FORMATS = {"png": "PNG", "jpeg": "JPEG", "dicom": "DICOM", "jpeg2000": "DICOM, JPEG 2000"}
DICOM_RESULTS = ["seg", "sr", "sc"]
MOST_TIMES_FLOOR, MOST_BYTES, MOST_GROWTH, MOST_WARM = 1.5, 0.9e9, 1.1, 0.1
WARM_CALLS = 20


def measured(case: dict[str, Any]) -> dict[str, float]:
    """Measure a case in a process of its own."""
    command = [sys.executable, "-W", "ignore", inference_cases.__file__, json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def costs(arguments: argparse.Namespace) -> Iterator[str]:
    yield "| file | boxes | overlay | DICOM results | s | floor s | times the floor | MONAI's s | peak GB |"
    yield "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.formats:
            path = inference_cases.mammogram(Path(folder), kind)
            for boxes in arguments.boxes:
                yield from costs_of(path, kind, boxes, arguments.repeats)


def costs_of(path: Path, kind: str, boxes: int, repeats: int) -> Iterator[str]:
    """Give the rows of a file and a number of boxes; MONAI's chain does one job for all and is run once."""
    peer = None
    for overlay, dicom in ((False, []), (True, []), (True, DICOM_RESULTS)):
        if dicom and path.suffix != ".dcm":
            continue
        case = {"part": "cost", "path": str(path), "boxes": boxes, "overlay": overlay, "dicom": dicom}
        told = measured({**case, "chain": peer is None, "repeats": repeats})
        peer = told.get("chain", peer)
        times = told["seconds"] / told["floor"]
        over = "**" if times > MOST_TIMES_FLOOR and not dicom else ""
        heavy = "**" if told["peak"] > MOST_BYTES else ""
        yield (
            f"| {FORMATS[kind]} | {boxes} | {'yes' if overlay else 'no'} | {', '.join(dicom).upper() or 'none'} | "
            f"{told['seconds']:.2f} | {told['floor']:.2f} | {over}{times:.2f}{over} | {peer:.2f} | "
            f"{heavy}{told['peak'] / 1e9:.2f}{heavy} |"
        )


def growth(arguments: argparse.Namespace) -> Iterator[str]:
    yield "| small images | ms an image | peak GB |"
    yield "| ---: | ---: | ---: |"
    told = {}
    for count in arguments.growth:
        told[count] = measured({"part": "growth", "count": count})
        yield f"| {count} | {told[count]['seconds'] * 1000:.1f} | {told[count]['peak'] / 1e9:.2f} |"
    few, many = (told[count] for count in arguments.growth)
    ratios = [many[name] / few[name] for name in ("seconds", "peak")]
    marks = ["**" if ratio > MOST_GROWTH else "" for ratio in ratios]
    yield "| growth | " + " | ".join(f"{m}{ratio:.2f}{m}" for m, ratio in zip(marks, ratios, strict=True)) + " |"


def warm(arguments: argparse.Namespace) -> Iterator[str]:
    told = measured({"part": "warm", "repeats": WARM_CALLS})
    mark = "**" if told["wall"] > MOST_WARM else ""
    yield "| `predict` on an image of 240 x 300 pixels | s |"
    yield "| --- | ---: |"
    yield f"| first call | {told['first']:.2f} |"
    yield f"| later calls | {mark}{told['wall']:.3f}{mark} |"
    yield f"| processor seconds of later calls | {told['processor']:.3f} |"


def imports(arguments: argparse.Namespace) -> Iterator[str]:
    yield "| import | s | beside | s | times |"
    yield "| --- | ---: | --- | ---: | ---: |"
    for ours, peer in import_time.PAIRS.items():
        seconds = import_time.compared(ours, peer, arguments.repeats)
        ratio = seconds[0] / seconds[1]
        mark = "**" if ratio > import_time.ALLOWED else ""
        yield f"| `{ours}` | {seconds[0]:.2f} | `{peer}` | {seconds[1]:.2f} | {mark}{ratio:.2f}{mark} |"


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Iterator[str]]]] = {
    "cost": ("A mammogram of 3328 x 4084 pixels, processor seconds on one thread", costs),
    "growth": ("Many small images, processor milliseconds", growth),
    "warm": ("A call in a process that has called before", warm),
    "imports": ("Imports", imports),
}
"""Each part's heading and the rows of its table; a figure beyond its bound is bold."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--boxes", nargs="+", type=int, choices=range(1, 7), default=(1, 6))
    parser.add_argument("--growth", nargs=2, type=int, metavar=("FEW", "MANY"), default=(500, 5000))
    parser.add_argument("--out", type=Path, help="a file for the tables")
    arguments = parser.parse_args()
    lines: list[str] = []
    for part in arguments.only:
        heading, rows = PARTS[part]
        for line in chain([f"### {heading}", ""], rows(arguments), [""]):
            print(line, flush=True)
            lines.append(line)
    if arguments.out is not None:
        arguments.out.write_text("\n".join(lines))
    sys.exit(any("**" in line for line in lines))


if __name__ == "__main__":
    main()
