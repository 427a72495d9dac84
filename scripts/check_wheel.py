"""Install a wheel in a fresh environment and run it there as a user does, outside the checkout.

    python scripts/check_wheel.py dist/monai_rescunet-0.1.0-py3-none-any.whl monai==1.5.1

Ends with status 0 if phantoms, prediction, the written bundle and its run all work, and all of it is the wheel's.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PHANTOMS = 4
INSTALLED = (
    "import importlib.metadata as m, platform, monai_rescunet;"
    "print(monai_rescunet.__file__);"
    "print('python', platform.python_version(), *(f'{n} {m.version(n)}' for n in ('monai', 'torch', 'numpy')))"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command outside the checkout, telling it, and return what it printed."""
    print("$", *(Path(command[0]).name, *command[1:]), flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}\nstatus {done.returncode}")
    return done.stdout


def rows(results: Path) -> list[dict[str, str]]:
    """Return the rows of a results.csv."""
    with results.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Make the environment, install and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("requirements", nargs="*", help="installed with it, for instance monai==1.5.1")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="check_wheel.") as temporary:
        work = Path(temporary)
        run(options.python, "-m", "venv", "environment", cwd=work)
        programs = work / "environment" / "bin"
        python, command = programs / "python", programs / "monai-rescunet"
        run(python, "-m", "pip", "install", "--quiet", options.wheel.resolve(), *options.requirements, cwd=work)
        location, versions = run(python, "-c", INSTALLED, cwd=work).splitlines()
        assert Path(location).is_relative_to(work / "environment"), location
        print(versions)

        run(command, "phantom", "phantoms", "--count", str(PHANTOMS), "--size", "300", "280", cwd=work)
        run(command, "prepare", "folder", "phantoms", "--out", "phantoms/datalist.json", "--folds", "2", cwd=work)
        image, box = "phantoms/images/phantom_000.png", "50,50,200,200"
        run(command, "predict", image, "--box", box, "--out", "predictions", cwd=work)
        (mass,) = rows(work / "predictions" / "results.csv")
        run(command, "bundle", "bundle", cwd=work)
        run(
            *(python, "-m", "monai.bundle", "run", "--config_file", "configs/inference.yaml"),
            *("--meta_file", "configs/metadata.json", "--logging_file", "configs/logging.conf"),
            *("--dataset_dir", work / "phantoms", "--output_dir", "masses"),
            cwd=work / "bundle",
        )
        masses = rows(work / "bundle" / "masses" / "results.csv")
        assert len(masses) == PHANTOMS, masses
        print(f"predict: {mass['decision']}, score {mass['score']}; bundle: {len(masses)} masses, Dice", end=" ")
        print(*(mass["dice"] for mass in masses))


if __name__ == "__main__":
    main()
