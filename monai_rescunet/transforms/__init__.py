"""Transforms in MONAI's array and dictionary forms."""

from monai_rescunet.transforms.each_mass import EachMassd, LenientCompose
from monai_rescunet.transforms.encoding import (
    EncodeMixedSupervision,
    EncodeMixedSupervisiond,
    ToDiscriminativeMap,
    ToDiscriminativeMapd,
)
from monai_rescunet.transforms.intensity import (
    NormalizeTone,
    NormalizeToned,
    ScaleBreastIntensity,
    ScaleBreastIntensityd,
)
from monai_rescunet.transforms.label_map import ToLabelMap, ToLabelMapd
from monai_rescunet.transforms.locate import CropMassROId
from monai_rescunet.transforms.otsu import ModifiedOtsu, ModifiedOtsud, calibrate_thresholds
from monai_rescunet.transforms.otsu_result import OtsuResult, lesion_mask
from monai_rescunet.transforms.outline import KeepOwnMassd, Outline, OutlineMassd
from monai_rescunet.transforms.paint import PaintMassd
from monai_rescunet.transforms.roi import CropMassROI

__all__ = [
    "CropMassROI",
    "CropMassROId",
    "EachMassd",
    "EncodeMixedSupervision",
    "EncodeMixedSupervisiond",
    "KeepOwnMassd",
    "LenientCompose",
    "ModifiedOtsu",
    "ModifiedOtsud",
    "NormalizeTone",
    "NormalizeToned",
    "OtsuResult",
    "Outline",
    "OutlineMassd",
    "PaintMassd",
    "ScaleBreastIntensity",
    "ScaleBreastIntensityd",
    "ToDiscriminativeMap",
    "ToDiscriminativeMapd",
    "ToLabelMap",
    "ToLabelMapd",
    "calibrate_thresholds",
    "lesion_mask",
]
