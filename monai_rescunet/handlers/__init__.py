"""Ignite handlers: what the bundle's engines do beside MONAI's own handlers."""

from monai_rescunet.handlers.checkpoint_loader import StrictCheckpointLoader
from monai_rescunet.handlers.checkpoints import TrainingCheckpoints
from monai_rescunet.handlers.evaluation import MassEvaluation
from monai_rescunet.handlers.findings import FindingEvaluation
from monai_rescunet.handlers.fold_batch_norms import FoldBatchNorms
from monai_rescunet.handlers.maps import FitThresholds, SaveMaps
from monai_rescunet.handlers.mass_results import SaveMassResults
from monai_rescunet.handlers.training import AverageWeights, BroadcastBuffers, RunProgress, SeedEpochs

__all__ = [
    "AverageWeights",
    "BroadcastBuffers",
    "FindingEvaluation",
    "FitThresholds",
    "FoldBatchNorms",
    "MassEvaluation",
    "RunProgress",
    "SaveMaps",
    "SaveMassResults",
    "SeedEpochs",
    "StrictCheckpointLoader",
    "TrainingCheckpoints",
]
