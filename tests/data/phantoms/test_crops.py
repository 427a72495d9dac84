from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import make_phantom, make_phantoms


def test_a_seed_gives_the_same_files(tmp_path):
    for name in ("one", "two", "other"):
        make_phantoms(tmp_path / name, count=2, size=(120, 100), seed=7 if name != "other" else 8)
    files = {
        name: {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.png")} for name in ("one", "two", "other")
    }
    assert files["one"] == files["two"]
    assert files["one"] != files["other"]


def test_folder_has_images_masks_and_a_table_and_says_that_they_are_phantoms(tmp_path):
    made = make_phantoms(tmp_path, count=4, size=(150, 110))
    table = pd.read_csv(tmp_path / "labels.csv")
    assert table.label.tolist() == ["benign", "benign", "malignant", "malignant"]
    assert table.case.nunique() == 2
    assert "phantoms" in (tmp_path / "README.txt").read_text()
    for row in made:
        image, mask = (np.asarray(Image.open(tmp_path / row[key])) for key in ("image", "mask"))
        assert "phantom" in row["image"]
        assert image.shape == mask.shape == (110, 150)
        assert image.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        x_min, y_min, x_max, y_max = row["box"]
        assert (mask[y_min:y_max, x_min:x_max] > 0).sum() == (mask > 0).sum()


@pytest.mark.parametrize("seed", range(4))
def test_grey_levels_are_like_those_of_film(seed):
    """Tissue in the lower half of the range, the mass brighter than what surrounds it, and dark air."""
    for name in ("benign", "malignant"):
        image, mask = make_phantom(np.random.default_rng(seed), name, (500, 500))
        assert 20 < np.median(image) < 110
        assert image[mask].mean() > image[~mask].mean() + 15
        assert 0.002 < mask.mean() < 0.15


def test_malignant_borders_are_longer_for_their_area():
    def roundness(name: str) -> float:
        values = []
        for seed in range(6):
            _, mask = make_phantom(np.random.default_rng(seed), name, (400, 400))
            edge = mask & ~(np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1))
            values.append(4 * np.pi * mask.sum() / edge.sum() ** 2)
        return float(np.mean(values))

    assert roundness("malignant") < 0.85 * roundness("benign")


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(InputError, match="is not empty and holds no phantoms"):
        make_phantoms(tmp_path, count=1, size=(100, 100))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_phantoms_are_made_again_in_their_own_folder(tmp_path):
    make_phantoms(tmp_path, count=1, size=(100, 100))
    make_phantoms(tmp_path, count=2, size=(100, 100))
    assert len(pd.read_csv(tmp_path / "labels.csv")) == 2


def test_too_small_a_size_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least 64"):
        make_phantoms(tmp_path, size=(40, 400))
