"""INbreast's table, which it has twice: INbreast.csv, and INbreast.xls with more columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.report import Collector
from monai_rescunet.data.collections.tables import read_csv_rows, read_xls_rows

__all__ = ["TABLES", "VIEWS", "InbreastTable", "read_inbreast_table"]

CSV_TABLE, XLS_TABLE = TABLES = ("INbreast.csv", "INbreast.xls")
COMPARED = ("Laterality", "View", "ACR", "Bi-Rads")
COLUMNS = (*COMPARED, "File Name")
MASS_COLUMN = "Mass"  # of the XLS alone, where it ends in a space; X marks an image with a mass
VIEWS = {"ML": "MLO"}  # the collection writes ML and means MLO

Row = dict[str, str]


@dataclass
class InbreastTable:
    """What the tables say of the images.

    Attributes:
        name: of the file that the rows come from.
        rows: of each image, with the file and number that name it in messages.
        contradictions: what the two tables say differently, by image.
        marked: the images that the XLS marks as having a mass; None where it was not read.
        notes: what is to be said of the tables.
    """

    name: str
    rows: list[tuple[str, Row]]
    contradictions: dict[str, str] = field(default_factory=dict)
    marked: set[str] | None = None
    notes: list[str] = field(default_factory=list)


def read_inbreast_table(folder: Path, collector: Collector) -> InbreastTable:
    """Return the rows of INbreast.csv, compared with those of INbreast.xls, or the latter's where it is alone.

    Without xlrd an INbreast.xls beside an INbreast.csv is not read, and a note says so.

    Args:
        folder: with one of them or both.
        collector: gathers what is wrong with the XLS where the CSV is there too.

    Raises:
        InputError: the table cannot be read or lacks a column.
    """
    if not (folder / CSV_TABLE).is_file():
        rows = _read_xls(folder)
        return InbreastTable(XLS_TABLE, rows, marked=_marked(rows))
    path = folder / CSV_TABLE
    table = InbreastTable(CSV_TABLE, [(f"{path} row {number}", row) for number, row in read_csv_rows(path, COLUMNS)])
    if not (folder / XLS_TABLE).is_file():
        return table
    if find_spec("xlrd") is None:
        table.notes.append(f"{XLS_TABLE} was not compared with {CSV_TABLE}: pip install 'monai-rescunet[inbreast]'")
        return table
    try:
        rows = _read_xls(folder)
    except InputError as error:
        collector.note(f"comparing {XLS_TABLE} with {CSV_TABLE}", str(error))
        return table
    table.marked = _marked(rows)
    _compare(table, rows, collector)
    return table


def _read_xls(folder: Path) -> list[tuple[str, Row]]:
    """Return the images' rows; below them the sheet has totals, which have no image's number for a file name."""
    path = folder / XLS_TABLE
    rows = read_xls_rows(path, COLUMNS)
    while rows and not rows[-1][1]["File Name"].isdecimal():
        rows.pop()
    return [(f"{path} row {number}", row) for number, row in rows]


def _marked(rows: list[tuple[str, Row]]) -> set[str] | None:
    if not any(MASS_COLUMN in row for _, row in rows):
        return None
    return {row["File Name"] for _, row in rows if row[MASS_COLUMN].upper() == "X"}


def _compare(table: InbreastTable, others: list[tuple[str, Row]], collector: Collector) -> None:
    """Fill in the contradictions, and note the images that one of the two tables lacks."""
    known = {row["File Name"]: row for _, row in table.rows}
    for where, other in others:
        row = known.get(other["File Name"])
        if row is None:
            collector.note(where, f"the image {other['File Name']} stands in no row of {CSV_TABLE}")
            continue
        for column in COMPARED:
            if _comparable(row[column]) != _comparable(other[column]):
                table.contradictions[row["File Name"]] = (
                    f"{column} is {row[column]!r} and in {Path(where).name} {other[column]!r}: correct one of them"
                )
    for identifier in sorted(set(known) - {row["File Name"] for _, row in others}):
        collector.note(XLS_TABLE, f"the image {identifier} of {CSV_TABLE} stands in no row")


def _comparable(cell: str) -> str:
    return VIEWS.get(cell.upper(), cell.upper())
