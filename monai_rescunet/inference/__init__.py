"""The bundle's inference as one Python call."""

from monai_rescunet.inference.run import predict, run_inference

__all__ = ["predict", "run_inference"]
