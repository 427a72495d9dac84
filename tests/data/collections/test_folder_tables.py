"""Tables of boxes and labels that do not say what they seem to."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from csv_files import BOXES, table

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import prepare_folder, read_datalist, write_datalist

FAULTY_BOXES = [
    ("a.png,0.1,0.1,0.5,0.6", "seems to be in fractions of the image"),
    ('a.png,1,1,"1,234",9', "'1,234' may be thousands or a decimal comma"),
    ("a.png,1,1,nan,9", "are not four numbers, one is 'nan'"),
    ("a.png,1,1,1_0,9", "are not four numbers, one is '1_0'"),
    ("a.png,1,1,,9", "are not four numbers, one is ''"),
    ("a.png,1,1,300,9", "outside the image"),
    ("A.PNG,1,1,9,9", "there is no file 'A.PNG'"),
    ("elsewhere/a.jpg,1,1,9,9", "there is no file 'elsewhere/a.jpg'"),
]


@pytest.mark.parametrize(("row", "message"), FAULTY_BOXES)
def test_an_image_whose_box_is_refused_is_not_taken_whole(tmp_path, write, row, message):
    write("a.png", "b.png")
    table(tmp_path / "boxes.csv", BOXES, row)
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["b.png"]
    assert message in report.problems[0]


def test_classes_as_numbers_are_refused_and_the_image_with_them(tmp_path, write):
    write("a.png", "b.png")
    table(tmp_path / "boxes.csv", BOXES + ",label", "a.png,1,1,9,9,1")
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["b.png"]
    assert "label is '1'; expected benign or malignant" in report.problems[0]


def test_decimal_commas_are_read_where_they_can_be_nothing_else(tmp_path, write):
    write("a.png")
    table(tmp_path / "Boxes.CSV", "Image;XMin;YMin;XMax;YMax", "a.png;1,5;2,25;10;12,0")
    assert prepare_folder([tmp_path]).entries[0]["box"] == [1.5, 2.25, 10, 12]


def test_labels_csv_may_have_boxes(tmp_path, write):
    write("a.png", "b.png")
    header, rows = "image,label,x_min,y_min,x_max,y_max", ["a.png,benign,1,2,9,9", "a.png,malignant,9,9,15,15"]
    table(tmp_path / "labels.csv", header, *rows, "b.png,benign,,,,")
    entries = prepare_folder([tmp_path]).entries
    assert [(entry["image"], entry.get("box"), entry["class"]) for entry in entries] == [
        ("a.png", [1, 2, 9, 9], "benign"),
        ("a.png", [9, 9, 15, 15], "malignant"),
        ("b.png", None, "benign"),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,mask,label,x1,y1,x2,y2", "labels.csv: has the columns x1, y1, x2, y2; expected boxes as x_min"),
        ("image,mask,label,bbox", "labels.csv: has the columns bbox"),
        ("image,mask,label,x_min,y_min,x_max", "labels.csv: has no column y_max; expected boxes as"),
    ],
)
def test_boxes_in_columns_that_are_not_read_are_refused(tmp_path, write, header, message):
    write("a.png")
    table(tmp_path / "labels.csv", header, "a.png,,benign" + ",1" * (header.count(",") - 2))
    with pytest.raises(InputError, match=message):
        prepare_folder([tmp_path])


@pytest.mark.parametrize("name", ["boxes.xlsx", "Labels.xls", "boxes.tsv"])
def test_tables_in_other_formats_are_refused_not_passed_over(tmp_path, write, name):
    write("a.png")
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(InputError, match=rf"{name}: is no CSV file, and no other table is read: save it as"):
        prepare_folder([tmp_path])
    table(tmp_path / f"{name.split('.')[0].lower()}.csv", BOXES + ",mask,label", "a.png,1,1,9,9,,benign")
    assert len(prepare_folder([tmp_path]).entries) == 1


def test_two_tables_of_one_name_are_refused(tmp_path, write):
    write("a.png")
    for name in ("boxes.csv", "Boxes.csv"):
        table(tmp_path / name, BOXES)
    with pytest.raises(InputError, match=r"has Boxes\.csv and boxes\.csv; expected one"):
        prepare_folder([tmp_path])


def test_whole_mammograms_with_boxes_alone_make_a_collection_for_the_finder(tmp_path, write):
    """Several masses an image, classes unknown, images without a mass, unsure regions; folds by case."""
    names = [f"{number}.png" for number in range(9)]
    write(*names)
    rows = [f"{name},1,1,9,9,p{number // 2}," for number, name in enumerate(names[:6])]
    rows += ["0.png,12,9,20,19,p0,", "6.png,,,,,p6,", "7.png,,,,,p7,none", "8.png,3,3,9,9,p8,unsure"]
    table(tmp_path / "boxes.csv", BOXES + ",case,finding", *rows)
    report = prepare_folder([tmp_path])
    assert report.problems == []
    assert [entry["mass"] for entry in report.entries if entry["image"] == "0.png"] == [0, 1]
    blank = next(entry for entry in report.entries if entry["image"] == "6.png")
    assert blank == {"image": "6.png", "case": "p6", "finding": "none", "fold": blank["fold"]}
    assert {entry["fold"] for entry in report.entries} == {0, 1, 2}
    counts = "7 masses in 9 images of 6 cases: 7 without class; images without a mass 2; unsure regions 1"
    assert counts in report.summary()
    write_datalist(tmp_path / "d.json", report.entries)
    assert len(read_datalist(tmp_path / "d.json", tmp_path)) == 10


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("", ["a.png,,,,", "a.png,1,1,9,9"], "stands in a row whose box is blank beside another one; none is kept"),
        (",label", ["a.png,,,,,benign"], "the box is blank, which says that the image has no mass, but a class"),
        (",finding", ["a.png,,,,,mass"], "finding is mass, and the box is blank"),
        (",finding", ["a.png,1,1,9,9,none"], "finding is none, and the box is not"),
        (",finding", ["a.png,1,1,9,9,maybe"], "finding is 'maybe'; expected mass, none, unsure"),
    ],
)
def test_rows_that_say_both_that_there_is_a_mass_and_that_there_is_none_are_refused(
    tmp_path, write, header, rows, message
):
    write("a.png", "b.png")
    table(tmp_path / "boxes.csv", BOXES + header, *rows)
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["b.png"]
    assert message in report.problems[0]


@pytest.mark.parametrize("place", ["labels.csv", "a folder"])
def test_a_class_that_boxes_csv_contradicts_costs_the_image(tmp_path, write, place):
    """An image is called as the worst of its masses is, or as all of them."""
    classes = {"a": "malignant", "b": "malignant", "c": "benign", "d": "malignant"}
    images = {name: f"{name}.png" if place == "labels.csv" else f"{one}/{name}.png" for name, one in classes.items()}
    write(*images.values())
    if place == "labels.csv":
        table(tmp_path / "labels.csv", "image,mask,label", *(f"{images[name]},,{classes[name]}" for name in classes))
    boxes = {"a": ("benign",), "b": ("",), "c": ("malignant", "benign"), "d": ("Malignant", "benign")}
    rows = [
        f"{images[name]},{9 * n},1,{9 * n + 8},9,{one}" for name, each in boxes.items() for n, one in enumerate(each)
    ]
    table(tmp_path / "boxes.csv", BOXES + ",label", *rows)
    report = prepare_folder([tmp_path])
    kept = [(entry["image"], entry["class"]) for entry in report.entries]
    assert kept == [(images["b"], "malignant"), (images["d"], "malignant"), (images["d"], "benign")]
    problems = "\n".join(report.problems)
    assert "has the class malignant in labels.csv or by its folder, and benign in boxes.csv" in problems
    assert "has the class benign in labels.csv or by its folder, and benign and malignant in" in problems


def test_a_case_that_boxes_csv_contradicts_costs_the_image(tmp_path, write):
    write("a.png", "b.png", "c.png")
    table(tmp_path / "labels.csv", "image,mask,label,case", "a.png,,benign,p1", "b.png,,benign,", "c.png,,benign,p3")
    table(tmp_path / "boxes.csv", BOXES + ",case", "a.png,1,1,9,9,p2", "b.png,1,1,9,9,p2", "c.png,1,1,9,9,")
    report = prepare_folder([tmp_path])
    assert [(entry["image"], entry["case"]) for entry in report.entries] == [("b.png", "p2"), ("c.png", "p3")]
    assert "has the case p1 in labels.csv or by its folder, and p2 in boxes.csv" in report.problems[0]


def test_boxes_that_nearly_coincide_are_told_and_kept(tmp_path, write):
    write("a.png", "b.png")
    boxes = ["1,1,19,19", "1,1,19,18", "3,3,19,12", "1,1,19,17"]
    table(tmp_path / "boxes.csv", BOXES, *(f"a.png,{box}" for box in boxes), "b.png,1,1,19,19")
    report = prepare_folder([tmp_path], strict=True)
    assert len(report.entries) == 5
    told = "a.png: the boxes [1.0, 1.0, 19.0, 19.0] and [1.0, 1.0, 19.0, 18.0] nearly coincide, and so do 2 other pairs"
    assert [note for note in report.notes if note.startswith(told)]


NAME = "Müller/é ü.png"


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("mixed", "NFC"), ("NFC", "mixed")])
def test_accents_are_one_name_however_they_are_stored(tmp_path, write, forms):
    mixed = normalize("NFD", NAME[:8]) + NAME[8:]
    there, told = (mixed if form == "mixed" else normalize(form, NAME) for form in forms)
    write(there)
    mask = Path(there).with_name(Path(told).stem + "_mask.png")
    write(str(mask), array=np.pad(np.full((4, 5), 255, np.uint8), ((2, 14), (3, 22))))
    table(tmp_path / "boxes.csv", BOXES + ",label", f"{told},3,2,8,6,benign")
    (entry,) = prepare_folder([tmp_path], strict=True).entries
    assert (entry["image"], entry["class"]) == (there, "benign")
    assert "label" in entry
    (tmp_path / "boxes.csv").write_text(f"{BOXES}\n{told},1,1,9,99\n", encoding="utf-8")
    (entry,) = prepare_folder([tmp_path]).entries
    assert "box" not in entry and "label" in entry


MASK = np.pad(np.full((4, 5), 255, np.uint8), ((2, 14), (3, 22)))  # columns 3 to 8, rows 2 to 6


@pytest.mark.parametrize("where", ["labels.csv", "boxes.csv"])
def test_a_box_that_holds_nothing_of_the_mask_is_refused(tmp_path, write, where):
    write("a.png", "b.png")
    write("masks/a.png", "masks/b.png", array=MASK)
    boxes = {"a.png": "20,10,29,19", "b.png": "5,4,29,19"}
    if where == "boxes.csv":
        table(tmp_path / "boxes.csv", BOXES, *(f"{image},{box}" for image, box in boxes.items()))
    else:
        rows = [f"{image},masks/{image},benign,{box}" for image, box in boxes.items()]
        table(tmp_path / "labels.csv", "image,mask,label,x_min,y_min,x_max,y_max", *rows)
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries if "box" in entry] == ["b.png"]
    assert "the box [20.0, 10.0, 29.0, 19.0] holds nothing of the mask masks/a.png" in report.problems[0]


def test_images_that_no_table_names_are_counted(tmp_path, write):
    write("a.png", "b.png", "c.png", "a_mask.png")
    table(tmp_path / "labels.csv", "image,mask,label", "a.png,a_mask.png,benign")
    notes = prepare_folder([tmp_path], strict=True).notes
    assert "2 images that no table names are passed over, such as b.png" in notes


@pytest.mark.parametrize("name", ["labels.csv", "boxes.csv"])
def test_a_table_in_a_folder_below_is_told(tmp_path, write, name):
    write("benign/a.png")
    (tmp_path / "benign" / name).write_text("image\na.png\n")
    (problem,) = prepare_folder([tmp_path]).problems
    assert problem.startswith(f"{tmp_path / 'benign' / name}: is not read, since only tables in {tmp_path} are")


def test_patients_whose_accents_are_stored_in_two_ways_are_asked_about(tmp_path, write):
    write("a.png", "b.png", "c.png")
    cases = [normalize("NFC", "é1"), normalize("NFD", "é1"), "e1"]
    rows = [f"{image}.png,,benign,{case}" for image, case in zip("abc", cases, strict=True)]
    table(tmp_path / "labels.csv", "image,mask,label,case", *rows)
    assert [entry["image"] for entry in prepare_folder([tmp_path]).entries] == ["c.png"]
