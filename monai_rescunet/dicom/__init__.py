"""What goes back to the hospital: outlines as DICOM SEG, measurements as DICOM SR, pictures as Secondary Capture."""

try:
    from monai_rescunet.dicom.kinds import DICOM_KINDS, check_kinds, dicom_results
    from monai_rescunet.dicom.secondary_capture import to_secondary_capture
    from monai_rescunet.dicom.segmentation import to_segmentation
    from monai_rescunet.dicom.structured_report import to_structured_report
except ModuleNotFoundError as error:
    if error.name is None or not error.name.startswith("highdicom"):
        raise
    raise ImportError(
        "results as DICOM (SEG, SR, Secondary Capture) need highdicom: pip install 'monai-rescunet[dicom]'",
        name="highdicom",
    ) from error

__all__ = [
    "DICOM_KINDS",
    "check_kinds",
    "dicom_results",
    "to_secondary_capture",
    "to_segmentation",
    "to_structured_report",
]
