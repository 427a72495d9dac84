"""A small INbreast, written in the collection's format."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xlwt
from dicom_files import write_mammogram

HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
SIZE = (150, 180)  # columns, rows
Points = Sequence[tuple[float, float]]


def circle(x: float, y: float, radius: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def write_xml(path: Path, *rois: tuple[str, Points], number: int | None = None) -> Path:
    """Write what OsiriX exports."""
    listed = [
        {
            "Area": 1.0, "Center": "(0, 0, 0)", "Dev": 1.0, "IndexInImage": index, "Max": 1.0, "Mean": 1.0, "Min": 0.0,
            "Name": name, "NumberOfPoints": len(points), "Point_mm": [],
            "Point_px": [f"({x:f}, {y:f})" for x, y in points], "Total": 1.0, "Type": 15 if len(points) > 1 else 19,
        }
        for index, (name, points) in enumerate(rois)
    ]  # fmt: skip
    image = {"ImageIndex": 0, "NumberOfROIs": len(listed) if number is None else number, "ROIs": listed}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plistlib.dumps({"Images": [image]}))
    return path


class Collection:
    """The folder, filled image by image."""

    def __init__(self, root: Path) -> None:
        self.root, self.rows = root, [HEADER]
        (root / "AllXML").mkdir(parents=True)
        (root / "AllDICOMs").mkdir()

    def add(
        self, identifier: int, patient: int, birads: str, *rois: tuple[str, Points], view: str = "CC", acr: str = "2 "
    ) -> None:
        """Add an image, its row and, where there are regions, its XML."""
        rng = np.random.default_rng(identifier)
        pixels = rng.integers(100, 4000, (SIZE[1], SIZE[0])).astype(np.uint16)
        name = f"{identifier}_{patient:016x}_MG_L_{view}_ANON.dcm"
        write_mammogram(
            self.root / "AllDICOMs" / name, pixels, bits=14, PatientID=None, ImagerPixelSpacing=[0.07, 0.07]
        )
        if rois:
            write_xml(self.root / "AllXML" / f"{identifier}.xml", *rois)
        self.rows.append(f"removed;removed;L;{view};201001;{identifier};{acr};{birads}")

    def close(self) -> Path:
        (self.root / "INbreast.csv").write_text("\n".join(self.rows) + "\n")
        return self.root


def small_inbreast(root: Path) -> Path:
    """Write six patients, an image each with one mass, and one without finding; three benign, three malignant."""
    collection = Collection(root)
    for index in range(6):
        name = ("Mass", "mass ", "MASS")[index % 3]
        collection.add(
            20000000 + index, index, ("2", "4a", "3", "5", "2", "6")[index],
            (name, circle(60 + index, 80, 20)), ("Calcification", [(5, 5)]), view=("CC", "ML")[index % 2],
        )  # fmt: skip
    collection.add(20000099, 9, "1", acr="    ")
    return collection.close()


XLS_HEADER = (  # of the collection's workbook, with its trailing space
    "Patient ID", "Patient age", "Laterality", "View", "Acquisition date", "File Name", "ACR", "Bi-Rads", "Mass ",
    "Micros", "Distortion", "Asymmetry", "Findings Notes (in Portuguese)", "Other Notes", "Lesion Annotation Status",
    "Pectoral Muscle Annotation", "Other Annotations",
)  # fmt: skip


def write_xls(root: Path, changed: Mapping[str, str] | None = None, marked: Sequence[int] = ()) -> Path:
    """Write INbreast.xls beside an INbreast.csv: numbers as numbers, two rows of totals, a second sheet.

    Args:
        root: with the INbreast.csv whose rows it repeats.
        changed: Bi-Rads by image, where it says something else than the CSV.
        marked: images that get an X under `Mass `.
    """
    book = xlwt.Workbook()
    sheet, second = book.add_sheet("Sheet1"), book.add_sheet("Sheet2")
    second.write(0, 0, "a name that nobody may read")
    for column, name in enumerate(XLS_HEADER):
        sheet.write(0, column, name)
    lines = (root / "INbreast.csv").read_text().splitlines()
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split(";")
        cells[7] = (changed or {}).get(cells[5], cells[7])
        cells[3] = {"ML": "MLO"}.get(cells[3], cells[3])
        for column, cell in enumerate(cells):
            sheet.write(number, column, float(cell) if cell.strip().isdecimal() else cell)
        sheet.write(number, XLS_HEADER.index("Mass "), "X" if int(cells[5]) in marked else "")
    for row in (0, 1):
        sheet.write(len(lines) + row, XLS_HEADER.index("Mass "), float(len(marked)))
    path = root / "INbreast.xls"
    book.save(str(path))
    return path
