"""A data loader for batches of files: what cannot be read is told and left out, the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from monai.data import DataLoader, Dataset
from monai.data.utils import list_data_collate

from monai_rescunet.core.errors import InputError, input_error_behind

__all__ = ["LenientDataLoader", "LenientDataset"]

logger = logging.getLogger(__name__)


class _Unreadable(NamedTuple):
    """Stands for an entry that cannot be used."""

    reason: str


class LenientDataset(Dataset):
    """MONAI's `Dataset`, but an entry whose transforms raise an `InputError` is left out by `LenientDataLoader`.

    Args:
        data: entries of a datalist.
        transform: what reads and prepares an entry.
        strict: raise the error instead.
    """

    def __init__(self, data: Sequence[Any], transform: Callable[[Any], Any], strict: bool = False) -> None:
        super().__init__(data, transform)
        self.strict = strict

    def __getitem__(self, index: int) -> Any:
        """Return the prepared entry, or what stands for an unreadable one."""
        try:
            return super().__getitem__(index)
        except Exception as error:
            fault = input_error_behind(error)
            if fault is None:
                raise
            if self.strict or len(self) == 1:
                raise fault from None
            return _Unreadable(str(fault))


def _collate(batch: Sequence[Any]) -> Any:
    (item,) = batch
    return item if isinstance(item, _Unreadable) else list_data_collate(batch)


class LenientDataLoader:
    """Load a `LenientDataset` one by one, in order; what cannot be used is logged, left out and told at the end.

    It has no length, since nobody knows before how many entries are good. Call `check` when the run is over.

    Args:
        dataset: the entries.
        num_workers: processes that read ahead.
    """

    def __init__(self, dataset: LenientDataset, num_workers: int = 0) -> None:
        self.dataset = dataset
        self.left_out: list[str] = []
        self._loader = DataLoader(dataset, batch_size=1, num_workers=num_workers, collate_fn=_collate)

    def __iter__(self) -> Iterator[Any]:
        """Give batches of one readable entry.

        Raises:
            InputError: no entry is readable, or the dataset is strict and one is not.
        """
        self.left_out = []
        for item in self._loader:
            if not isinstance(item, _Unreadable):
                yield item
                continue
            logger.error("left out: %s", item.reason)
            self.left_out.append(item.reason)
        if len(self.left_out) == len(self.dataset):
            raise InputError(f"none of the {len(self.dataset)} masses could be used; the first: {self.left_out[0]}")

    def check(self) -> None:
        """Raise an `InputError` that counts what was left out, if anything was."""
        if self.left_out:
            raise InputError(
                f"{len(self.left_out)} of {len(self.dataset)} masses were left out and the results are those of the "
                f"others; the first: {self.left_out[0]}"
            )
