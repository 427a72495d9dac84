"""Install a wheel in a fresh environment and run it there as a user does, outside the checkout: `make wheel-check`.

    python scripts/check_wheel.py dist/monai_rescunet-0.1.0-py3-none-any.whl monai==1.5.1

Ends with status 0 if phantoms, prediction, the bundle as it is written out, its run and the model zoo's rules all work,
and all of it is the wheel's.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKS = [Path(__file__).parents[1] / "tests" / "bundle" / f"test_{name}.py" for name in ("bundle_check", "exports")]
PHANTOMS = 4
INSTALLED = (
    "import importlib.metadata as m, platform, monai_rescunet;"
    "print(monai_rescunet.__file__);"
    "print('python', platform.python_version(), *(f'{n} {m.version(n)}' for n in ('monai', 'torch', 'numpy', 'onnx')))"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command outside the checkout, telling it, and return what it printed."""
    print("$", Path(command[0]).name, *command[1:], flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}\nstatus {done.returncode}")
    return done.stdout


def rows(results: Path) -> list[dict[str, str]]:
    """Return the rows of a results.csv."""
    with results.open(newline="") as file:
        return list(csv.DictReader(file))


def expect(true: bool, what: str) -> None:
    """End the check unless something is true."""
    if not true:
        sys.exit(f"not so: {what}")


def main() -> None:
    """Make the environment, install and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("requirements", nargs="*", help="installed with it, for instance monai==1.5.1")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    options = parser.parse_args()
    wheel = f"{options.wheel.resolve()}[export]"
    with tempfile.TemporaryDirectory(prefix="check_wheel.") as temporary:
        work = Path(temporary).resolve()
        run(options.python, "-m", "venv", "environment", cwd=work)
        programs = work / "environment" / "bin"
        python, command = programs / "python", programs / "monai-rescunet"
        run(python, "-m", "pip", "install", "--quiet", wheel, "pytest", "jsonschema", *options.requirements, cwd=work)
        location, versions = run(python, "-c", INSTALLED, cwd=work).splitlines()
        expect(Path(location).is_relative_to(work / "environment"), f"{location} is the wheel's")
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
        expect(len(masses) == PHANTOMS, f"{PHANTOMS} masses in {masses}")
        print(f"predict: {mass['decision']}, score {mass['score']}; bundle: {len(masses)} masses, Dice", end=" ")
        print(*(mass["dice"] for mass in masses))

        checked = run(python, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *CHECKS, cwd=work)
        print(checked.splitlines()[-1])


if __name__ == "__main__":
    main()
