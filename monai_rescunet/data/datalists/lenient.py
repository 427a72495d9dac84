"""Load batches of files: what cannot be read is told and left out, the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from monai.data import Dataset
from monai.data.utils import list_data_collate
from torch.utils.data import DataLoader, Subset

from monai_rescunet.core.errors import LeftOutError, fault_of

__all__ = ["ImageOfMasses", "LeftOut", "LenientDataLoader", "LenientDataset", "masses_as_batch"]

logger = logging.getLogger(__name__)


@dataclass
class ImageOfMasses:
    """One image on its way through the network: its masses are the batch.

    Attributes:
        entry: what belongs to the image: `image`, its path, and what else the datalist and transforms put there, but
            for the pixels.
        masses: an entry for each mass, `image` being what the network sees of it, `(1, size, size)`.
        faults: of masses that cannot be used, a line for each mass.
    """

    entry: dict[str, Any]
    masses: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The image's file."""
        return str(self.entry["image"])


def masses_as_batch(
    image: ImageOfMasses, device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, None]:
    """Return the masses of an image as a network's input, `(masses, 1, size, size)`: MONAI's `prepare_batch`."""
    batch = list_data_collate([mass["image"] for mass in image.masses])
    return batch.to(device=device, non_blocking=non_blocking, **kwargs), None


class LenientDataset(Dataset):
    """MONAI's `Dataset` of images with masses, where an error of a transform is the fault of that image alone.

    Args:
        data: entries, one an image, as `group_by_image` makes them.
        transform: what reads and prepares an entry: it gives one with `masses`, prepared, of which those that could
            not be have an `error`; or, of an entry without them, that of its only mass.
        strict: raise the error instead.
    """

    def __init__(self, data: Sequence[Any], transform: Callable[[Any], Any], strict: bool = False) -> None:
        super().__init__(data, transform)
        self.strict = strict

    def __getitem__(self, index: int) -> ImageOfMasses:
        """Return the prepared image.

        Raises:
            InputError: the dataset is strict and the image or one of its masses cannot be used.
        """
        path = str(self.data[index]["image"])
        try:
            prepared = super().__getitem__(index)
            masses = prepared.get("masses", [prepared])
        except Exception as error:
            fault = fault_of(error, path)
            if self.strict:
                raise fault from None
            return ImageOfMasses({"image": path}, faults=[str(fault)] * masses_of(self.data[index]))
        faults = [mass["error"] for mass in masses if "error" in mass]
        if faults and self.strict:
            raise faults[0]
        entry = {key: value for key, value in prepared.items() if key != "masses"} | {"image": path}
        return ImageOfMasses(entry, [mass for mass in masses if "error" not in mass], [str(fault) for fault in faults])


class LeftOut:
    """What becomes of the images of a run that its network has no answer for: they are told and counted.

    Attributes:
        left_out: one line for each fault.
    """

    def __init__(self) -> None:
        self.left_out: list[str] = []
        self.masses = 0

    def select(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """Return the indices of the entries to go through, and begin to count."""
        self.left_out = []
        self.masses = sum(masses_of(entry) for entry in entries)
        return range(len(entries))

    def without_masses(self, image: ImageOfMasses) -> None:
        """Take note of an image that the network does not see: without a mass, or, if it has faults, not to be used."""

    def leave_out(self, faults: Sequence[str]) -> None:
        """Take note of faults of an image, one for each mass; where all its masses share one it is told once.

        Of the only mass of a run `check` tells.
        """
        for fault in dict.fromkeys(faults) if self.masses > 1 else ():
            logger.error("left out: %s", fault)
        self.left_out += faults

    def check(self) -> None:
        """Raise a `LeftOutError` that counts what was left out, if anything was."""
        if not self.left_out:
            return
        if len(self.left_out) < self.masses:
            raise LeftOutError(
                f"{len(self.left_out)} of {self.masses} masses were left out and the results are those of the others; "
                f"the first: {self.left_out[0]}",
                self.left_out,
            )
        if self.masses == 1:
            raise LeftOutError(self.left_out[0], self.left_out)
        raise LeftOutError(
            f"none of the {self.masses} masses could be used; the first: {self.left_out[0]}", self.left_out
        )


class Keeper(Protocol):
    """What a loader tells of images that do not reach the network; `LeftOut` and `SaveMassResults` are such."""

    def select(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[int]: ...
    def without_masses(self, image: ImageOfMasses) -> None: ...
    def leave_out(self, faults: Sequence[str]) -> None: ...


class LenientDataLoader:
    """Load a `LenientDataset` image by image, in order; what cannot be used is told to `results` and left out.

    It has no length, since nobody knows before how many entries are good. It draws from a random state of its own.

    Args:
        dataset: the images.
        num_workers: processes that read ahead.
        results: chooses the entries to go through, and gets what the network does not: images that cannot be used and
            those without a mass; None counts them in a `LeftOut`.
    """

    def __init__(self, dataset: LenientDataset, num_workers: int = 0, results: Keeper | None = None) -> None:
        self.dataset, self.num_workers = dataset, num_workers
        self.results = LeftOut() if results is None else results

    def __iter__(self) -> Iterator[ImageOfMasses]:
        """Give images with at least one mass."""
        chosen = self.results.select(self.dataset.data)
        loader: DataLoader[ImageOfMasses] = DataLoader(
            Subset(self.dataset, chosen),
            batch_size=None,
            num_workers=min(self.num_workers, len(chosen)),
            collate_fn=_as_it_is,
            generator=torch.Generator().manual_seed(0),
        )
        for image in loader:
            if image.faults:
                self.results.leave_out(image.faults)
            if image.masses:
                yield image
            else:
                self.results.without_masses(image)


def masses_of(entry: Mapping[str, Any]) -> int:
    """Return how many masses an entry is counted as: one where nobody knows."""
    return max(1, len(entry.get("masses", ())))


def _as_it_is(image: Any) -> Any:
    return image
