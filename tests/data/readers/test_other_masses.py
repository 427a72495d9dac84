"""Two masses of one image, each with a mask of its own: what training and validation make of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from inbreast_files import circle, write_xml
from monai.bundle import ConfigParser
from monai.transforms import Compose
from PIL import Image

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import input_error_behind
from monai_rescunet.data import LoadMassROId, read_datalist

SIZE = (150, 180)  # columns, rows
ROI = {"roi_mode": "scaled", "roi_size": 100, "roi_context": 2.5}


def disc(path, x, y, radius, size=SIZE):
    columns, rows = np.meshgrid(*map(np.arange, size))
    Image.fromarray(((columns - x) ** 2 + (rows - y) ** 2 <= radius**2).astype(np.uint8) * 255).save(path)


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, SIZE[::-1]).astype(np.uint8)).save(tmp_path / "i.png")
    disc(tmp_path / "a.png", 60, 80, 20)
    disc(tmp_path / "b.png", 90, 80, 15)
    return tmp_path


def entries(folder, *masses, **extra):
    listed = [{"image": "i.png", "case": "p1", "mass": number, **mass, **extra} for number, mass in enumerate(masses)]
    (folder / "d.json").write_text(json.dumps({"training": listed}))
    return read_datalist(folder / "d.json", folder, masks=True)


def validation() -> Compose:
    """The transforms of the bundle's own validation, up to the crop."""
    parser = ConfigParser()
    parser.read_config(str(bundle_root() / "configs" / "train.yaml"))
    parser.update(ROI)
    parser["validate"]["preprocessing"]["transforms"].pop()  # of the intensity, which training does later
    return parser.get_parsed_content("validate#preprocessing")


BENIGN, MALIGNANT = {"label": "a.png", "class": "benign"}, {"label": "b.png", "class": "malignant"}


@pytest.mark.parametrize(
    "masses",
    [(BENIGN, MALIGNANT), (BENIGN, MALIGNANT | {"label": ["b.png"]}), (BENIGN | {"box": [40, 60, 81, 101]}, MALIGNANT)],
)
def test_each_mass_has_the_other_in_its_crop_in_training_and_validation(folder, masses):
    read = entries(folder, *masses)
    for own, other, entry in ((1, 2, read[0]), (2, 1, read[1])):
        trained, validated = LoadMassROId(**ROI)(entry), validation()(entry)
        assert np.array_equal(trained["label"], validated["label"])
        counts = {value: int((trained["label"] == value).sum()) for value in (own, other)}
        assert counts[own] > 400
        assert counts[other] > 200
        assert trained["roi"]["box"] == {1: [40, 60, 81, 101], 2: [75, 65, 106, 96]}[own]


def test_where_two_masses_overlap_the_own_one_lies_on_top(folder):
    read = entries(folder, BENIGN, MALIGNANT)
    alone = [LoadMassROId(**ROI)({key: value for key, value in entry.items() if key != "others"}) for entry in read]
    for value, entry, before in zip((1, 2), read, alone, strict=True):
        assert np.array_equal(LoadMassROId(**ROI)(entry)["label"] == value, before["label"] == value)


def test_contours_of_their_own_are_other_masses_too(folder):
    write_xml(folder / "i.xml", ("Mass", circle(60, 80, 20)), ("Mass", circle(90, 80, 15)))
    one, other = ({"contour": f"i.xml#{number}", "class": name} for number, name in enumerate(("benign", "malignant")))
    read = entries(folder, one, other)
    assert read[0]["others"] == [{"contour": f"{folder}/i.xml#1", "class": "malignant"}]
    assert set(np.unique(LoadMassROId(**ROI)(read[0])["label"])) == {0, 1, 2}


def test_masses_that_share_a_mask_are_no_others(folder):
    assert all("others" not in entry for entry in entries(folder, BENIGN, BENIGN | {"box": [1, 1, 9, 9]}))


def test_a_mask_of_another_mass_that_cannot_be_used_is_named(folder):
    disc(folder / "b.png", 20, 20, 10, (60, 50))
    with pytest.raises(RuntimeError) as raised:  # as MONAI wraps what a transform raises
        LoadMassROId(**ROI)(entries(folder, BENIGN, MALIGNANT)[0])
    assert f"{folder}/b.png: the mask of another mass has (60, 50) pixels and the image (150, 180)" in str(
        input_error_behind(raised.value)
    )
