"""What handlers have in common that look at a whole epoch of an evaluator."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ignite.engine import Engine, Events

__all__ = ["EpochHandler"]


class EpochHandler(ABC):
    """Gather something from every batch of an evaluator's epoch, and make something of it in the end."""

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._complete)

    @abstractmethod
    def _reset(self) -> None:
        """Begin anew."""

    @abstractmethod
    def _update(self, engine: Engine) -> None:
        """Look at a batch."""

    @abstractmethod
    def _complete(self, engine: Engine) -> None:
        """Make something of what was gathered."""
