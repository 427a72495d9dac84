"""A finding comes back where the mass lies in the stored image, however that lies, is padded or stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finding.pictures import MASS, SIZE, BrightestIsMass, mammogram
from monai.data import MetaTensor
from torch.nn import functional as F

from monai_rescunet.core.errors import InputError
from monai_rescunet.finding import Finder, FinderNet, FindMassesd, load_finder_weights, store_finder_weights

FLIPS = {"left": (), "right": (1,), "upside down": (2,), "both": (1, 2)}

PADS = {"left": (0, 0, 60, 0), "right": (0, 0, 0, 60), "top": (50, 0, 0, 0), "left and right": (0, 0, 60, 60)}
"""What is added at top, bottom, left and right, pixels."""


def finder(**settings) -> Finder:
    return Finder(BrightestIsMass(), frame_size=(128, 224), **{"find_threshold": 0.5, **settings})


@pytest.mark.parametrize("bits", [8, 14])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (200, 200, 30, 10)], ids=["tight", "padded"])
@pytest.mark.parametrize("flips", FLIPS.values(), ids=FLIPS)
def test_finding_lies_where_the_mass_lies(flips, padding, bits):
    top, bottom, left, right = padding
    image = F.pad(mammogram(bits), (top, bottom, left, right)).flip(flips)
    box = [MASS[0] + left, MASS[1] + top, MASS[2] + left, MASS[3] + top]
    for axis in flips:
        low, high = axis - 1, axis + 1
        box[low], box[high] = image.shape[axis] - box[high], image.shape[axis] - box[low]

    said = finder()(image)

    assert len(said.findings) == 1
    assert said.findings[0].box == pytest.approx(box, abs=6)
    assert said.findings[0].confidence == said.highest > 0.5


def test_grey_levels_and_size_of_the_picture_do_not_matter():
    image = mammogram(8)
    first = finder()(image).findings[0]
    brighter = finder()(image * 37).findings[0]
    larger = finder()(image.repeat_interleave(4, 1).repeat_interleave(4, 2)).findings[0]

    assert brighter.box == pytest.approx(first.box, abs=1e-3)
    assert np.asarray(larger.box) / 4 == pytest.approx(first.box, abs=3)


def test_stretched_picture_gives_boxes_of_the_stored_pixels():
    square = F.interpolate(mammogram()[None].float(), (420, 420), mode="nearest")[0]

    guessed, told = finder()(square).findings[0], finder()(square, true_size=SIZE).findings[0]

    expected = [MASS[0] * 420 / 300, MASS[1], MASS[2] * 420 / 300, MASS[3]]
    assert guessed.box == pytest.approx(expected, abs=12)
    assert told.box == pytest.approx(expected, abs=12)


def test_nothing_is_found_where_nothing_is():
    said = finder()(mammogram(mass=False))

    assert said.findings == []
    assert 0 <= said.highest < 0.5


@pytest.mark.parametrize(
    "image",
    [torch.zeros(1, 300, 400), torch.full((1, 300, 400), 7), torch.full((1, 60, 50), torch.nan), torch.ones(1, 1, 1)],
    ids=["black", "one value", "no number", "one pixel"],
)
def test_a_picture_without_a_breast_is_refused_and_not_called_free_of_masses(image):
    with pytest.raises(InputError, match="sees no breast"):
        finder()(image)


def test_a_point_in_a_mass_gets_the_box_round_it_however_unsure():
    image = mammogram()
    (known,) = finder()(image).findings
    middle = [(MASS[0] + MASS[2]) / 2, (MASS[1] + MASS[3]) / 2]
    (inside, outside), remarks = finder(find_threshold=1.0).at(image, [middle, [30.0, 210.0]])
    assert remarks == ""
    assert inside == known
    assert outside is None
    with pytest.raises(InputError, match="the point"):
        finder().at(image, [[900.0, 3.0]])
    assert finder().at(torch.zeros(1, 300, 400), [[10, 10]]) == ([None], "")


def test_dictionary_form_gives_boxes_to_masses_that_have_points_alone(caplog):
    image, middle = mammogram(), [(MASS[0] + MASS[2]) / 2, (MASS[1] + MASS[3]) / 2]
    masses = [
        {"mass": 0, "point": middle},
        {"mass": 1, "point": middle, "box": [1, 2, 3, 4]},
        {"mass": 2, "point": [30, 210]},
    ]
    first, second, third = FindMassesd("image", finder())({"image": image, "masses": masses})["masses"]
    assert first["box"] == pytest.approx(MASS, abs=6)
    assert "found" not in first
    assert (second, third) == (masses[1], {**masses[2], "remarks": "no finding round the point"})
    assert "no mass round the point [30, 210]" in caplog.text
    caplog.clear()
    outside = [{"mass": 0, "point": [900, 3]}]  # whose fault is told where its region is cropped
    assert FindMassesd("image", finder())({"image": image, "masses": outside})["masses"] == outside
    assert not caplog.text


@pytest.mark.parametrize("flips", FLIPS.values(), ids=FLIPS)
@pytest.mark.parametrize("mass", [True, False])
def test_inverted_greys_are_refused(mass, flips):
    image = mammogram(mass=mass).flip(flips)
    with pytest.raises(InputError, match="the background is white"):
        finder()(image.max() - image)


@pytest.mark.parametrize("pad", PADS.values(), ids=PADS)
def test_inverted_greys_are_refused_when_they_are_padded_with_black(pad):
    image = mammogram()
    with pytest.raises(InputError, match="the background is white"):
        finder()(F.pad(image.max() - image, pad))


@pytest.mark.parametrize("pad", PADS.values(), ids=PADS)
def test_white_padding_is_neither_breast_nor_mass(pad):
    image = mammogram()
    left, top = pad[2], pad[0]

    said = finder()(F.pad(image, pad, value=int(image.max())))

    assert len(said.findings) == 1
    assert said.findings[0].box == pytest.approx([MASS[0] + left, MASS[1] + top, MASS[2] + left, MASS[3] + top], abs=6)


def test_two_breasts_in_one_picture_are_refused():
    """Or one of them is said to be free of masses, which was not looked at."""
    image = mammogram()
    with pytest.raises(InputError, match="more than one breast"):
        finder()(torch.cat([image, image.flip(1)], dim=1))


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("square", [False, True])
def test_a_mammogram_on_its_side_is_refused(turns, mirrored, square):
    image = mammogram().flip(1) if mirrored else mammogram()
    if square:  # stretched
        image = F.interpolate(image[None].float(), (420, 420))[0]
    assert len(finder()(image).findings) == 1
    with pytest.raises(InputError, match="lies on its side, the chest wall along its upper or lower edge"):
        finder()(image.rot90(turns, (1, 2)))


@pytest.mark.parametrize("side", [40, 58])
def test_a_marker_much_brighter_than_tissue_is_no_breast(side):
    image = mammogram(12)
    expected = finder()(image).findings[0].box
    image[0, -side - 5 : -5, 5 : side + 5] = 65535
    (found,) = finder()(image).findings
    assert found.box == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("true_size", [(1, 1000), (10, 1)])
def test_a_true_size_that_no_stretching_explains_is_refused(true_size):
    with pytest.raises(InputError, match=r"true_size is .* times as wide as high"):
        finder()(mammogram(), true_size=true_size)


def test_a_guess_that_a_film_was_stretched_is_remarked():
    square = MetaTensor(F.interpolate(mammogram()[None].float(), (420, 420))[0], meta={"remarks": "implant"})
    entry = FindMassesd("image", finder())({"image": square})
    assert entry["image"].meta["remarks"] == "implant; taken for a stretched film"
    assert square.meta["remarks"] == "implant", "the caller's image stays as it is"
    told = FindMassesd("image", finder())({"image": MetaTensor(square.as_tensor()), "true_size": SIZE})
    assert "remarks" not in told["image"].meta
    pointed = FindMassesd("image", finder())({"image": square, "masses": [{"mass": 0, "point": [140, 190]}]})
    assert pointed["image"].meta["remarks"] == "implant; taken for a stretched film"


def test_a_breast_that_fills_the_picture_is_not_taken_for_inverted():
    tissue = mammogram()[:, 10:130, 120:300]
    assert finder()(tissue).highest > 0


def test_labels_and_film_edges_are_no_masses():
    image = mammogram(mass=False)
    image[0, 250:280, 20:50] = 255
    image[0, :, :5] = 255

    assert finder()(image).findings == []


def test_image_that_is_no_mammogram_is_refused():
    with pytest.raises(ValueError, match="columns, rows"):
        finder()(torch.zeros(30, 40))


def test_dictionary_form_gives_an_entry_its_masses_and_leaves_the_image_as_it_is():
    image = mammogram()
    said = finder()(image)

    entry = FindMassesd("image", finder())({"image": image, "other": 1})

    assert entry["image"] is image
    assert entry["other"] == 1
    assert [(mass["mass"], tuple(mass["box"]), mass["found"]) for mass in entry["masses"]] == [
        (number, *finding) for number, finding in enumerate(said.findings)
    ]
    assert entry["found"] == said.highest


def test_network_is_made_when_the_first_mammogram_is_looked_at():
    made = []

    def make() -> BrightestIsMass:
        made.append(BrightestIsMass())
        torch.rand(1)  # as a new network's weights are drawn
        return made[-1]

    looks = Finder(make, frame_size=(128, 224), find_threshold=0.5)
    known = FindMassesd("image", looks)({"image": mammogram(), "masses": [{"mass": 0}]})
    assert (known["masses"], made) == ([{"mass": 0}], [])
    state = torch.get_rng_state()
    assert looks(mammogram()) == looks(mammogram()) == finder()(mammogram())
    assert len(made) == 1
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers are left alone"


def test_dictionary_form_does_not_look_where_the_masses_are_known(tmp_path):
    blind = finder()
    blind.checkpoint = tmp_path / "none.pt"

    assert FindMassesd("image", blind)({"image": mammogram(), "masses": []})["masses"] == []
    with pytest.raises(InputError, match="no such file"):
        FindMassesd("image", blind)({"image": mammogram()})


class TestWeights:
    def test_stored_weights_are_small_and_give_the_same_maps(self, tmp_path):
        network = FinderNet((8, 16, 16)).eval()
        torch.save(network.state_dict(), tmp_path / "model.pt")

        store_finder_weights(tmp_path / "model.pt", tmp_path / "finder.pt")
        read = load_finder_weights(FinderNet((8, 16, 16)), tmp_path / "finder.pt")

        frame = torch.rand(1, 1, 32, 64)
        assert torch.allclose(read(frame), network(frame), atol=0.02)
        assert {value.dtype for value in read.state_dict().values()} == {torch.float32, torch.int64}
        assert (tmp_path / "finder.pt").stat().st_size < 0.7 * (tmp_path / "model.pt").stat().st_size

    def test_missing_damaged_and_foreign_weights_are_told_in_one_line(self, tmp_path):
        (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 cut off")
        torch.save(FinderNet((8, 8, 8)).state_dict(), tmp_path / "foreign.pt")
        for name, told in (("missing", "no such file"), ("damaged", "cannot be read"), ("foreign", "not the weights")):
            with pytest.raises(InputError, match=told) as caught:
                load_finder_weights(FinderNet((8, 16, 16)), tmp_path / f"{name}.pt")
            assert "\n" not in str(caught.value)

    def test_frame_that_the_network_cannot_take_is_refused(self):
        with pytest.raises(ValueError, match="multiples of 8"):
            FinderNet((8, 16, 16))(torch.rand(1, 1, 30, 64))
