"""The app that MONAI Label's server runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import monailabel
from fastapi import HTTPException
from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask
from monailabel.tasks.activelearning.first import First
from monailabel.tasks.activelearning.random import Random

from monai_rescunet.label.archive import MammogramArchive
from monai_rescunet.label.batch import MassBatchInferTask
from monai_rescunet.label.infer import MassInferTask
from monai_rescunet.label.install import CLICK_MODEL_NAME, MODEL_NAME
from monai_rescunet.label.requests import check_image, guard_requests
from monai_rescunet.label.train import MassTrainTask

__all__ = ["MassApp"]

OWN_DEFAULTS = {
    "MONAI_LABEL_DATASTORE_FILE_EXT": ["*.nii.gz", "*.nii", "*.nrrd", "*.jpg", "*.png", "*.tif", "*.dcm"],
    "MONAI_LABEL_DICOMWEB_SEARCH_FILTER": {"Modality": "MG"},
}
"""Settings that MONAI Label has without DICOM files, and for CT."""


class MassApp(MONAILabelApp):
    """Serve and train the bundle in `<app_dir>/model/mammography_mass_segmentation`.

    Args:
        app_dir: what `monai_rescunet.label.install_app` made.
        studies: a folder of images, or the address of a DICOMweb archive.
        conf: what the server was started with as `--conf name value`: `site`, the file of a site's calibration.

    Raises:
        InputError: the weights do not fit the network of the bundle's config.
    """

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        self.bundle = Path(app_dir) / "model" / MODEL_NAME
        self.site = conf.get("site")
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=conf,
            name=f"Masses in mammograms (MONAI Label {monailabel.__version__})",
            description="Outline of a mass and whether it looks benign or malignant. Research, not a medical device.",
            version=monailabel.__version__,
        )
        guard_requests()

    def infer(self, request: dict[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Return the outlines of an image that the datastore has, or that came with the request.

        Raises:
            HTTPException: 400, the datastore has no such image.
        """
        check_image(request.get("image"), datastore or self.datastore())
        answer: dict[str, Any] = super().infer(request, datastore)
        return answer

    def infer_wsi(self, request: dict[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Refuse what MONAI Label has for slides of tissue.

        Raises:
            HTTPException: 400.
        """
        raise HTTPException(400, "a mammogram is no whole slide; ask for it at /infer")

    def init_datastore(self) -> Datastore:
        """Return where images come from: DICOM files of a folder too, and of an archive the mammograms.

        They take the place of MONAI Label's defaults; what the environment says otherwise stays.
        """
        for name, own in OWN_DEFAULTS.items():
            if getattr(settings, name) == type(settings).model_fields[name].default:
                setattr(settings, name, own)
        return super().init_datastore()

    def init_remote_datastore(self) -> Datastore:
        """Return the archive: DICOMweb, the one kind that mammograms come from."""
        return MammogramArchive(self.studies)

    def init_infers(self) -> dict[str, InferTask]:
        """Return the model, under its name and for clicks."""
        return {
            MODEL_NAME: MassInferTask(self.bundle, InferType.SEGMENTATION, self.datastore(), self.site),
            CLICK_MODEL_NAME: MassInferTask(self.bundle, InferType.DEEPGROW, self.datastore(), self.site),
        }

    def init_trainers(self) -> dict[str, TrainTask]:
        """Return the training of the model."""
        return {MODEL_NAME: MassTrainTask(self.bundle)}

    def init_batch_infer(self) -> Callable[..., Any]:
        """Return what outlines the masses of many images."""
        return MassBatchInferTask()

    def init_strategies(self) -> dict[str, Strategy]:
        """Return the orders in which images can be offered for labelling."""
        return {"random": Random(), "first": First()}
