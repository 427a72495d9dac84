"""Boxes as annotation programs write them become boxes.csv, and that a datalist."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from monai_rescunet.cli import main
from monai_rescunet.core.errors import InputError
from monai_rescunet.data import prepare_folder
from monai_rescunet.data.collections.boxes import convert_boxes

SIZE = (40, 20)  # columns, rows
BOX = [10, 4, 20, 12]  # of the mass in a.png; b.png has none


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for seed, name in enumerate("ab"):
        pixels = np.random.default_rng(seed).integers(0, 255, SIZE[::-1]).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    return tmp_path


def coco(folder, name="malignant"):
    content = {
        "images": [{"id": 7, "file_name": "images/a.png"}, {"id": 8, "file_name": "b.png"}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [10, 4, 10, 8]}],
        "categories": [{"id": 3, "name": name}],
    }
    (folder / "coco.json").write_text(json.dumps(content))


def yolo(folder, name="malignant"):
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("1 0.375 0.4 0.25 0.4\n")
    (folder / "labels" / "b.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "data.yaml").write_text(f"names: [ignored, {name}]\n")


def voc(folder, name="malignant"):
    corners = "<xmin>11</xmin><ymin>5</ymin><xmax>20</xmax><ymax>12</ymax>"
    one = f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
    for image, objects in (("a", one), ("b", "")):
        text = f"<annotation><filename>{image}.png</filename>{objects}</annotation>"
        (folder / f"{image}.xml").write_text(text)


def labelme(folder, name="malignant"):
    shape = {"label": name, "shape_type": "polygon", "points": [[10, 8], [20, 4], [15, 12]]}
    for image, shapes in (("a", [shape]), ("b", [])):
        content = {"imagePath": f"..\\images\\{image}.png", "shapes": shapes}
        (folder / f"{image}.json").write_text(json.dumps(content))


FORMATS = [coco, yolo, voc, labelme]


@pytest.mark.parametrize("make", FORMATS)
def test_a_box_is_the_same_in_each_format(folder, make):
    make(folder)
    rows, problems = convert_boxes(folder, {"ignored": "ignore"})
    assert problems == []
    assert [row["image"] for row in rows] == ["images/a.png", "images/b.png"]
    assert [float(rows[0][corner]) for corner in ("x_min", "y_min", "x_max", "y_max")] == pytest.approx(BOX)
    assert rows[0]["label"] == "malignant"
    assert rows[1]["x_min"] == ""


def test_names_of_windows_are_read(folder):
    coco(folder)
    file = folder / "coco.json"
    file.write_text(file.read_text().replace("images/a.png", "C:\\\\set\\\\images\\\\a.png"))
    assert [row["image"] for row in convert_boxes(folder)[0]] == ["images/a.png", "images/b.png"]


def test_a_box_is_no_other_patients(folder):
    """Images of patients are called alike, and one may be missing."""
    for patient in ("p1", "p2"):
        (folder / patient).mkdir()
        shutil.copy(folder / "images" / "a.png", folder / patient / "CC.png")
        shutil.copy(folder / "images" / "b.png", folder / patient / "MLO.png")
        shape = {"label": "mass", "points": [[10, 8], [20, 4], [15, 12]]}
        (folder / patient / "CC.json").write_text(json.dumps({"imagePath": "CC.png", "shapes": [shape]}))
    assert [row["image"] for row in convert_boxes(folder)[0]] == ["p1/CC.png", "p2/CC.png"]
    (folder / "p1" / "CC.png").unlink()
    rows, problems = convert_boxes(folder)
    assert [row["image"] for row in rows] == ["p2/CC.png"]
    assert "0 images are called 'CC.png'" in problems[0]
    coco = {"images": [{"id": 7, "file_name": "p1/CC.png"}], "annotations": [], "categories": []}
    (folder / "coco.json").write_text(json.dumps(coco))
    rows, problems = convert_boxes(folder)
    assert [row["image"] for row in rows] == ["p2/CC.png"]
    assert "0 images are called 'p1/CC.png'" in "".join(problems)


def test_boxes_of_a_picture_of_another_size_are_not_taken(folder):
    """Or they lie elsewhere in a smaller copy."""
    for make, stated in (
        (coco, ('"id": 7,', '"id": 7, "width": 80, "height": 40,')),
        (voc, ("</filename>", "</filename><size><width>80</width><height>40</height></size>")),
        (labelme, ('"imagePath"', '"imageWidth": 80, "imageHeight": 40, "imagePath"')),
    ):
        make(folder)
        (file,) = [path for path in folder.iterdir() if path.name in ("coco.json", "a.xml", "a.json")]
        text = file.read_text()
        file.write_text(text.replace(*stated))
        assert "is of a picture of 80 x 40 pixels, and images/a.png has 40 x 20" in convert_boxes(folder)[1][0]
        for path in [path for path in folder.iterdir() if path.is_file()]:
            path.unlink()


def test_a_pascal_voc_file_without_a_name_is_its_images_by_its_own(folder):
    voc(folder)
    for file in list(folder.glob("*.xml")):
        nameless = file.read_text().replace(f"<filename>{file.stem}.png</filename>", "")
        (folder / "images" / file.name).write_text(nameless)
        file.unlink()
    rows, problems = convert_boxes(folder)
    assert problems == []
    assert [row["image"] for row in rows] == ["images/a.png", "images/b.png"]


DAMAGED = {
    "b.xml": "<annotation><filename>b.png</filename><object>",
    "images/b.json": '{"imagePath": "b.png", "shapes": [',
    "images/b.txt": "1 0.5 0.5 0.1 0.1\n1 0.5 0.5\n",
    "labels/b.txt": "-1 0.5 0.5 0.1 0.1\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_of_boxes_is_told(folder, name):
    yolo(folder)
    (folder / "labels" / "b.txt").unlink()
    (folder / name).write_text(DAMAGED[name])
    rows, problems = convert_boxes(folder)
    assert [row["image"] for row in rows] == ["images/a.png"]
    assert len(problems) == 1 and problems[0].startswith(f"{folder / name}: ")


def test_coco_images_of_one_id_are_refused(folder):
    coco(folder)
    content = json.loads((folder / "coco.json").read_text())
    content["images"][1]["id"] = 7
    (folder / "coco.json").write_text(json.dumps(content))
    rows, problems = convert_boxes(folder)
    assert rows == []
    assert "two of its images have one id" in problems[0]


def test_two_lists_of_yolo_names_must_agree(folder):
    yolo(folder)
    (folder / "classes.txt").write_text("ignored\nmalignant\n")
    assert convert_boxes(folder, {"ignored": "ignore"})[0][0]["label"] == "malignant"
    (folder / "classes.txt").write_text("malignant\nignored\n")
    with pytest.raises(InputError, match=r"data\.yaml: names YOLO's numbers in another way than .*classes\.txt"):
        convert_boxes(folder)


@pytest.mark.parametrize("blank", ["", "\n", "\r\n" * 9, "\ufeff"])
def test_an_empty_yolo_file_says_that_its_image_has_no_mass(folder, blank):
    yolo(folder)
    (folder / "labels" / "b.txt").write_text(blank)
    (folder / "notes.txt").write_text("")
    rows, problems = convert_boxes(folder)
    assert problems == []
    assert [(row["image"], row["x_min"] == "") for row in rows] == [("images/a.png", False), ("images/b.png", True)]


@pytest.mark.parametrize("make", FORMATS)
def test_the_table_is_read_by_prepare_folder(folder, make, monkeypatch, capsys):
    make(folder, "opacity")
    table = folder / "boxes.csv"
    monkeypatch.setattr(
        "sys.argv",
        ["monai-rescunet", "prepare", "boxes", str(folder), "--out", str(table), "--name", "opacity=mass",
         "--name", "ignored=ignore"],
    )  # fmt: skip
    try:
        main()
    except SystemExit as end:
        assert not end.code
    assert "1 masses, 1 images without one" in capsys.readouterr().out
    report = prepare_folder([folder])
    assert report.problems == []
    assert [(entry.get("box"), entry.get("finding"), entry.get("class")) for entry in report.entries] == [
        (pytest.approx(BOX), None, None),
        (None, "none", None),
    ]


def test_a_name_of_which_nobody_says_what_it_is_is_asked_about(folder):
    coco(folder, "calcification")
    rows, problems = convert_boxes(folder)
    assert [row["image"] for row in rows] == ["images/b.png"]
    assert "an object is called 'calcification'; say what that is: --name calcification=" in problems[0]
    with pytest.raises(InputError, match="expected benign, malignant, mass or ignore"):
        convert_boxes(folder, {"calcification": "cyst"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "0 20 8 10 8\n", "is not in fractions of the image"),
        ("c.txt", "0 0.5 0.5 0.1 0.1\n", "0 images are called 'c'; expected one"),
        ("a.json", '{"shapes": [{"label": "mass"}], "imagePath": "a.png"}', "is not as LabelMe writes it"),
        ("a.xml", "<annotation><filename>a.png</filename><object/></annotation>", "is not as Pascal VOC writes it"),
        ("d.json", '{"images": [], "annotations": [{}]}', "is not as COCO writes it"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_goes_on(folder, name, content, message):
    (folder / "images" / name).write_text(content)
    voc(folder)
    (folder / "a.xml").unlink()
    rows, problems = convert_boxes(folder, {"0": "mass"})
    assert [row["image"] for row in rows] == ["images/b.png"]
    assert message in problems[0]
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        convert_boxes(folder, {"0": "mass"}, strict=True)


def test_two_files_that_contradict_each_other_are_refused(folder):
    voc(folder)
    (folder / "images" / "b.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match=r"b\.png: one file marks a mass in it and another none"):
        convert_boxes(folder, {"0": "benign"})


def test_a_folder_without_such_files_is_refused(folder):
    with pytest.raises(InputError, match="has no file of boxes as COCO, YOLO, Pascal VOC or LabelMe"):
        convert_boxes(folder)
