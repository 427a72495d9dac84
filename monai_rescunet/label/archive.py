"""A DICOMweb archive as the source of mammograms and the place where results go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pydicom
from dicomweb_client.session_utils import create_session_from_user_pass
from fastapi import HTTPException
from filelock import FileLock
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX, DICOMWebDatastore
from requests import RequestException

__all__ = ["MammogramArchive"]


class MammogramArchive(DICOMWebDatastore):
    """An archive whose series are mammograms.

    Args:
        url: its address; account, prefixes and search filter are MONAI Label's settings.
    """

    def __init__(self, url: str) -> None:
        account = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
        client = DICOMwebClientX(
            url=url,
            session=create_session_from_user_pass(*account) if all(account) else None,
            qido_url_prefix=settings.MONAI_LABEL_QIDO_PREFIX,
            wado_url_prefix=settings.MONAI_LABEL_WADO_PREFIX,
            stow_url_prefix=settings.MONAI_LABEL_STOW_PREFIX,
        )
        cache = settings.MONAI_LABEL_DICOMWEB_CACHE_PATH.strip() or None
        super().__init__(client, settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER, cache)

    def get_image_uri(self, image_id: str) -> str:
        """Return the path of a series as NIfTI in the cache, beside the folder that has it as DICOM.

        MONAI Label names the first time a conversion elsewhere, which does not lead to the DICOM, and leaves it there;
        and it takes what a broken download left for the series.

        Args:
            image_id: Series Instance UID (0020,000E).

        Raises:
            HTTPException: 400, the archive has no such series or more than one image in it; 502, it does not answer.
        """
        if not re.fullmatch(r"[0-9.]{1,64}", image_id):
            raise HTTPException(400, f"the image is {image_id!r}; expected a Series Instance UID (0020,000E)")
        folder = Path(self._datastore.image_path()).resolve()
        cached, whole = folder / f"{image_id}.nii.gz", folder / f".{image_id}.whole"
        with FileLock(folder / f".{image_id}.lock"):  # other threads' and processes' requests wait for the first
            if not (whole.exists() and cached.is_file()):
                shutil.rmtree(folder / image_id, ignore_errors=True)  # what an earlier one left half done
                cached.unlink(missing_ok=True)
                self._fetch(image_id)
                whole.touch()
        return str(cached)

    def dicom_of(self, image: Path) -> Path:
        """Return the DICOM file of an image that `get_image_uri` named, and any other path as it is."""
        folder = image.with_name(image.name.removesuffix(".nii.gz"))
        return next(folder.iterdir()) if folder.is_dir() else image

    def store(self, results: Sequence[pydicom.Dataset]) -> None:
        """Store results in the archive.

        Raises:
            HTTPException: 502, it did not take them.
        """
        try:
            answer = self._client.store_instances(results)
        except RequestException as error:
            raise HTTPException(502, f"the archive did not take the results ({error})") from error
        if answer.get("FailedSOPSequence"):
            reason = answer.FailedSOPSequence[0].get("FailureReason")
            raise HTTPException(502, f"the archive did not take the results (Failure Reason (0008,1197) is {reason})")

    def _fetch(self, series: str) -> None:
        try:
            images = self._client.search_for_instances(search_filters={"SeriesInstanceUID": series})
            if len(images) != 1:
                raise HTTPException(400, f"the archive has {len(images)} images in the series; expected one mammogram")
            Path(super().get_image_uri(series)).unlink()
        except RequestException as error:
            raise HTTPException(502, f"the archive does not answer ({error})") from error
