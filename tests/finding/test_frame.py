"""The breast in its frame, and the way back."""

from __future__ import annotations

import pytest
import torch
from finding.pictures import mammogram
from monai.data import MetaTensor
from torch.nn import functional as F

from monai_rescunet.finding import BreastFrame, BreastFramed
from monai_rescunet.finding.placement import Placement


def test_chest_wall_is_left_and_the_air_is_black():
    image = mammogram(mass=False).flip(1)
    image[0, 20:50, 20:50] = 255  # a label beside the breast
    image[0, 90:110, 40:60] = 255  # and one in the rectangle round it

    frame = BreastFrame((128, 224))(image)

    assert frame.shape == (1, 128, 224)
    assert frame[0, :20].gt(0).float().mean() > 0.8
    assert frame[0, 95:, :30].sum() == 0
    assert frame.max() <= 1
    assert (frame[0] == frame[0].max()).float().mean() < 0.2


@pytest.mark.parametrize("true_size", [None, (200, 420)])
def test_boxes_go_to_the_frame_and_back(true_size):
    for image in (mammogram(), mammogram().flip(1), F.pad(mammogram(), (7, 40, 90, 21))):
        placement = Placement(*BreastFrame((128, 224))(image, true_size).meta["placement"])
        box = (placement.x + 30.0, placement.y + 50.0, placement.x + 71.0, placement.y + 90.0)

        assert placement.to_image(placement.to_frame(box)) == pytest.approx(box)


def test_map_of_the_frame_comes_back_in_its_place():
    image = F.pad(mammogram(), (60, 20, 10, 30)).flip(1)
    framed = BreastFramed("image", (128, 224))
    entry = framed({"image": image})

    back = framed.inverse(entry)["image"]

    assert back.shape == image.shape
    inside, covered = image > 0, back > 0.01
    assert (inside & covered).sum() > 0.93 * inside.sum()
    assert (covered & ~inside).sum() < 0.07 * inside.sum()
    assert torch.equal(back.affine, torch.eye(4, dtype=torch.float64))


def test_padded_square_keeps_its_aspect_and_a_stretched_one_gets_that_of_a_film():
    padded = F.pad(mammogram(), (0, 0, 60, 60))
    stretched = F.interpolate(mammogram()[None].float(), (420, 420))[0]
    frame = BreastFrame((128, 224))

    of_padded, of_stretched = (Placement(*frame(image).meta["placement"]) for image in (padded, stretched))

    assert of_padded.columns / of_padded.rows == pytest.approx(of_padded.width / of_padded.height, rel=0.02)
    assert of_stretched.columns / of_stretched.rows == pytest.approx(
        0.585 * of_stretched.width / of_stretched.height, rel=0.02
    )


@pytest.mark.parametrize("flips", [(), (1,)], ids=["left", "right"])
def test_square_padded_on_the_side_of_the_air_keeps_its_aspect(flips):
    breast = mammogram()[:, :, 25:-25]  # 300 columns of 370 rows
    padded = F.pad(breast, (0, 0, 0, 70)).flip(flips)

    placement = Placement(*BreastFrame((128, 224))(padded).meta["placement"])

    assert placement.columns / placement.rows == pytest.approx(placement.width / placement.height, rel=0.02)


def test_the_spacing_tells_the_aspect_of_the_pixels():
    image = mammogram()[:, :, :-1]
    frame = BreastFrame((128, 224))
    wide = MetaTensor(image[:, ::2], meta={"spacing": (0.14, 0.07)})  # pixels twice as wide as high

    first, second = (Placement(*frame(picture).meta["placement"]) for picture in (image, wide))

    assert (second.columns, second.rows) == pytest.approx((first.columns, first.rows), rel=0.02)


def test_a_square_of_known_spacing_is_no_stretched_film():
    square = mammogram()[:, :, 60:360]
    frame = BreastFrame((128, 224))
    for spacing, remarks in ((None, "taken for a stretched film"), ((0.07, 0.07), "")):
        meta = {} if spacing is None else {"spacing": spacing}
        framed = frame(MetaTensor(square, meta=meta))
        placement = Placement(*framed.meta["placement"])
        aspect = (placement.columns / placement.rows) / (placement.width / placement.height)
        assert aspect == pytest.approx(0.585 if spacing is None else 1.0, rel=0.02)
        assert framed.meta.get("remarks", "") == remarks


def test_frame_size_is_checked():
    with pytest.raises(ValueError, match="frame_size"):
        BreastFrame((0, 10))
