import pytest
import torch
from monai.data import MetaTensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms import (
    EncodeMixedSupervision,
    EncodeMixedSupervisiond,
    ToDiscriminativeMap,
    ToDiscriminativeMapd,
)


def test_label_map_becomes_black_gray_and_white():
    label = torch.tensor([[[0, 1], [2, 0]]], dtype=torch.uint8)
    target = EncodeMixedSupervision()(label)
    assert target.dtype == torch.float32
    assert target.tolist() == [[[0.0, 0.5], [1.0, 0.0]]]


def test_levels_are_a_parameter():
    label = torch.tensor([[0, 1, 2]])
    assert EncodeMixedSupervision(levels=(0.0, 1.0, 1.0))(label).tolist() == [[0.0, 1.0, 1.0]]


@pytest.mark.parametrize("value", [3, -1, 255, 0.5, float("nan")])
def test_value_outside_the_map_is_refused(value):
    with pytest.raises(InputError, match="expected only"):
        EncodeMixedSupervision()(torch.tensor([[0.0, value]]))


@pytest.mark.parametrize("levels", [(), (0.0, 1.5), (-0.1, 1.0)])
def test_levels_outside_the_unit_interval_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        EncodeMixedSupervision(levels)


def test_dictionary_form_keeps_metadata_and_other_keys():
    label = MetaTensor(torch.tensor([[[0.0, 2.0]]]), meta={"filename_or_obj": "mask.png"})
    encoded = EncodeMixedSupervisiond(keys="label")({"label": label, "case": "a"})
    assert encoded["label"].meta["filename_or_obj"] == "mask.png"
    assert encoded["label"].tolist() == [[[0.0, 1.0]]]
    assert encoded["case"] == "a"


def test_one_channel_is_its_sigmoid():
    logits = torch.tensor([[[-2.0, 0.0, 3.0]]])
    assert torch.equal(ToDiscriminativeMap()(logits), torch.sigmoid(logits))


def test_three_channels_are_the_levels_weighted_by_their_softmax():
    logits = torch.log(torch.tensor([0.2, 0.5, 0.3])).reshape(3, 1, 1)
    assert ToDiscriminativeMap()(logits).item() == pytest.approx(0.5 * 0.5 + 0.3)


def test_certain_softmax_never_exceeds_one():
    logits = torch.full((3, 64, 64), -100.0)
    logits[2] = 100.0
    assert ToDiscriminativeMapd(keys="pred")({"pred": logits})["pred"].max() <= 1


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ValueError, match="2 channels; expected 1 or 3"):
        ToDiscriminativeMap()(torch.zeros(2, 4, 4))


@pytest.mark.parametrize(
    "shape", [(4, 1, 8, 8), (3, 1, 8, 8), (3, 3, 8, 8), (1, 3, 8, 8), (2, 3, 8, 8), (3, 3, 8, 8, 8)]
)
def test_a_batch_is_what_its_images_are(shape):
    logits = torch.randn(shape)
    spatial_dims = len(shape) - 2
    to_map = ToDiscriminativeMap(spatial_dims=spatial_dims)
    found = to_map(logits)
    assert found.shape == (shape[0], 1, *shape[2:])
    assert torch.allclose(found, torch.stack([to_map(image) for image in logits]))


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (1, 3, 8, 8), (3, 3, 8, 8)])
def test_a_shape_with_two_readings_is_refused(shape):
    """Three one-channel maps, say, and a volume of one slice in three classes."""
    with pytest.raises(ValueError, match="a batch of images or a volume; say which by spatial_dims"):
        ToDiscriminativeMap()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 1, 8, 8), (2, 3, 8, 8), (3, 8, 8, 8)])
def test_a_shape_with_one_reading_needs_no_more(shape):
    one = (shape[0], 1) if shape[1] < 8 else (1, shape[1])
    assert ToDiscriminativeMap()(torch.zeros(shape)).shape == (*one, *shape[2:])


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (1, 3, 8, 8), (3, 8, 8)])
def test_dictionary_form_takes_the_first_dimension_for_the_channels(shape):
    logits = torch.randn(shape)
    levels = torch.tensor([0.0, 0.5, 1.0]).reshape(-1, *[1] * (len(shape) - 1))
    expected = logits.sigmoid() if shape[0] == 1 else (logits.softmax(0) * levels).sum(0, keepdim=True)
    assert torch.allclose(ToDiscriminativeMapd(keys="pred")({"pred": logits})["pred"], expected)


def test_shapes_of_no_image_and_other_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"shape is \(3, 8\)"):
        ToDiscriminativeMap()(torch.zeros(3, 8))
    with pytest.raises(ValueError, match="spatial_dims is 4"):
        ToDiscriminativeMap(spatial_dims=4)
    with pytest.raises(ValueError, match="levels"):
        ToDiscriminativeMap(levels=(0.0, 2.0))
