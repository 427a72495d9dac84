"""What becomes of the modified Otsu's answer: the mask, the dictionary form, the outline painted at any size."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_rescunet.transforms import ModifiedOtsu, ModifiedOtsud, PaintMassd


def as_map(levels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(levels.astype(np.float32) / 255)[None]


def test_without_classification_there_is_a_mask_and_no_class():
    levels = np.zeros((8, 8), np.uint8)
    levels[2:6, 2:6] = 250
    assert ModifiedOtsu(classify=False)(as_map(levels)).score.isnan()
    result = ModifiedOtsu(classify=False)(as_map(levels)).as_dict()
    assert (result["decision"], result["score"], result["lambda2"]) == (None, None, None)
    assert result["lambda1"] == 124
    assert ModifiedOtsu(classify=False)(torch.zeros(1, 8, 8)).decision == "no lesion"


def test_dictionary_form_gives_plain_values_and_leaves_the_map():
    m = MetaTensor(torch.rand(1, 16, 16))
    entry = ModifiedOtsud(keys="pred", mode="paper")({"pred": m})
    assert entry["pred"] is m
    assert json.loads(json.dumps(entry["result"])) == entry["result"]
    assert entry["result"]["decision"] in ("benign", "malignant")
    with pytest.raises(ValueError, match="expected one"):
        ModifiedOtsud(keys=("pred", "other"))


@pytest.mark.parametrize(("level", "value"), [(128, 1), (255, 2)])
def test_the_decision_is_painted_on_the_map_at_any_size(level, value):
    levels = np.zeros((16, 16), np.uint8)
    levels[4:12, 4:12] = level
    entry = ModifiedOtsud(keys="pred")({"pred": as_map(levels)})
    entry["pred"] = torch.nn.functional.interpolate(entry["pred"][None], scale_factor=2)[0]
    painted = PaintMassd(keys="pred")(entry)["mask"]
    assert painted.dtype == torch.uint8
    assert painted.shape == (1, 32, 32)
    assert painted.unique().tolist() == [0, value]
    assert int((painted > 0).sum()) == 256


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 32, 1, 32), (1, 4, 8, 32)])
def test_dictionary_form_takes_a_volume_of_any_number_of_slices_for_one_map(shape):
    flat = torch.zeros(1, 1024)
    flat[:, 100:300] = 0.9
    expected = ModifiedOtsud()({"pred": flat.reshape(1, 32, 32)})["result"]
    assert ModifiedOtsud()({"pred": flat.reshape(shape)})["result"] == expected


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (3, 8, 8), (8,)])
def test_dictionary_form_refuses_several_maps(shape):
    with pytest.raises(ValueError, match="expected that of one map"):
        ModifiedOtsud()({"pred": torch.zeros(shape)})
