from __future__ import annotations

import pytest
import torch
from inbreast_files import circle, write_xml

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import DrawContourd
from monai_rescunet.transforms import ToLabelMapd


def drawn(tmp_path, **given):
    path = write_xml(tmp_path / "1.xml", ("Mass", circle(20, 15, 8)))
    return DrawContourd("label")({"image": torch.zeros(1, 50, 40), "contour": f"{path}#0", **given})


@pytest.mark.parametrize(("mass_class", "value"), [("benign", 1), ("malignant", 2)])
def test_a_contour_is_a_mass_of_its_entrys_class(tmp_path, mass_class, value):
    label = ToLabelMapd("label")(drawn(tmp_path, **{"class": mass_class}))["label"]
    assert label.shape == (1, 50, 40)
    assert (int(label[0, 20, 15]), int(label[0, 0, 0])) == (value, 0)


def test_a_contour_says_nothing_of_the_class(tmp_path):
    """Where the entry does not say it either, nobody takes it for benign."""
    with pytest.raises(InputError, match="does not say whether the mass is benign or malignant"):
        ToLabelMapd("label")(drawn(tmp_path))
    assert set(ToLabelMapd("label", undecided=True)(drawn(tmp_path))["label"].unique().tolist()) == {0, 3}
