"""What is done to each mass of an image that was read once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from monai.data import MetaTensor
from monai.transforms import Compose, Transform

from monai_rescunet.core.errors import fault_of

__all__ = ["EachMassd", "LenientCompose"]


class EachMassd(Transform):
    """Apply transforms to each mass of an entry's list `masses`, each with what the image's entry has.

    A mass that they cannot be applied to gets `error`, an `InputError`, and the others go on; one that has its `error`
    already stays as it is. What the entry holds of `drop_keys` is then left out: the masses hold what they need of it.
    An entry without the list is itself one mass.

    Args:
        transforms: they see a dictionary of the image's keys and the mass's own, which go first.
        masses_key: where the entry has its list of masses; an empty one stays empty.
        drop_keys: the image's keys that no one needs any more, its pixels say.
    """

    def __init__(
        self,
        transforms: Callable[..., Any] | Sequence[Callable[..., Any]],
        masses_key: str = "masses",
        drop_keys: Sequence[str] = ("image",),
    ) -> None:
        self.transforms = Compose(transforms)
        self.masses_key, self.drop_keys = masses_key, tuple(drop_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its masses prepared.

        Raises:
            InputError: an entry without the list cannot be prepared.
        """
        shared = {key: value for key, value in data.items() if key != self.masses_key}
        if data.get(self.masses_key) is None:
            return self.transforms(shared)
        masses = [self._prepared(shared, mass) for mass in data[self.masses_key]]
        return {key: value for key, value in shared.items() if key not in self.drop_keys} | {self.masses_key: masses}

    def _prepared(self, shared: Mapping[Hashable, Any], mass: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        if "error" in mass:
            return dict(mass)
        try:
            prepared = self.transforms({**shared, **mass})
        except Exception as error:
            name = next(
                (value.meta["filename_or_obj"] for value in shared.values() if isinstance(value, MetaTensor)), ""
            )
            return {**mass, "error": fault_of(error, str(name))}
        own = {*mass, *self.drop_keys}
        return {key: value for key, value in prepared.items() if key not in shared or key in own}


class LenientCompose(Transform):
    """Apply transforms to a network's answer for one mass; an error is the fault of that mass alone.

    Where one of them fails, as `ModifiedOtsud` does on NaN, the answer becomes a dictionary of `error` alone: what was
    raised.

    Args:
        transforms: as MONAI's `Compose` has them.
    """

    def __init__(self, transforms: Callable[..., Any] | Sequence[Callable[..., Any]]) -> None:
        self.transforms = Compose(transforms)

    def __call__(self, data: Any) -> Any:
        """Return what the transforms make of an answer."""
        try:
            return self.transforms(data)
        except Exception as error:
            return {"error": error}
