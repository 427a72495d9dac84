"""Inference in MONAI Label: the bundle's own, and its label map in the image's own geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from fastapi import HTTPException
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask

from monai_rescunet.core.classes import CLASS_VALUES, NO_FINDING
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance, read_provenance
from monai_rescunet.core.remarks import REMARKS
from monai_rescunet.data.readers.mammogram import image_format
from monai_rescunet.inference.run import predict
from monai_rescunet.label.archive import MammogramArchive
from monai_rescunet.label.asked import OPTIONS, OTSU_MODES, InferRequest
from monai_rescunet.label.label_file import read_geometry, write_label
from monai_rescunet.label.requests import without_folders
from monai_rescunet.label.weights import bundle_configs, check_weights
from monai_rescunet.results.label_painter import LabelPainter
from monai_rescunet.results.outline import outline_of

__all__ = ["LABELS", "MassInferTask"]

LABELS = {f"{name} mass": value for name, value in CLASS_VALUES.items()}
"""Values of the label map by the names that clients see."""
STORED = {"store_dicom": ["seg", "sr"], "store_cad": ["cad"], "store_picture": ["sc"]}
"""What of `monai_rescunet.dicom` goes to the archive where a client asks for it."""
UNTOLD = ("image", "mask", "corner")
"""Of a mass, what the client has already, in the label map."""
DEFAULT_SUFFIXES = {"dicom": ".nrrd", "nifti": ".nii.gz"}
"""Of label maps, by the image's format, where the client names none; PNG for all others."""


class MassInferTask(InferTask):
    """Outline the masses of an image that the client points at.

    The request has `box`, `[x_min, y_min, x_max, y_max]`, and `point`, `[x, y]`, or lists of them, in pixels of the
    stored image; or `roi` and `foreground`, the region and the clicks of 3D Slicer and OHIF. With none of them the
    finder looks for masses, unless `crop` says that the image is a crop of one. The label map (0, 1 benign mass, 2
    malignant mass) has the size and orientation of the image as ITK reads it; the client names its format with
    `result_extension`, and may turn its compression off with `result_compress`. The answer's `params` has `masses`, one
    dictionary a mass with the columns of `results.csv`; where nothing was found, `decision` says so.

    With a DICOMweb archive as datastore, results go there as well: with `store_dicom` true as DICOM SEG and SR, with
    `store_cad` as a Mammography CAD SR, with `store_picture` as a Secondary Capture, for viewers that lay no
    segmentation over a mammogram. `stored` then names their instances.

    Args:
        bundle: the bundle's folder.
        kind: under which of MONAI Label's types clients see the model.
        datastore: where images come from.
        site: file of a site's calibration, which `monai-rescunet calibrate` wrote; None takes what ships.

    Raises:
        InputError: the weights do not fit the network, or the site's file does not fit the weights.
    """

    def __init__(self, bundle: Path, kind: str, datastore: Datastore, site: str | None = None) -> None:
        check_weights(bundle)
        parser = bundle_configs(bundle)
        if site is not None:
            parser.update({"bundle_root": str(bundle), "site": site})
            parser.get_parsed_content("calibration")
        options = {name: parser.get_parsed_content(name) for name in OPTIONS}
        if options["otsu_mode"] not in OTSU_MODES:
            raise InputError(
                f"{bundle}: otsu_mode of inference.yaml is {options['otsu_mode']!r}; expected "
                f"{' or '.join(OTSU_MODES)}: correct it"
            )
        options["otsu_mode"] = sorted(OTSU_MODES, key=lambda mode: mode != options["otsu_mode"])
        super().__init__(kind, LABELS, 2, parser["_meta_"]["description"], {**options, **dict.fromkeys(STORED, False)})
        self.bundle, self.datastore, self.site = bundle, datastore, site

    def is_valid(self) -> bool:
        """Return True: a bundle that is not raises when it is made."""
        return True

    def __call__(self, request: Mapping[str, Any], callbacks: Any = None) -> tuple[str | None, dict[str, Any]]:
        """Return the path of the label map and the `params`.

        Raises:
            HTTPException: 400 and one line that says what is wrong with the image, the request or the weights; 502
                where the archive did not take the results.
        """
        asked = {"result_compress": True, **self.config(), **request}
        image = Path(str(request["image"]))
        try:
            return self._infer(InferRequest.of(asked), image)
        except InputError as error:
            raise HTTPException(400, without_folders(str(error), image.parent, self.bundle)) from error

    def _infer(self, asked: InferRequest, image: Path) -> tuple[str, dict[str, Any]]:
        stored = [name for name in STORED if getattr(asked, name)]
        if stored and not isinstance(self.datastore, MammogramArchive):
            raise InputError(f"{stored[0]} needs a DICOMweb archive; start the server with its address as --studies")
        source = self.datastore.dicom_of(image) if isinstance(self.datastore, MammogramArchive) else image
        suffix = asked.result_extension or DEFAULT_SUFFIXES.get(str(image_format(source)), ".png")
        geometry = read_geometry(image)
        check_weights(self.bundle)
        models = self.bundle / "models"
        provenance = read_provenance(models / "model.pt", self.bundle)
        finder = read_provenance(models / "finder.pt", self.bundle, missing_ok=True)
        masses = predict(
            source,
            box=asked.boxes or None,
            point=asked.points or None,
            bundle=self.bundle,
            site=self.site,
            **asked.options,
        )
        label = write_label(_painted(masses, geometry.GetSize()[:2], source), geometry, suffix, asked.result_compress)
        params = {**_told(masses), "label_names": self.labels}
        if stored:
            try:
                kinds = [kind for name in stored for kind in STORED[name]]
                params["stored"] = self._store(source, masses, kinds, provenance, finder)
            except BaseException:
                Path(label).unlink()
                raise
        return label, params

    def _store(
        self,
        source: Path,
        masses: list[dict[str, Any]],
        kinds: list[str],
        provenance: Provenance,
        finder: Provenance,
    ) -> list[str]:
        from monai_rescunet.dicom import dicom_results

        contents = dicom_results(source, masses, kinds, provenance=provenance, finder=finder).values()
        datasets = [pydicom.dcmread(BytesIO(content)) for content in contents]
        self.datastore.store(datasets)
        return [str(dataset.SOPInstanceUID) for dataset in datasets]


def _painted(masses: Sequence[Mapping[str, Any]], size: tuple[int, int], source: Path) -> np.ndarray:
    """Return the label map of all masses, empty where nothing was found."""
    painter = LabelPainter(size)
    for mass in masses:
        outline = outline_of(mass, size, source)
        if outline is not None:
            painter.add(outline, mass)
    return painter.label


def _told(masses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a client is told: each mass, or that nothing was found and the highest confidence that was seen."""
    rows = [{key: value for key, value in mass.items() if key not in UNTOLD} for mass in masses]
    told: dict[str, Any] = {"masses": [row for row in rows if row["decision"] != NO_FINDING]}
    if not told["masses"]:
        told |= {"decision": NO_FINDING, **{name: rows[0].get(name) if rows else None for name in ("found", REMARKS)}}
    return told
