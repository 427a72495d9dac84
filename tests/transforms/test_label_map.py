import pytest
import torch
from monai.data import MetaTensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms import ToLabelMap, ToLabelMapd


def mask_of(*values: float) -> torch.Tensor:
    return torch.tensor([[list(values)]])


@pytest.mark.parametrize("value", [1, 37, 255])
@pytest.mark.parametrize(("mass_class", "expected"), [("benign", 1), ("malignant", 2)])
def test_any_binary_mask_takes_the_class_given(value, mass_class, expected):
    assert ToLabelMap()(mask_of(0, value), mass_class).tolist() == [[[0, expected]]]


@pytest.mark.parametrize(
    ("values", "mass_class"),
    [((0, 1, 2), None), ((0, 128, 255), None), ((0, 128, 255), "benign"), ((0, 128, 255), "malignant")],
)
def test_masks_of_both_classes_keep_them(values, mass_class):
    assert ToLabelMap()(mask_of(*values), mass_class).tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (2, 2), (128, 1)])
def test_a_label_map_of_one_class_needs_no_class(value, expected):
    assert ToLabelMap()(mask_of(0, value)).tolist() == [[[0, expected]]]


@pytest.mark.parametrize("value", [255, 7])
def test_a_binary_mask_without_class_is_refused(value):
    with pytest.raises(InputError, match="does not say whether"):
        ToLabelMap()(mask_of(0, value))


@pytest.mark.parametrize(("value", "mass_class"), [(2, "benign"), (128, "malignant")])
def test_a_mask_that_contradicts_its_class_is_refused(value, mass_class):
    with pytest.raises(InputError, match="contradicts"):
        ToLabelMap()(mask_of(0, value), mass_class)


@pytest.mark.parametrize("values", [(0, 3, 254, 255), (0, 1, 2, 3), (0, 1, 255)])
def test_masks_of_other_values_are_refused(values):
    with pytest.raises(InputError, match="without smoothing"):
        ToLabelMap()(mask_of(*values), "benign")


def test_an_empty_mask_is_refused():
    with pytest.raises(InputError, match="empty"):
        ToLabelMap()(mask_of(0, 0), "benign")


def test_several_masks_are_their_union():
    masks = torch.tensor([[[255, 0, 0]], [[0, 0, 255]]])
    assert ToLabelMap()(masks, "malignant").tolist() == [[[2, 0, 2]]]


def test_dictionary_form_names_the_file():
    mask = MetaTensor(torch.zeros(1, 2, 2), meta={"filename_or_obj": "case7_mask.png"})
    with pytest.raises(InputError, match=r"^case7_mask\.png: .*empty"):
        ToLabelMapd(keys="label")({"label": mask, "class": "benign"})


@pytest.mark.parametrize(("value", "expected"), [(255, 3), (7, 3), (128, 1), (2, 2)])
def test_where_a_mask_only_says_where_the_mass_is_it_needs_no_class(value, expected):
    assert ToLabelMap(undecided=True)(mask_of(0, value)).tolist() == [[[0, expected]]]


@pytest.mark.parametrize("undecided", [True, False])
@pytest.mark.parametrize("mass_class", ["benign", "malignant"])
def test_lesions_that_may_be_numbered_are_asked_about(mass_class, undecided):
    """Trained as classes, the first of two malignant lesions would be benign."""
    with pytest.raises(InputError, match=r"1 and 2, and the class beside it is '.*': are they classes or the numbers"):
        ToLabelMap(undecided)(mask_of(0, 1, 2), mass_class)


@pytest.mark.parametrize(("values", "mass_class"), [((1, 2), None), ((255,), "benign"), ((128, 255), "malignant")])
def test_a_mask_without_background_is_refused(values, mass_class):
    with pytest.raises(InputError, match="no pixel of the mask is 0"):
        ToLabelMap()(mask_of(*values), mass_class)


def disc(inside: int, outside: int, radius: float, centre: tuple[int, int] = (20, 20)) -> torch.Tensor:
    x, y = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    round_ = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    return torch.where(round_, inside, outside)[None]


@pytest.mark.parametrize("centre", [(20, 20), (0, 20), (0, 0)], ids=["inside", "at the border", "in the corner"])
@pytest.mark.parametrize(("value", "mass_class"), [(255, "malignant"), (1, "benign"), (2, None), (1, None)])
def test_an_inverted_mask_is_refused(value, mass_class, centre):
    with pytest.raises(InputError, match=r"marks \d\d% of the image and .* as an inverted one"):
        ToLabelMap()(disc(0, value, 7, centre), mass_class)


@pytest.mark.parametrize("radius", [1, 15, 19, 20, 22])
def test_a_mass_that_fills_its_crop_is_no_inverted_mask(radius):
    """The paper's crops are tight, and a disc wider than its crop touches every border."""
    assert ToLabelMap()(disc(255, 0, radius), "benign").max() == 1
