"""docs/bad-input.md, row by row: what it says is said, the command fails, and what is good gets its results."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bad_inputs import CASES, Command, run_command

PAGE = Path(__file__).parents[1] / "docs" / "bad-input.md"


@pytest.fixture(autouse=True)
def unmounted(tmp_path: Path) -> Iterator[None]:
    """Give back the disk that a test has mounted."""
    yield
    if (tmp_path / "out").is_mount():
        subprocess.run(["umount", tmp_path / "out"], check=True)


def rows() -> dict[str, tuple[str, str]]:
    """Return what the page says: for each input, the message and what comes of it."""
    cells = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {what.strip(): (said.strip(), comes.strip()) for what, said, comes in cells[2:]}


def test_the_page_has_a_row_for_each_case():
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("what", CASES)
def test_bad_input_is_said_and_the_rest_goes_on(what, tmp_path, capsys, caplog):
    said, comes = rows()[what]
    expected = "" if said.startswith("nothing") else said.strip("`")
    command = CASES[what](tmp_path)
    assert expected in checked(command, tmp_path, capsys, caplog, fails=bool(expected))
    assert len(results(tmp_path)) == int(re.search(r"\d+", comes)[0])


@pytest.mark.parametrize("what", CASES)
def test_with_strict_the_first_fault_ends_the_command(what, tmp_path, capsys, caplog):
    said, comes = rows()[what]
    fails = not said.startswith("nothing")
    command = [*CASES[what](tmp_path), "--strict"]
    told = checked(command, tmp_path, capsys, caplog, fails=fails)
    whole = int(re.search(r"\d+", comes)[0])
    if fails:
        assert said.strip("`") in told
        assert not list((tmp_path / "out").rglob("datalist.json"))
        assert len(results(tmp_path)) <= whole, "those of the images before the fault at most"
    else:
        assert len(results(tmp_path)) == whole


def checked(command: Command, folder: Path, capsys: Any, caplog: Any, fails: bool) -> str:
    """Run a command that fails or does not, half-writing nothing, and return what it says."""
    status, last = run_command(command)
    output = capsys.readouterr()
    told = "\n".join([output.err, output.out, *caplog.messages, last]).replace(f"{folder.resolve()}/", "")
    assert (status != 0) == fails
    assert "Traceback" not in told
    assert not list(folder.rglob(".*.*")), "nothing is half-written"
    return told


def results(folder: Path) -> list[Any]:
    """Return what was made in spite of the fault: masses of the datalist, or rows of results.csv."""
    for path in (folder / "out").rglob("datalist.json") if (folder / "out").is_dir() else ():
        return json.loads(path.read_text())["training"]
    table = folder / "out" / "results.csv"
    return list(pd.read_csv(table).index) if table.is_file() else []
