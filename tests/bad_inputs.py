"""Bad input of every kind, and commands that meet it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from dicom_files import write_mammogram
from inbreast_files import circle, write_xls
from monai.bundle import ConfigWorkflow
from PIL import Image
from pydicom.uid import CTImageStorage
from spoilt_files import (
    CBIS_TABLE,
    ENTITIES,
    PIXELS,
    STAR,
    box_in_fractions,
    cell,
    compressed,
    contradicting_boxes,
    contradicting_xls,
    cut_table,
    deep_colours,
    discs,
    empty_mask_file,
    full_disk,
    make_inbreast,
    mask,
    masks_under_another_name,
    rois,
    small_cbis_mask,
    table,
    twice,
    xml,
)

from monai_rescunet.cli import main
from monai_rescunet.core.errors import input_error_behind
from monai_rescunet.data import make_cbis_ddsm_phantoms, make_phantoms

BOX = "--box=30,30,70,80"
Command = list[str]


BREAST = (np.hypot(*(np.mgrid[-60:60, :100] * np.array([1, 0.9])[:, None, None])) < 50) * 150


def searches(pixels: np.ndarray) -> Callable[[Path], Command]:
    """Return a case: an image without a box, and a good one after it."""

    def case(folder: Path) -> Command:
        images = [write_mammogram(folder / "bad.dcm", pixels), write_mammogram(folder / "good.dcm", BREAST)]
        return ["predict", *map(str, images), "--out", str(folder / "out")]

    return case


def predicts(write: Callable[[Path], object], name: str) -> Callable[[Path], Command]:
    """Return a case: an image that `write` makes, and a good one after it."""

    def case(folder: Path) -> Command:
        write(folder / name)
        good = write_mammogram(folder / "good.dcm", PIXELS)
        return ["predict", str(folder / name), str(good), BOX, "--out", str(folder / "out")]

    return case


def prepares(layout: str, make: Callable[[Path], object], spoil: Callable[[Path], object]) -> Callable[[Path], Command]:
    """Return a case: a collection of a layout that is made and then spoilt."""
    name = {"inbreast": "inbreast", "folder": "data", "cbis-ddsm": "cbis"}[layout]

    def case(folder: Path) -> Command:
        make(folder / name)
        spoil(folder / name)
        return ["prepare", layout, str(folder / name), "--out", str(folder / "out" / "datalist.json")]

    return case


prepares_inbreast = partial(prepares, "inbreast", make_inbreast)
prepares_folder = partial(prepares, "folder", partial(make_phantoms, count=12, size=(90, 100)))
prepares_cbis_ddsm = partial(prepares, "cbis-ddsm", partial(make_cbis_ddsm_phantoms, count=4, size=(320, 400)))


def infers(spoil: Callable[[Path], object]) -> Callable[[Path], Command]:
    """Return a case: a mask that is spoilt after the datalist was written."""

    def case(folder: Path) -> Command:
        make_phantoms(folder / "data", count=12, size=(90, 100))
        run_command(["prepare", "folder", str(folder / "data"), "--out", str(folder / "datalist.json")])
        spoil(next((folder / "data" / "masks").glob("*.png")))
        configs = Path(__file__).parents[1] / "bundle" / "configs"
        return [
            "bundle", str(configs / "inference.yaml"), str(folder / "data"), str(folder / "datalist.json"),
            str(folder / "out"),
        ]  # fmt: skip

    return case


def infers_elsewhere(folder: Path) -> Command:
    """Return a case: two NIfTI images, of which one has a mask that is moved."""
    (folder / "data").mkdir()
    entries = []
    for name, shift in (("bad", 5.0), ("good", 0.0)):
        mask = np.zeros((100, 120), np.uint8)
        mask[30:70, 30:80] = 1
        for array, kind, moved in ((PIXELS.T.astype(np.int16), "image", 0.0), (mask, "mask", shift)):
            affine = np.eye(4)
            affine[0, 3] = moved
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / "data" / f"{name}_{kind}.nii.gz")
        entries.append({"image": f"{name}_image.nii.gz", "label": f"{name}_mask.nii.gz", "case": name, "fold": 0})
    (folder / "datalist.json").write_text(json.dumps({"training": entries}))
    configs = Path(__file__).parents[1] / "bundle" / "configs"
    data, datalist, out = (str(folder / name) for name in ("data", "datalist.json", "out"))
    return ["bundle", str(configs / "inference.yaml"), data, datalist, out]


def predicts_good(folder: Path, out: str) -> Command:
    good = write_mammogram(folder / "good.dcm", PIXELS)
    return ["predict", str(good), BOX, "--out", str(folder / out)]


def below_a_file(folder: Path) -> Command:
    (folder / "out").write_text("a file")
    return predicts_good(folder, "out/predictions")


def predicts_onto_a_full_disk(folder: Path) -> Command:
    full_disk(folder / "out")
    return predicts_good(folder, "out")


def prepares_onto_a_full_disk(folder: Path) -> Command:
    command = prepares_folder(lambda data: None)(folder)
    full_disk(folder / "out")
    return command


def prepares_onto_its_table(folder: Path) -> Command:
    return [*prepares_folder(lambda data: None)(folder)[:-1], str(folder / "data" / "labels.csv")]


def one_patient_in_two_folds(folder: Path) -> Command:
    command = infers(lambda path: None)(folder)
    datalist = folder / "datalist.json"
    content = json.loads(datalist.read_text())
    for fold in (0, 1):
        next(entry for entry in content["training"] if entry["fold"] == fold)["case"] = "P01"
    datalist.write_text(json.dumps(content))
    return command


CASES: dict[str, Callable[[Path], Command]] = {
    "an image cut off in the middle": predicts(
        lambda path: path.write_bytes(write_mammogram(path, PIXELS).read_bytes()[:-9000]), "bad.dcm"
    ),
    "an empty file": predicts(lambda path: path.write_bytes(b""), "bad.png"),
    "a file that is no DICOM": predicts(lambda path: path.write_text("not an image"), "bad.dcm"),
    "a DICOM file without pixels": predicts(lambda path: write_mammogram(path, PIXELS, PixelData=None), "bad.dcm"),
    "another modality": predicts(lambda path: write_mammogram(path, PIXELS, Modality="CT"), "bad.dcm"),
    "several frames (tomosynthesis)": predicts(
        lambda path: write_mammogram(path, np.repeat(PIXELS, 2, 0), Rows=120, NumberOfFrames=2), "bad.dcm"
    ),
    "colour": predicts(
        lambda path: write_mammogram(
            path,
            np.repeat(PIXELS, 3, 1),
            Columns=100,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
        ),
        "bad.dcm",
    ),
    "pixels that cannot be decoded": predicts(compressed, "bad.dcm"),
    "a file of another format": predicts(lambda path: path.write_bytes(b"ObjectType = Image\nNDims = 2\n"), "bad.mha"),
    "several channels of 16 bits in a PNG": predicts(deep_colours, "bad.png"),
    "transparent pixels": predicts(lambda path: Image.new("LA", (100, 120), (9, 100)).save(path), "bad.png"),
    "a value that Bits Stored cannot hold": predicts(
        lambda path: write_mammogram(path, PIXELS + np.uint16(200)), "bad.dcm"
    ),
    "a High Bit below the bits": predicts(lambda path: write_mammogram(path, PIXELS, HighBit=5), "bad.dcm"),
    "no Modality and another class": predicts(
        lambda path: write_mammogram(path, PIXELS, Modality=None, SOPClassUID=CTImageStorage), "bad.dcm"
    ),
    "a lookup table cut off": predicts(cut_table, "bad.dcm"),
    "a NIfTI mask that lies elsewhere than its image": infers_elsewhere,
    "a picture without a breast, and no box": searches(np.full((120, 100), 800)),
    "inverted greys, and no box": searches(255 - BREAST),
    "a mammogram on its side, and no box": searches(BREAST.T),
    "a picture of a phantom": predicts(
        lambda path: write_mammogram(path, PIXELS, QualityControlImage="YES"), "bad.dcm"
    ),
    "a header without what pixels need": predicts(lambda path: write_mammogram(path, PIXELS, Rows=None), "bad.dcm"),
    "a box of one grey level": predicts(lambda path: write_mammogram(path, np.full_like(PIXELS, 7)), "bad.dcm"),
    "a box outside the image": lambda folder: [
        "predict",
        str(write_mammogram(folder / "good.dcm", PIXELS)),
        "--box=300,300,400,400",
        "--out",
        str(folder / "out"),
    ],
    "an output folder that cannot be written to": below_a_file,
    "a full disk": predicts_onto_a_full_disk,
    "a full disk for a datalist": prepares_onto_a_full_disk,
    "XML cut off in the middle": prepares_inbreast(
        lambda root: xml((root / "AllXML" / "20000006.xml").read_bytes()[:400])(root)
    ),
    "XML with entities": prepares_inbreast(xml(ENTITIES)),
    "an image without a mass": prepares_inbreast(rois(("Calcification", [(50, 60)]))),
    "a mass outside the image": prepares_inbreast(rois(("Mass", circle(900, 900, 20)))),
    "points outside the image": prepares_inbreast(rois(("Mass", circle(0, 70, 20)))),
    "a point far outside the image": prepares_inbreast(rois(("Mass", [(50, 60), (1e9, 60), (50, 90)]))),
    "a dot named Mass": prepares_inbreast(rois(("Mass", [(50, 60)]))),
    "a contour that crosses itself": prepares_inbreast(rois(("Mass", STAR))),
    "`INbreast.xls` that contradicts `INbreast.csv`": prepares_inbreast(contradicting_xls),
    "`INbreast.xls` cut off": prepares_inbreast(
        lambda root: (root / "INbreast.xls").write_bytes(write_xls(root).read_bytes()[:3000])
    ),
    "a table without a column": prepares_folder(table(lambda rows: rows.drop(columns="label"))),
    "an unknown label": prepares_folder(cell("label", "unsure")),
    "a blank cell": prepares_folder(cell("image", "")),
    "a row that stands twice": prepares_folder(table(twice)),
    "rows that contradict each other": prepares_folder(
        table(
            lambda rows: pd.concat([rows, rows[:1].assign(label=["malignant", "benign"][rows.label[0] == "malignant"])])
        )
    ),
    "a class that boxes.csv contradicts": prepares_folder(contradicting_boxes),
    "one picture of two patients": prepares_folder(
        lambda data: shutil.copy(data / "images" / "phantom_000.png", data / "images" / "phantom_002.png")
    ),
    "a path that leaves the folder": prepares_folder(cell("image", "../elsewhere.png")),
    "a mask of another size": prepares_folder(lambda data: mask(255, (20, 20))(next((data / "masks").glob("*.png")))),
    "one mask for two images": prepares_folder(
        table(lambda rows: rows.assign(mask=[rows["mask"][1], *rows["mask"][1:]]))
    ),
    "patients whose names differ in their spelling": prepares_folder(
        table(lambda rows: rows.assign(case=["P01", "p01", *rows["case"][2:]]))
    ),
    "a mask that cannot be read": prepares_folder(empty_mask_file),
    "a mask that is called as an image is": prepares_folder(masks_under_another_name),
    "a box in fractions of the image": prepares_folder(box_in_fractions),
    "boxes in a workbook": prepares_folder(lambda data: (data / "boxes.xlsx").write_bytes(b"PK")),
    "an output that is something else already": prepares_onto_its_table,
    "a CBIS-DDSM table without a column": prepares_cbis_ddsm(
        table(lambda rows: rows.drop(columns="pathology"), CBIS_TABLE)
    ),
    "an unknown pathology": prepares_cbis_ddsm(cell("pathology", "UNPROVEN", CBIS_TABLE)),
    "a blank pathology": prepares_cbis_ddsm(cell("pathology", "", CBIS_TABLE)),
    "a CBIS-DDSM row that stands twice": prepares_cbis_ddsm(table(twice, CBIS_TABLE)),
    "a CBIS-DDSM path that leaves the folder": prepares_cbis_ddsm(
        cell("image file path", "../elsewhere/1/2/000000.dcm", CBIS_TABLE)
    ),
    "a CBIS-DDSM image that was not downloaded": prepares_cbis_ddsm(
        lambda root: shutil.rmtree(root / "Mass-Training_P_00001_LEFT_CC")
    ),
    "a CBIS-DDSM mask of another size": prepares_cbis_ddsm(small_cbis_mask),
    "one patient in two folds": one_patient_in_two_folds,
    "an empty mask": infers(mask(0)),
    "a mask with other values": infers(
        lambda path: Image.fromarray(np.arange(9000, dtype=np.uint8).reshape(100, 90)).save(path)
    ),
    "lesions numbered beside a class": infers(discs([1, 2], 0)),
    "an inverted mask": infers(discs([0], 255)),
}


def run_command(arguments: Command) -> tuple[int, str]:
    """Run the command line, or the bundle's inference, in this process; return exit status and last message."""
    if arguments[0] == "bundle":
        config, data, datalist, out, *strict = arguments[1:]
        workflow = ConfigWorkflow(
            config_file=config, logging_file=False, workflow_type="inference", bundle_root=str(Path(config).parents[1]),
            dataset_dir=data, datalist=datalist, output_dir=out, strict=bool(strict),
        )  # fmt: skip
        try:
            workflow.initialize()
            workflow.run()
        except Exception as error:
            fault = input_error_behind(error)
            assert fault is not None
            return 1, str(fault)
        return 0, ""
    sys.argv = ["monai-rescunet", *arguments]
    try:
        main()
    except SystemExit as end:
        return (end.code or 0, "") if isinstance(end.code, int | None) else (1, str(end.code))
    return 0, ""
