"""Run a Python module as `python -m` does, in a process of its own that need not import MONAI again.

Importing torch, MONAI and the package takes four to five processor seconds, more than most of the runs that tests make
of them. So each test process has one child that imports them once and does nothing else, and that forks itself for each
run: a fresh process all the same, with arguments, environment, folder, output and exit status of its own. What is
killed, or is about how processes are started or what an import does, is started by `subprocess` as ever.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from socket import create_server
from typing import Any


def run_module(
    module: str,
    arguments: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    processes: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Run `python -W ignore -m module arguments` and return its exit status and what it printed.

    Args:
        module: as after `-m`.
        arguments: as after the module.
        env: its environment; without it this process's.
        cwd: the folder that it is run in.
        processes: run so many at a time, each told of the others as torchrun tells them; the status is the worst one.
    """
    told = [str(argument) for argument in arguments]
    variables = dict(os.environ if env is None else env)
    with tempfile.TemporaryDirectory() as name:
        outputs = [Path(name) / "stdout", Path(name) / "stderr"]
        job = {
            "module": module, "arguments": told, "cwd": str(cwd or Path.cwd()),
            "outputs": [str(path) for path in outputs],
            "environments": [variables | ranked for ranked in (_torchruns(processes) if processes else [{}])],
        }  # fmt: skip
        server = _server()
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        statuses = server.stdout.readline().split()
        assert statuses, "the process that forks the others has ended"
        printed = [path.read_text(errors="replace") for path in outputs]
    return subprocess.CompletedProcess(["python", "-m", module, *told], max(map(int, statuses), key=abs), *printed)


def _torchruns(processes: int) -> list[dict[str, str]]:
    """Return what torchrun sets in the environment of each process."""
    with create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    shared = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    shared |= {"LOCAL_WORLD_SIZE": str(processes), "TORCHELASTIC_RUN_ID": "forked"}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]


@cache
def _server() -> Any:
    """Start the process that imports and forks; it ends with its standard input, and so with this process."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def _import_all() -> None:
    import gc
    import pkgutil
    from contextlib import suppress
    from importlib import import_module

    import monai_rescunet

    for name in ("monai.bundle", "monai.engines", "monai.handlers", "fire", "torch.utils.tensorboard"):
        import_module(name)
    for found in pkgutil.walk_packages(monai_rescunet.__path__, "monai_rescunet."):
        if not found.name.startswith("monai_rescunet.label") and not found.name.endswith("__main__"):
            with suppress(ImportError):  # an extra that is not installed here
                import_module(found.name)
    gc.freeze()  # no process that is forked has to take all this apart when it ends


def _run(job: dict[str, Any], environment: dict[str, str]) -> None:
    """Become the process that was asked for, and end as it ends."""
    import numpy as np

    np.random.seed()  # or all would go on from one state
    for stream, path in enumerate([os.devnull, *job["outputs"]]):
        opened = os.open(path, os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(job["cwd"])
    sys.path[0] = job["cwd"]
    sys.argv = [job["module"], *job["arguments"]]
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        job = json.loads(line)
        children = []
        for environment in job["environments"]:
            children.append(os.fork())
            if children[-1] == 0:
                _run(job, environment)
                return
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(*statuses, flush=True)


if __name__ == "__main__":
    _serve()
