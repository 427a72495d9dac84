"""Ignite handlers: what the bundle's engines do beside MONAI's own handlers."""

from monai_rescunet.handlers.evaluation import MassEvaluation
from monai_rescunet.handlers.results import SaveMassResults
from monai_rescunet.handlers.training import BroadcastBuffers, RunProgress, SeedEpochs, TrainingCheckpoints

__all__ = [
    "BroadcastBuffers",
    "MassEvaluation",
    "RunProgress",
    "SaveMassResults",
    "SeedEpochs",
    "TrainingCheckpoints",
]
