"""Whatever stands in one cell of a collection's table, its other rows are prepared, or the table is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inbreast_files import small_inbreast

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import (
    CollectionReport,
    make_cbis_ddsm_phantoms,
    make_phantoms,
    prepare_cbis_ddsm,
    prepare_folder,
    prepare_inbreast,
    read_datalist,
    write_datalist,
)

PREPARE: dict[str, Callable[[Path], CollectionReport]] = {
    "labels.csv": lambda root: prepare_folder([root]),
    "boxes.csv": lambda root: prepare_folder([root]),
    "INbreast.csv": prepare_inbreast,
    "mass_case_description_train_set.csv": prepare_cbis_ddsm,
}
CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(
        ["nan", "-1", "1e400", "../../x", "/", ".", "a\0", "C:\\data\\a.dcm", "a" * 5000, "benign", "5", '"', "#"]
    ),
)


@pytest.fixture(scope="module")
def collections(tmp_path_factory) -> dict[str, Path]:
    """One of each kind; the labels of the folder with boxes are those of the folder with masks."""
    root = tmp_path_factory.mktemp("collections")
    for name in ("labels.csv", "boxes.csv"):
        make_phantoms(root / name, count=6, size=(64, 80))
    boxes = [f"images/phantom_{number:03d}.png,10,10,30,40" for number in range(6)]
    (root / "boxes.csv" / "boxes.csv").write_text("\n".join(["image,x_min,y_min,x_max,y_max", *boxes]) + "\n")
    small_inbreast(root / "INbreast.csv")
    make_cbis_ddsm_phantoms(root / "mass_case_description_train_set.csv", count=4, size=(320, 400))
    return {name: root / name for name in PREPARE}


@pytest.mark.parametrize("name", PREPARE)
@settings(max_examples=60, deadline=None)
@given(row=st.integers(0, 3), column=st.integers(0, 20), text=CELLS)
def test_one_cell_costs_one_row(collections, tmp_path_factory, name, row, column, text):
    root, table = collections[name], collections[name] / name
    original = table.read_bytes()
    separator = ";" if name == "INbreast.csv" else ","
    cells = list(csv.reader(io.StringIO(original.decode(), newline=""), delimiter=separator))
    changed = [list(line) for line in cells]
    changed[1 + row][column % len(cells[0])] = text
    content = io.StringIO(newline="")
    csv.writer(content, delimiter=separator).writerows(changed)
    expected = len(PREPARE[name](root).entries)
    try:
        table.write_bytes(content.getvalue().encode())
        report = PREPARE[name](root)
    except InputError as error:
        assert str(table) in str(error)
        return
    finally:
        table.write_bytes(original)
    assert expected - 2 <= len(report.entries) <= expected + 1
    datalist = tmp_path_factory.mktemp("fuzzed") / "datalist.json"
    write_datalist(datalist, report.entries)
    assert len(read_datalist(datalist, report.dataset_dir)) == len(report.entries)
