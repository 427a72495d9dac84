import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, Lambdad, RandGaussianNoised, RandRotate90d

from monai_rescunet.data import SeededCacheDataset


def made_set() -> SeededCacheDataset:
    data = [{"image": np.full((1, 4, 6), number, np.float32)} for number in (1, 1, 2, 3, 5, 8)]
    random = [RandRotate90d("image", prob=0.5, spatial_axes=(0, 1)), RandGaussianNoised("image", prob=1.0)]
    transform = Compose([Lambdad("image", lambda image: torch.as_tensor(image[:, :4, :4].copy())), *random])
    return SeededCacheDataset(data, transform, progress=False)


def epochs(workers: int, seeds: list[int]) -> list[torch.Tensor]:
    dataset = made_set()
    loader = DataLoader(dataset, batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    seen = []
    for seed in seeds:
        dataset.epoch_seed = seed
        seen.append(torch.cat([torch.as_tensor(batch["image"]) for batch in loader]))
    return seen


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_that_live_on_makes_the_same_epochs(workers):
    seeds = [2**32 - 1, 0, 7]
    for alone, shared in zip(epochs(0, seeds), epochs(workers, seeds), strict=True):
        assert torch.equal(alone, shared)


def test_an_epoch_is_the_same_whatever_came_before_it():
    assert torch.equal(epochs(0, [3, 4])[1], epochs(0, [4])[0])


def test_epochs_and_entries_differ():
    first, second = epochs(0, [3, 4])
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])  # two entries of the same image
