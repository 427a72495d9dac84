"""Tables as spreadsheets of many countries write them."""

from __future__ import annotations

import pytest

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.collections.tables import read_csv_rows

ROWS = [(2, {"image": "a.png", "label": "benign"}), (3, {"image": "Ünal ß.png", "label": "malignant"})]


@pytest.mark.parametrize(
    "content",
    [
        "image,label\na.png,benign\nÜnal ß.png,malignant\n",
        "image;label\r\na.png;benign\r\nÜnal ß.png;malignant\r\n",
        "image\tlabel\na.png\tbenign\nÜnal ß.png\tmalignant",
        "\ufeffimage,label\na.png,benign\nÜnal ß.png,malignant\n",
        ' image , label \n a.png, benign \n"Ünal ß.png\n",malignant\n',
        "image;label;\na.png;benign;\nÜnal ß.png;malignant;;\n;;\n\n",
    ],
    ids=["commas", "semicolons and CRLF", "tabs", "byte order mark", "spaces and a newline in quotes", "empty cells"],
)
def test_a_table_says_the_same_however_it_is_written(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content.encode())
    rows = read_csv_rows(path, ("image", "label"))
    assert [(number, {name: row[name] for name in ("image", "label")}) for number, row in rows] == ROWS


def test_columns_are_known_in_upper_and_lower_case_and_others_stay_as_they_are(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("IMAGE, Label ,Case,Age\na.png,benign,P1,60\n")
    ((_, row),) = read_csv_rows(path, ("image", "label"), ("case",))
    assert row == {"image": "a.png", "label": "benign", "case": "P1", "Age": "60"}
    path.write_text("image,label,Case,case\n")
    with pytest.raises(InputError, match="has the column case more than once"):
        read_csv_rows(path, ("image", "label"), ("case",))


def test_rows_keep_their_numbers_behind_a_blank_one_and_short_rows_have_blank_cells(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("image,label\n\na.png\n")
    assert read_csv_rows(path, ("image", "label")) == [(3, {"image": "a.png", "label": ""})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column image, label; found , expected image, label"),
        (b"image,label\na,b,c\n", "row 2: has more cells than the header"),
        (b"image,label,label\na,benign,malignant\n", "has the column label more than once"),
        (b'image,label\n"a,benign\n', "cannot be read as CSV"),
        ("image,label\na,benign\n".encode("utf-16"), "expected UTF-8"),
        ("image,label\nÜ,benign\n".encode("cp1252"), "expected UTF-8"),
    ],
    ids=["empty", "too many cells", "a column twice", "an open quote", "UTF-16", "Latin"],
)
def test_what_could_be_misread_is_refused(tmp_path, content, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_csv_rows(path, ("image", "label"))
    assert str(path) in str(error.value)
