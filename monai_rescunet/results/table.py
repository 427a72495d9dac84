"""`results.csv`: appended to image by image, whole after a kill, and shared by runs and by processes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_atomically
from monai_rescunet.core.result_names import COLUMNS, SETTINGS, TABLE, is_result_table
from monai_rescunet.results.rows import written_cells

__all__ = ["ResultsTable"]

LOCK = ".lock"
PATIENCE = 10
"""Seconds that a run which writes a part waits for others that look whether somebody writes the whole table."""
PART = re.compile(r"results\.part\d+of\d+\.csv")
Cells = dict[str, str]


class ResultsTable:
    """The table of an output folder, or a process's part of it.

    The rows of an image are written together, and those of an earlier run go when the image is judged anew.

    Args:
        folder: the output folder.
        settings: what rows depend on, JSON values by name; a table holds rows of the same settings alone.
        share: this process's number and their count, where several write: each has a part of the table, which
            `gather` or the next run puts into it.

    Attributes:
        rows: those of earlier runs by image, as text.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any] | None = None, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.folder, self.path, self.settings = folder, folder / TABLE, _as_json(settings or {})
        number, count = share
        self.own = self.path if count == 1 else folder / f"results.part{number}of{count}.csv"
        self.rows: dict[str, list[Cells]] = {}
        self._order: list[str] = []
        self._file: int | None = None
        self._lock, self._lock_of_part = FileLock(folder / LOCK), FileLock(folder / f"{LOCK}.{self.own.stem}")

    def lock(self, part: bool = False) -> None:
        """Keep other runs out until `close`.

        Args:
            part: those alone that write the same part, or the whole table: others write parts of their own.

        Raises:
            InputError: another run writes into the folder, or the folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if part:
                self._lock_of_part.acquire(timeout=0)
                with self._lock.acquire(timeout=PATIENCE):  # others of the parts look, too
                    return
            self._lock.acquire(timeout=0)
            for held in self.folder.glob(f"{LOCK}.*"):
                with FileLock(held).acquire(timeout=0):
                    pass
        except Timeout as error:
            self._release()
            raise InputError(
                f"{self.folder}: another run writes into it; wait for it, or choose another output folder"
            ) from error
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be written ({error.strerror}); choose an output folder with room"
            ) from error

    def read(self, images: Sequence[str]) -> None:
        """Read what is there, parts included.

        Args:
            images: those of this run, in the order in which their rows are to stand.

        Raises:
            InputError: the table is not one of this version's results, or the settings are somebody else's.
        """
        self._order = list(images)
        if self.path.exists() and _columns(self.path) != COLUMNS:
            found = "is a table of an earlier version" if is_result_table(self.path) else "is no table of results"
            raise InputError(f"{self.path}: is there already and {found}; choose another output folder")
        self.rows = {}
        for path in [self.path, *sorted(_parts(self.folder), key=lambda part: part.stat().st_mtime_ns)]:
            self.rows |= _read(path)  # what was written later says more of its image
        then = _settings_in(self.folder)
        foreign = then is None or (then and not then.keys() & self.settings.keys())
        if foreign and not self.path.exists() and (self.folder / SETTINGS).exists():
            raise InputError(
                f"{self.folder}: has {SETTINGS}, which is no result of inference; choose another output folder"
            )

    def check_settings(self, ignored: Iterable[str] = ()) -> None:
        """Refuse to put rows of other settings beside those that are there, or that another run is about to write.

        Args:
            ignored: names of settings that rows do not depend on.

        Raises:
            InputError: the settings differ, or nobody knows those of the rows that are there.
        """
        then = _settings_in(self.folder)
        if then is None and not self.rows and not (self.folder / SETTINGS).exists():
            return
        if then is None:
            raise InputError(
                f"{self.folder}: has results, and {SETTINGS} does not tell what they were made with; choose another "
                "output folder"
            )
        compared = {name for name in {**then, **self.settings} if name not in set(ignored)}
        changes = [
            f"{name} is {self.settings.get(name)}, there {then.get(name)}"
            for name in sorted(compared)
            if self.settings.get(name) != then.get(name)
        ]
        if changes:
            raise InputError(
                f"{self.folder}: has results of other settings ({'; '.join(changes)}); choose another output folder"
            )

    def forget(self, images: Iterable[str]) -> None:
        """Leave out the rows of images that are judged anew, and put parts into the table."""
        for image in images:
            self.rows.pop(image, None)
        if self.rows or self.path.exists():
            self._write_whole()

    def begin_part(self, resume: bool) -> None:
        """Begin a part of the table anew, or go on with it."""
        if not resume:
            self.own.unlink(missing_ok=True)
        elif self.own.exists():
            content = self.own.read_bytes()
            os.truncate(self.own, content.rfind(b"\n") + 1)  # a last line that was cut off

    def note_settings(self) -> None:
        """Write down what the rows are made with."""
        content = json.dumps(self.settings, indent=1) + "\n"
        path = self.folder / SETTINGS
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            write_atomically(path, content)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the rows of one image, all or none, so that they are there after a kill.

        Raises:
            InputError: they cannot be written.
        """
        content = _text(map(written_cells, rows))
        try:
            if self._file is None:
                self._file = os.open(self.own, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            before = os.fstat(self._file).st_size
            data = (content if before else _text([dict(zip(COLUMNS, COLUMNS, strict=True))]) + content).encode(
                errors="surrogateescape"
            )
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(28, os.strerror(28))  # no room
            except OSError:
                os.ftruncate(self._file, before)
                raise
        except OSError as error:
            raise InputError(
                f"{self.own}: cannot be written ({error.strerror}); choose an output folder with room"
            ) from error

    def gather(self) -> None:
        """Put all parts into the table, when every process is done."""
        self.read(self._order)
        if self.rows:
            self._write_whole()

    def close(self) -> None:
        """Let other runs in; a run that wrote no row leaves nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lock.is_locked and not self.path.exists() and not _parts(self.folder):
            (self.folder / SETTINGS).unlink(missing_ok=True)
            Path(self._lock.lock_file).unlink(missing_ok=True)
            with suppress(OSError):  # there are other files in it
                self.folder.rmdir()
        self._release()

    def _release(self) -> None:
        """Let go of what is held; a part's lock leaves no file."""
        self._lock.release()
        if self._lock_of_part.is_locked:
            with suppress(OSError):
                Path(self._lock_of_part.lock_file).unlink(missing_ok=True)
            self._lock_of_part.release()

    def _write_whole(self) -> None:
        place = {image: number for number, image in enumerate(self._order)}
        images = sorted(self.rows, key=lambda image: place.get(image, -1))
        rows = [row for image in images for row in self.rows[image]]
        write_atomically(
            self.path,
            _text([dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]).encode(errors="surrogateescape"),
        )
        for part in _parts(self.folder):
            part.unlink()


def _parts(folder: Path) -> list[Path]:
    """Return the parts of the table that lie in a folder; what is only called alike is somebody's own."""
    return [
        path for path in folder.glob("results.part*.csv") if PART.fullmatch(path.name) and _columns(path) == COLUMNS
    ]


def _settings_in(folder: Path) -> dict[str, Any] | None:
    """Return what the settings of a folder say; None where there are none, or they cannot be read."""
    try:
        said = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _read(path: Path) -> dict[str, list[Cells]]:
    """Return a table's rows by image, the last ones of an image that was judged again; none without a file.

    A last line that was cut off is left out.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    whole = content[: content.rfind(b"\n") + 1].decode(errors="surrogateescape")
    rows: dict[str, list[Cells]] = {}
    for row in csv.DictReader(io.StringIO(whole, newline="")):
        if None in row.values() or None in row:
            continue
        own = rows.setdefault(row["image"], [])
        if own and (row["asked"] != own[0]["asked"] or row["mass"] in {each["mass"] for each in own}):
            own.clear()
        own.append(row)
    return rows


def _columns(path: Path) -> tuple[str, ...]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return tuple(next(csv.reader(file), ()))
    except (OSError, ValueError, csv.Error):
        return ()


def _text(rows: Iterable[Mapping[str, str]]) -> str:
    content = io.StringIO(newline="")
    csv.DictWriter(content, COLUMNS, lineterminator="\n").writerows(rows)
    return content.getvalue()


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(dict(settings), default=str))
