"""MONAI Label's server on an app of ours, on loopback, started by a test and ended by it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests
import SimpleITK as sitk  # noqa: N813
from requests_toolbelt.multipart import decoder

from monai_rescunet.label import MODEL_NAME

START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 180, 20, 180


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_answer(process: subprocess.Popen[bytes], url: str, log: Path, seconds: float) -> None:
    """Return when a server that was just started answers at an address; raise what it has said if it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at its start:\n{log.read_text()[-3000:]}")
        try:
            if requests.get(url, timeout=30).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer after {seconds} s:\n{log.read_text()[-3000:]}")


def label_app(folder: Path, studies: Path | str, port: int) -> str:
    """Put an app in place as a user does, and return the command that this printed."""
    call = [sys.executable, "-m", "monai_rescunet.cli", "label-app", folder, "--studies", studies, "--port", port]
    return subprocess.run(list(map(str, call)), check=True, capture_output=True, text=True).stdout.strip()


class LabelServer:
    """The server, from the command that starts it on.

    Args:
        command: what `label_app` returned.
        log: gets what it prints.
        environment: further variables.

    Attributes:
        url: where it listens.
        app: the app's folder.
        temporary: the folder of its temporary files.
    """

    def __init__(self, command: str, log: Path, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{shlex.split(command)[-1]}"
        self.app = Path(shlex.split(command)[shlex.split(command).index("--app") + 1])
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.temporary = log.with_name("temporary")
        self.temporary.mkdir()
        with log.open("w") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", f"exec env {command}"],
                env={**os.environ, "PATH": path, "TMPDIR": str(self.temporary), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for_answer(self._process, f"{self.url}/info/", log, START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and whatever it started."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, kind)
                self._process.wait(STOP_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def get(self, path: str) -> Any:
        """Return the JSON that a GET answers."""
        answer = requests.get(f"{self.url}{path}", timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def ask(
        self, image: str | Path, *, model: str = MODEL_NAME, output: str = "all", **params: Any
    ) -> requests.Response:
        """Ask for an inference: of an image of the server by its id, of a file by upload."""
        return requests.post(
            f"{self.url}/infer/{model}",
            params={"output": output, **({"image": image} if isinstance(image, str) else {})},
            data={"params": json.dumps(params)},
            files={"file": (image.name, image.read_bytes())} if isinstance(image, Path) else None,
            timeout=ANSWER_SECONDS,
        )

    def infer(self, image: str | Path, **params: Any) -> tuple[dict[str, Any], sitk.Image]:
        """Return the `params` of an answer and its label map."""
        answer = self.ask(image, **params)
        assert answer.ok, f"{answer.status_code}: {answer.text[:500]}"
        parts = decoder.MultipartDecoder.from_response(answer).parts
        told, file = parts
        name = file.headers[b"Content-Disposition"].decode().split('filename="')[1].rstrip('"')
        return json.loads(told.content), image_of(file.content, name)

    def refusal(self, image: str | Path, **params: Any) -> str:
        """Return the line that says what is wrong with a request, after which the server still answers."""
        answer = self.ask(image, **params)
        assert answer.status_code == 400, f"{answer.status_code}: {answer.text[:500]}"
        assert self.get("/info/")["models"]
        line: str = answer.json()["detail"]
        assert "\n" not in line
        return line


def image_of(content: bytes, name: str) -> sitk.Image:
    """Return an image from a file's content; its name tells ITK the format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return sitk.ReadImage(str(path))


def dice(label: sitk.Image, mask: np.ndarray) -> float:
    """Return the Dice of a label map's non-zero pixels and a mask `(rows, columns)`."""
    found = np.squeeze(sitk.GetArrayFromImage(label)) > 0
    assert found.shape == mask.shape
    return float(2 * (found & mask).sum() / (found.sum() + mask.sum()))
