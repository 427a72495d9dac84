"""The paper's networks, 2D and 3D, under MONAI's constructor conventions; they import torch and MONAI only."""

from monai_rescunet.networks.encoder_decoder import ResCUNet, SegNet, USegNet
from monai_rescunet.networks.fcn8s import FCN8s
from monai_rescunet.networks.feature_tap import FeatureTap
from monai_rescunet.networks.folding import fold_batch_norms
from monai_rescunet.networks.image_head import ImageHead
from monai_rescunet.networks.registry import NETWORKS, get_network
from monai_rescunet.networks.unet import UNet
from monai_rescunet.networks.vgg16 import load_vgg16_encoder

__all__ = [
    "NETWORKS",
    "FCN8s",
    "FeatureTap",
    "ImageHead",
    "ResCUNet",
    "SegNet",
    "UNet",
    "USegNet",
    "fold_batch_norms",
    "get_network",
    "load_vgg16_encoder",
]
