"""What importing the package costs, beside importing the part of MONAI that it stands on.

    python benchmarks/import_time.py

Each import is a fresh process; the two of a pair alternate, so that the machine's load falls on both. A process's time
is that of the import statement, without the interpreter's start. Ends with status 1 if a median is more than 1.2 times
its peer's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

PAIRS = {
    "monai_rescunet": "monai",
    "monai_rescunet.inference": "monai",  # what `monai_rescunet.predict` loads
    "monai_rescunet.networks": "monai.networks.nets",
    "monai_rescunet.transforms": "monai.transforms",
}
ALLOWED = 1.2


def seconds(module: str) -> float:
    """Return how long a fresh process takes to import a module."""
    program = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def compared(ours: str, peer: str, repeats: int) -> tuple[float, float]:
    """Return the medians of two modules, whose imports alternate."""
    pair = (ours, peer)
    for module in pair:
        seconds(module)  # compiles and fills the disk's cache
    first, second = (median(times) for times in zip(*(map(seconds, pair) for _ in range(repeats)), strict=True))
    return first, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    ratios = []
    for pair in PAIRS.items():
        ours, peer = compared(*pair, repeats)
        ratios.append(ours / peer)
        print(f"{pair[0]:26} {ours:6.2f} s   {pair[1]:20} {peer:6.2f} s   {ratios[-1]:5.2f} times", flush=True)
    sys.exit(max(ratios) > ALLOWED)


if __name__ == "__main__":
    main()
