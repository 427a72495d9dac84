"""Masses that somebody told are looked at with doubt: what may be wrong stands beside the answer."""

from __future__ import annotations

import pytest
import torch
from finding.pictures import MASS, SIZE, mammogram
from monai.data import MetaTensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.finding import RemarkGivenMassesd
from monai_rescunet.transforms import EachMassd

AIR = [240.0, 10.0, 280.0, 60.0]


def next_key(location: dict) -> str:
    return next(iter(location))


def noisy() -> torch.Tensor:
    """Return the mammogram with noise in its air, as detectors have it."""
    return mammogram(12) + torch.randint(0, 20, (1, *SIZE), generator=torch.Generator().manual_seed(0))


def remarked(image, *masses):
    told = {"image": MetaTensor(image, meta={"filename_or_obj": "a.png"}), "masses": masses}
    entry = RemarkGivenMassesd("image")(told)
    return entry["image"].meta.get("remarks", ""), entry["masses"]


def test_a_box_round_a_mass_is_not_remarked(caplog):
    of_image, (mass, point) = remarked(noisy(), {"mass": 0, "box": MASS}, {"mass": 1, "point": [5, 5]})
    assert (of_image, mass, point) == ("", {"mass": 0, "box": MASS}, {"mass": 1, "point": [5, 5]})
    assert not caplog.text


def test_a_box_in_the_air_is_remarked(caplog):
    _, (mass,) = remarked(noisy(), {"mass": 0, "box": AIR})
    assert mass["remarks"] == "box outside the breast"
    assert "a.png: box outside the breast, [240.0, 10.0, 280.0, 60.0]" in caplog.text


def test_a_box_that_leaves_the_image_by_more_than_a_tenth_is_remarked():
    _, (cut, near) = remarked(noisy(), {"box": [-10, 180, 30, 240]}, {"box": [-3, 180, 30, 240]})
    assert cut["remarks"] == "box cut at the edge"
    assert "remarks" not in near


def test_of_inverted_greys_and_without_a_breast_nobody_knows_where_the_air_is():
    image = noisy()
    of_image, (mass,) = remarked(image.max() - image, {"box": [20.0, 100.0, 60.0, 140.0]})
    assert (of_image, "remarks" in mass) == ("greys seem inverted", False)
    noise = torch.randint(0, 9, (1, *SIZE), generator=torch.Generator().manual_seed(0))
    assert remarked(noise, {"box": AIR}) == ("", [{"box": AIR}])


@pytest.mark.parametrize(
    ("mass", "remark"), [({"point": [150, 100]}, "lies on its side"), ({"box": [150, 100, 200, 150]}, "")]
)
def test_a_mammogram_on_its_side_is_remarked_where_the_finder_is_asked_about_a_point(mass, remark):
    of_image, _ = remarked(noisy().rot90(1, (1, 2)), {"mass": 0, **mass})
    assert of_image == remark


@pytest.mark.parametrize("location", [{"box": MASS}, {"point": [100, 190]}, {"label": "a_mask.png"}], ids=next_key)
def test_inverted_greys_are_remarked_of_the_image(caplog, location):
    image = noisy()
    of_image, masses = remarked(image.max() - image, {"mass": 0, **location})
    assert of_image == "greys seem inverted"
    assert masses == [{"mass": 0, **location}]
    assert "a.png: the background is white" in caplog.text


def test_a_box_of_one_grey_level_has_no_answer_and_the_others_have_theirs():
    _, (blank, mass) = remarked(mammogram(), {"box": AIR}, {"box": MASS})
    assert isinstance(blank["error"], InputError)
    assert "a.png: the box [240.0, 10.0, 280.0, 60.0] holds one grey level" in str(blank["error"])
    assert "error" not in mass
    done = EachMassd([lambda d: {**d, "seen": True}])({"masses": [blank, mass]})["masses"]
    assert [each.get("seen") for each in done] == [None, True]


@pytest.mark.parametrize("masses", [None, [], [{"crop": True}]], ids=["none told", "none there", "a crop"])
def test_what_the_finder_looks_at_and_crops_are_left_alone(masses):
    image = MetaTensor(255 - mammogram(), meta={"filename_or_obj": "a.png"})
    entry = {"image": image, "masses": masses}
    assert RemarkGivenMassesd("image")(entry) == entry
    assert "remarks" not in image.meta


def test_a_box_that_is_none_is_left_to_whoever_crops_it():
    _, masses = remarked(noisy(), {"box": [900, 900, 950, 950]}, {"box": [1, 2]})
    assert masses == [{"box": [900, 900, 950, 950]}, {"box": [1, 2]}]
