"""The commands of docs/monai-label.md, as a reader copies them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "monai-label.md"


def curl_commands() -> list[str]:
    """Return the blocks of curl commands, in the page's order."""
    return [block for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if block.startswith("curl")]


def run_command(command: str, url: str, folder: Path, **environment: str) -> str:
    """Run a block in a folder, with another address of the server, and return what it prints."""
    assert "http://127.0.0.1:8000" in command
    done = subprocess.run(
        ["bash", "-e", "-c", command.replace("http://127.0.0.1:8000", url).replace("curl -f", "curl -fsS")],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
