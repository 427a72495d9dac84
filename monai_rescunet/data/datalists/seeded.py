"""A cached training set whose augmentation depends on the epoch's seed and the entry alone."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import CacheDataset
from monai.data.utils import set_rnd

__all__ = ["SeededCacheDataset"]


class SeededCacheDataset(CacheDataset):
    """MONAI's `CacheDataset`, with the random transforms seeded anew for each entry.

    So what an entry becomes in an epoch depends neither on what came before it nor on which worker makes it: training
    is the same with any number of workers, and these live on from epoch to epoch (`persistent_workers`), where MONAI's
    would have to begin anew for an epoch that can be repeated.

    Args:
        args: as for `CacheDataset`.
        kwargs: as for `CacheDataset`.

    Attributes:
        epoch_seed: 0 to 2**32 - 1; whoever sets it between two epochs is heard by workers that run already.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._epoch_seed = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch_seed(self) -> int:
        """The seed of the epoch, the same in all processes that load from this set."""
        return int(self._epoch_seed)

    @epoch_seed.setter
    def epoch_seed(self, seed: int) -> None:
        self._epoch_seed.fill_(seed)

    def _transform(self, index: int) -> Any:
        set_rnd(self.transform, (self.epoch_seed + 1_000_003 * index) % 2**32)
        return super()._transform(index)
