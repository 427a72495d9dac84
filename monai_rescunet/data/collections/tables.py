"""Tables of collections, CSV and Excel's XLS, as rows of trimmed text with their numbers."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from monai_rescunet.core.errors import InputError

__all__ = ["read_csv_rows", "read_xls_rows"]

SEPARATORS = ",;\t"
Rows = list[tuple[int, dict[str, str]]]


def read_csv_rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Rows:
    """Return the rows of a table with their numbers; every cell is trimmed text.

    Cells are separated by commas, or by semicolons or tabs, as spreadsheets of many countries write them: the header
    tells. Blank rows are skipped. Columns are known in upper and lower case alike, with or without `_`, `-` and spaces.

    Args:
        path: a CSV file in UTF-8; its header is row 1.
        columns: those it must have.
        optional: those it may have; others are kept as they are spelt.

    Raises:
        InputError: it cannot be read, lacks a column or has it twice, or a row has more cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = _cells(text) if text.strip() else []
    except (ValueError, OSError) as error:  # pandas' own are of the former kind
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read as CSV ({reason}); expected UTF-8 and the columns {', '.join(columns)}"
        ) from error
    return _rows(path, table, columns, optional)


def _cells(text: str) -> list[list[str]]:
    """Return the cells of all lines, blank lines too, which count in a row's number."""
    lines = text.split("\n")
    separator = max(SEPARATORS, key=lines[0].count)
    width = max(line.count(separator) for line in lines) + 1  # lines may have more cells than the header
    frame = pd.read_csv(
        io.StringIO(text, newline=""), sep=separator, names=range(width), index_col=False, dtype=str,
        keep_default_na=False, skip_blank_lines=False,
    )  # fmt: skip
    return [[str(cell) for cell in row] for row in frame.fillna("").to_numpy()]


def read_xls_rows(path: Path, columns: Sequence[str]) -> Rows:
    """Return the rows of a workbook's first sheet; its other sheets are not read, since they can hold personal data.

    Args:
        path: a workbook of Excel 97 to 2003; the header is row 1.
        columns: those it must have.

    Raises:
        InputError: xlrd is not installed, or the table is refused as one of `read_csv_rows` is.
    """
    try:
        import xlrd
    except ImportError as error:
        raise InputError(f"{path}: reading it needs xlrd: pip install 'monai-rescunet[inbreast]'") from error
    try:
        with xlrd.open_workbook(path, on_demand=True, logfile=io.StringIO()) as book:
            sheet = book.sheet_by_index(0)
            table = [[_text(value) for value in sheet.row_values(row)] for row in range(sheet.nrows)]
    except Exception as error:  # xlrd's own errors on damaged files are of any kind
        raise InputError(
            f"{path}: cannot be read as an Excel workbook ({error}); expected one of Excel 97 to 2003: copy it again"
        ) from error
    return _rows(path, table, columns)


def _text(value: Any) -> str:
    """Return a cell of a sheet as text; Excel holds whole numbers as floating-point ones."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(name: str) -> str:
    """Return a column's name as tables may spell it: `X Min`, `xmin` and `x_min` are one."""
    return "".join(letter for letter in name.casefold() if letter not in "_- \t\n")


def _rows(path: Path, table: list[list[str]], columns: Sequence[str], optional: Sequence[str] = ()) -> Rows:
    """Return the rows below the header, by column."""
    known = {_plain(name): name for name in (*columns, *optional)}
    header = [known.get(_plain(cell), cell.strip()) for cell in table[0]] if table else []
    while header and not header[-1]:
        header.pop()
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; found {', '.join(header)}, expected {', '.join(columns)}"
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise InputError(f"{path}: has the column {', '.join(twice)} more than once; expected each once")
    rows = []
    for number, line in enumerate(table[1:], start=2):
        cells = [cell.strip() for cell in line]
        if any(cells[len(header) :]):
            raise InputError(f"{path} row {number}: has more cells than the header; remove what is too many")
        if any(cells):
            cells += [""] * (len(header) - len(cells))
            rows.append((number, dict(zip(header, cells, strict=False))))
    return rows
