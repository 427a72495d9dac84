"""The evaluator's network as inference alone allows it: its batch norms folded into its convolutions."""

from __future__ import annotations

from ignite.engine import Events
from monai.engines import Evaluator
from torch import nn

from monai_rescunet.networks import fold_batch_norms

__all__ = ["FoldBatchNorms"]


class FoldBatchNorms:
    """Have an evaluator run a copy of its network with folded batch norms, see `fold_batch_norms`: faster.

    The network itself keeps its weights as they are, and can be loaded anew. It goes behind the handler that loads
    them.

    Args:
        model: the network.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def attach(self, engine: Evaluator) -> None:
        """Attach to an evaluator that has a `network`, as `SupervisedEvaluator` does."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Evaluator) -> None:
        """Fold the batch norms of the weights that are in place when a run begins."""
        engine.network = fold_batch_norms(self.model.eval())
