"""Inference in MONAI Label: the bundle's own, and its label map in the image's own geometry."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
import torch
from fastapi import HTTPException
from monai.bundle import ConfigParser
from monailabel.datastore.dicom import DICOMWebDatastore
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask

from monai_rescunet.classes import CLASS_VALUES
from monai_rescunet.data.reader import image_format
from monai_rescunet.errors import InputError
from monai_rescunet.inference import predict
from monai_rescunet.transforms.label_painter import LabelPainter

__all__ = ["LABELS", "MassInferTask", "check_weights"]

LABELS = {f"{name} mass": value for name, value in CLASS_VALUES.items()}
OPTIONS = ("otsu_mode", "lesion_floor", "roi_context", "test_time_flips")
"""Values of the bundle's inference config that a client may change."""
SUFFIXES = {"dicom": ".nrrd", "nifti": ".nii.gz"}
"""Of label maps, by the image's format, where the client names none; PNG for all others."""
OTSU_MODES = ("anchored", "paper")


class MassInferTask(InferTask):
    """Outline the masses of an image that the client points at.

    The request has `box`, `[x_min, y_min, x_max, y_max]`, and `point`, `[x, y]`, or lists of them, in pixels of the
    stored image; or `foreground`, the clicks of 3D Slicer and OHIF. With none of them the whole image is the region of
    interest. The label map (0, 1 benign mass, 2 malignant mass) has the size and orientation of the image as ITK reads
    it; the client names its format with `result_extension`. The answer's `params` has `masses`, one dictionary a mass
    with the columns of `results.csv`.

    With `store_dicom` true and a DICOMweb archive as datastore, results go there as DICOM SEG and SR as well, and
    `stored` names their instances.

    Args:
        bundle: the bundle's folder.
        kind: under which of MONAI Label's types clients see the model.
        datastore: where images come from.

    Raises:
        InputError: the weights do not fit the network.
    """

    def __init__(self, bundle: Path, kind: str, datastore: Datastore) -> None:
        check_weights(bundle)
        parser = _configs(bundle)
        options = {name: parser.get_parsed_content(name) for name in OPTIONS}
        if options["otsu_mode"] not in OTSU_MODES:
            raise InputError(
                f"{bundle}: otsu_mode of inference.yaml is {options['otsu_mode']!r}; expected "
                f"{' or '.join(OTSU_MODES)}: correct it"
            )
        options["otsu_mode"] = sorted(OTSU_MODES, key=lambda mode: mode != options["otsu_mode"])
        super().__init__(kind, LABELS, 2, parser["_meta_"]["description"], {**options, "store_dicom": False})
        self.bundle, self.datastore = bundle, datastore

    def is_valid(self) -> bool:
        """Return True: a bundle that is not raises when it is made."""
        return True

    def __call__(self, request: Mapping[str, Any], callbacks: Any = None) -> tuple[str | None, dict[str, Any]]:
        """Return the path of the label map and the `params`.

        Raises:
            HTTPException: 400 and one line that says what is wrong with the image, box, point or weights.
        """
        try:
            return self._infer({**self.config(), **request})
        except InputError as error:
            raise HTTPException(400, str(error)) from error

    def _infer(self, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        image = Path(request["image"])
        source = _source_of(image)
        check_weights(self.bundle)  # training may have replaced them
        masses = predict(
            source,
            box=request.get("box"),
            point=request.get("point") or _clicks(request),
            bundle=self.bundle,
            **{name: _chosen(request[name]) for name in OPTIONS},
        )
        painter = LabelPainter(masses[0]["mask"].shape)
        for mass in masses:
            painter.add(mass["mask"], mass)
        extension = request.get("result_extension") or SUFFIXES.get(str(image_format(source)), ".png")
        label = _write_label(painter.label, source if image.is_dir() else image, extension)
        told = [{key: value for key, value in mass.items() if key not in ("mask", "image")} for mass in masses]
        params: dict[str, Any] = {"masses": told, "label_names": self.labels}
        if request["store_dicom"] is True:
            params["stored"] = self._store(source, masses)
        return label, params

    def _store(self, source: Path, masses: list[dict[str, Any]]) -> list[str]:
        from monai_rescunet.dicom import dicom_results

        if not isinstance(self.datastore, DICOMWebDatastore):
            raise InputError("store_dicom needs a DICOMweb archive; start the server with its address as --studies")
        results = dicom_results(source, masses, ["seg", "sr"])
        datasets = [pydicom.dcmread(BytesIO(content)) for content in results.values()]
        self.datastore._client.store_instances(datasets)
        return [str(dataset.SOPInstanceUID) for dataset in datasets]


def check_weights(bundle: Path) -> None:
    """Raise an InputError unless the bundle's weights fit the network of its inference config."""
    path = bundle / "models" / "model.pt"
    if not path.is_file():
        raise InputError(f"{path}: there are no weights; put the app in place again, or copy them there")
    network = _configs(bundle).get_parsed_content("network_def")
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a file that is no checkpoint fails in many ways
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: the weights do not fit the network of inference.yaml ({reason}); expected those of "
            f"{type(network).__name__}: correct `network` and `features` there, or put fitting weights in place"
        ) from None


def _configs(bundle: Path) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.yaml"))
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    return parser


def _source_of(image: Path) -> Path:
    """Return the file to read: of an image that came by DICOMweb the DICOM itself, not its conversion to NIfTI."""
    series = image if image.is_dir() else image.with_name(image.name.removesuffix(".nii.gz"))
    if not series.is_dir():
        return image
    files = sorted(path for path in series.iterdir() if path.is_file())
    if len(files) != 1:
        raise InputError(f"{series}: a series of {len(files)} images; expected one mammogram: ask for its own series")
    return files[0]


def _clicks(request: Mapping[str, Any]) -> list[list[float]] | None:
    """Return the clicks of 3D Slicer and OHIF as points: they may name a slice, and a mammogram has one."""
    return [click[:2] for click in request.get("foreground") or []] or None


def _chosen(option: Any) -> Any:
    """Return an option's value; one that a client left as it was offered, a list, is its first."""
    return option[0] if isinstance(option, list) else option


def _write_label(label: np.ndarray, reference: Path, extension: str) -> str:
    """Write a label map `(columns, rows)` in the geometry in which ITK has the image, and return its path."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(reference))
    reader.ReadImageInformation()
    size = reader.GetSize()
    if tuple(size[:2]) != label.shape:
        raise InputError(f"{reference}: ITK reads {tuple(size[:2])} columns and rows; expected {label.shape}")
    result = sitk.GetImageFromArray(label.T.reshape(tuple(reversed(size))))
    result.SetSpacing(reader.GetSpacing())
    result.SetOrigin(reader.GetOrigin())
    result.SetDirection(reader.GetDirection())
    if extension == ".png" and result.GetDimension() == 3:
        result = result[:, :, 0]
    with tempfile.NamedTemporaryFile(suffix=extension, delete=False) as file:
        pass
    try:
        sitk.WriteImage(result, file.name, useCompression=True)
    except RuntimeError as error:
        Path(file.name).unlink()
        raise InputError(
            f"result_extension is {extension!r}, which ITK cannot write; expected .png, .nrrd or .nii.gz"
        ) from error
    return file.name
