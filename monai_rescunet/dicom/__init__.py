"""What goes back to the hospital: outlines as DICOM SEG, measurements as SR, findings as CAD SR, pictures as SC."""

try:
    from monai_rescunet.dicom.cad import to_mammography_cad
    from monai_rescunet.dicom.cad_findings import CadFinding, CadImage, cad_image
    from monai_rescunet.dicom.kinds import (
        DICOM_KINDS,
        attempt_dicom_results,
        check_kinds,
        content_of,
        dicom_results,
        without_names,
    )
    from monai_rescunet.dicom.secondary_capture import to_secondary_capture
    from monai_rescunet.dicom.segmentation import to_segmentation
    from monai_rescunet.dicom.structured_report import to_structured_report
except ModuleNotFoundError as error:
    if error.name is None or not error.name.startswith("highdicom"):
        raise
    raise ImportError(
        "results as DICOM (SEG, SR, CAD SR, Secondary Capture) need highdicom: pip install 'monai-rescunet[dicom]'",
        name="highdicom",
    ) from error

__all__ = [
    "DICOM_KINDS",
    "CadFinding",
    "CadImage",
    "attempt_dicom_results",
    "cad_image",
    "check_kinds",
    "content_of",
    "dicom_results",
    "to_mammography_cad",
    "to_secondary_capture",
    "to_segmentation",
    "to_structured_report",
    "without_names",
]
