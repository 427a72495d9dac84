"""The masses of CBIS-DDSM as datalist entries, whichever program downloaded the collection.

The collection (Lee et al., Scientific Data 4, 2017, doi 10.1038/sdata.2017.177) has a table for each half of its
published split and, for each mass, the full mammogram, a crop and a mask as DICOM files. The tables give each file's
path, of which only the first folder, `Mass-Training_P_00001_LEFT_CC` for a mammogram and the same with the number of
the abnormality for crop and mask, is the same in every download. It is the Patient ID (0010,0020) of the files too. The
archives' programs name what lies below it in several ways, some leave it out, and crop and mask are swapped in some
rows. So files are found by that folder, or else by their Patient ID; crop and mask are told apart by their size; and
where there are more files than there should be, the series that the table names decides.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import pydicom

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.report import CollectionReport, Collector, Entry
from monai_rescunet.data.collections.tables import read_csv_rows
from monai_rescunet.data.datalists.entries import absolute_path, path_below
from monai_rescunet.data.readers.mammogram import image_format, image_size

__all__ = ["prepare_cbis_ddsm"]

TRAINING_TABLE = "mass_case_description_train_set.csv"
TESTING_TABLE = "mass_case_description_test_set.csv"
IMAGE, CROP, MASK = "image file path", "cropped image file path", "ROI mask file path"
NEEDED = ("patient_id", "left or right breast", "image view", "abnormality id", "pathology", IMAGE, CROP, MASK)
KEPT = {
    "side": "left or right breast",
    "view": "image view",
    "abnormality": "abnormality id",
    "pathology": "pathology",
    "density": "breast_density",
    "shape": "mass shape",
    "margins": "mass margins",
    "assessment": "assessment",
    "subtlety": "subtlety",
}
"""Keys of an entry that hold a column's text, for analysis."""

CLASSES = {"MALIGNANT": MALIGNANT, "BENIGN": BENIGN, "BENIGN_WITHOUT_CALLBACK": BENIGN}

Size = tuple[int, int]


def prepare_cbis_ddsm(root: str | Path, *, n_splits: int = 3, seed: int = 0, strict: bool = False) -> CollectionReport:
    """Return the masses of CBIS-DDSM: those of the published training set with folds, those of the test set apart.

    A patient of both halves would be judged by what was learnt of it: its masses of the training set are left out.

    Only headers are read. A row whose mask has another size than its mammogram is left out, and said to be: where such
    a mask belongs is not known.

    Args:
        root: folder with one or both tables (`mass_case_description_train_set.csv`,
            `mass_case_description_test_set.csv`) and, anywhere below it, the folders `Mass-Training_...` and
            `Mass-Test_...`, or DICOM files in folders of any name.
        n_splits: number of folds of the training set; a patient is in one of them.
        seed: of the folds.
        strict: raise the first problem instead of leaving its row out.

    Returns:
        One entry a mass; beside what a datalist needs it keeps the columns of `KEPT`.

    Raises:
        InputError: there is no table, one lacks a column, or no row is usable; with `strict`, any row is not.
    """
    root = absolute_path(root)
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder")
    tables = {"Training": root / TRAINING_TABLE, "Test": root / TESTING_TABLE}
    if not any(table.is_file() for table in tables.values()):
        raise InputError(
            f"{root}: has neither {TRAINING_TABLE} nor {TESTING_TABLE}; put the collection's tables of masses there"
        )
    report = CollectionReport(root)
    collector = Collector(report.problems, strict)
    files = _Files(root, collector)
    masses = {part: _masses(table, part, files, collector) for part, table in tables.items() if table.is_file()}
    report.entries, report.testing = masses.get("Training", []), masses.get("Test", [])
    if not report.entries + report.testing:
        details = f"; the first of {len(report.problems)} rows: {report.problems[0]}" if report.problems else ""
        raise InputError(f"{root}: no usable mass{details}")
    report.notes = [f"{table.name} is not there" for table in tables.values() if not table.is_file()]
    shared = {entry["case"] for entry in report.entries} & {entry["case"] for entry in report.testing}
    for case in sorted(shared):
        collector.note(case, "is a patient of both tables; only the masses of the test table are kept")
    report.entries = [entry for entry in report.entries if entry["case"] not in shared]
    report.assign_folds(n_splits, seed)
    return report


def _masses(table: Path, part: str, files: _Files, collector: Collector) -> list[Entry]:
    """Return the entries of one table, `Training` or `Test`."""
    entries: dict[str, Entry] = {}
    masses: Counter[str] = Counter()
    for number, row in read_csv_rows(table, NEEDED):
        where = f"{table} row {number}"
        for entry in collector.gather(where, _from_row, row, part, files):
            if entry["label"] in entries:
                collector.note(where, f"the mask {entry['label']} stands in two rows; the first is kept")
                continue
            entries[entry["label"]] = entry | {"mass": masses[entry["image"]]}
            masses[entry["image"]] += 1
    return list(entries.values())


def _from_row(row: dict[str, str], part: str, files: _Files) -> Entry:
    """Return the entry of a row."""
    for column in NEEDED:
        if not row[column]:
            raise InputError(f"the column {column!r} is blank: correct the table")
    if row["pathology"] not in CLASSES:
        raise InputError(f"pathology is {row['pathology']!r}; expected {', '.join(CLASSES)}: correct the table")
    folder = f"Mass-{part}_{row['patient_id']}_{row['left or right breast']}_{row['image view']}"
    image, size = files.image(folder, _series(row, IMAGE, folder))
    folder += f"_{row['abnormality id']}"
    mask = files.mask(folder, {_series(row, column, folder) for column in (CROP, MASK)}, size)
    entry: Entry = {
        "image": files.name(image),
        "label": files.name(mask),
        "class": CLASSES[row["pathology"]],
        "case": row["patient_id"],
    }
    return entry | {key: row[column] for key, column in KEPT.items() if row.get(column)}


def _series(row: dict[str, str], column: str, folder: str) -> str:
    """Return the series' UID that a path names, `<folder>/<study UID>/<series UID>/<file>`.

    Raises:
        InputError: the path leads elsewhere than into the folder of the row's patient, breast, view and abnormality.
    """
    path = PurePosixPath(row[column])
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{column} is {row[column]!r}, which leads outside the collection: correct it")
    if len(path.parts) != 4 or path.parts[0] != folder:
        raise InputError(f"{column} is {row[column]!r}; expected {folder}/<study>/<series>/<file>: correct the row")
    return path.parts[2]


class _Files:
    """The collection's images, found by what every download has in common.

    Args:
        root: folder of the collection.
        collector: gathers the files whose header cannot be read.
    """

    def __init__(self, root: Path, collector: Collector) -> None:
        self.root, self.collector = root, collector
        self.folders: dict[str, list[Path]] = {}
        for parent, names, _ in os.walk(root):
            for name in sorted(names):
                if name.startswith("Mass-"):
                    self.folders.setdefault(name, []).append(Path(parent, name))
        self.image = cache(self._image)  # several masses share one

    @cached_property
    def by_patient(self) -> dict[str, list[Path]]:
        """The DICOM files by their Patient ID (0010,0020), which is the name of a folder in other downloads."""
        found: dict[str, list[Path]] = {}
        for path in _files_below(self.root):
            try:
                found.setdefault(_header(path, "PatientID"), []).append(path)
            except (InputError, OSError) as error:
                self.collector.note(self.name(path), str(error))
        return found

    def name(self, path: Path) -> str:
        """Return the path below the root, as the datalist has it."""
        return path.relative_to(self.root).as_posix()

    def _image(self, folder: str, series: str) -> tuple[Path, Size]:
        """Return the mammogram of a folder and its size, (columns, rows)."""
        path = self._only(self._images(folder), {series}, f"the mammogram of {folder}")
        return path, image_size(path)

    def mask(self, folder: str, series: set[str], size: Size) -> Path:
        """Return the mask of a folder, which holds the crop too.

        Args:
            folder: of the abnormality.
            series: UIDs of crop and mask.
            size: of the mammogram.

        Raises:
            InputError: no file, or more than one, can be the mask, or it was saved with loss.
        """
        sizes = {path: image_size(path) for path in self._images(folder)}
        found = [path for path, other in sizes.items() if other == size]
        if not found:
            raise InputError(
                f"{folder} holds no mask of its mammogram's size: found {', '.join(map(str, sizes.values()))} pixels "
                f"(columns, rows), expected {size}: the mask cannot be laid over the mammogram"
            )
        mask = self._only(found, series, f"the mask of {folder}")
        if image_format(mask) == "jpeg":
            raise InputError(
                f"the mask {self.name(mask)} is JPEG, which blurs its border; expected DICOM or PNG: download the "
                "collection from its archive"
            )
        return mask

    def _images(self, folder: str) -> list[Path]:
        """Return the images of a folder; the archive's programs put other files beside them."""
        paths = [path for each in self.folders.get(folder, ()) for path in _files_below(each)]
        images = [path for path in paths if image_format(path) is not None] or self.by_patient.get(folder)
        if not images:
            found = "a folder of this name without an image" if folder in self.folders else "no folder of this name"
            raise InputError(
                f"the images of {folder} are not there: found {found} below {self.root}, and no DICOM file with this "
                "Patient ID (0010,0020): download them"
            )
        return [path_below(self.root, self.name(path)) for path in images]

    def _only(self, paths: list[Path], series: set[str], what: str) -> Path:
        """Return the one path, or of several the one of a series that the table names."""
        of_series = (
            paths if len(paths) == 1 else [path for path in paths if _header(path, "SeriesInstanceUID") in series]
        )
        if len(of_series) != 1:
            raise InputError(
                f"{len(paths)} files can be {what}, {len(of_series)} of them of the series that the table names; "
                f"expected one: remove the others of {', '.join(map(self.name, paths[:4]))}"
            )
        return of_series[0]


def _files_below(folder: Path) -> list[Path]:
    """Return the files of a folder and its folders, sorted; links between folders are not followed."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if path.is_file())


def _header(path: Path, keyword: str) -> str:
    """Return an attribute of a DICOM file's header; empty where there is none, and for what is no DICOM file."""
    if image_format(path) != "dicom":
        return ""
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[keyword])
        return str(header.get(keyword, ""))
    except Exception as error:  # pydicom's own errors on damaged headers are of any kind
        raise InputError(f"{path}: its header cannot be read ({error}); the file is cut off or damaged") from error
