"""Mammograms in DICOM: header, geometry, grey levels."""

from monai_rescunet.data.readers.dicom.geometry import pixel_spacing
from monai_rescunet.data.readers.dicom.mammogram import MappedMammogram, read_mammogram_dicom

__all__ = ["MappedMammogram", "pixel_spacing", "read_mammogram_dicom"]
