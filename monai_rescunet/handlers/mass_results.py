"""What inference leaves behind: one label map and overlay an image, one row of `results.csv` a mass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ignite.engine import Engine, Events
from monai.utils import convert_to_tensor
from PIL import Image
from scipy import ndimage
from torch import Tensor

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS, NO_LESION, UNDECIDED, WHOLE_IMAGE
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import png_bytes, relative_name, write_atomically
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.data.readers.mammogram import image_format, image_stem, mammogram_picture
from monai_rescunet.decisions.metrics import segmentation_metrics
from monai_rescunet.results.label_geometry import label_nifti
from monai_rescunet.results.label_painter import LabelPainter
from monai_rescunet.results.overlay import draw_overlay

__all__ = ["SaveMassResults"]

logger = logging.getLogger(__name__)

COLUMNS = (
    "image", "mass", "box", "decision", "score", "probability", "lambda1", "lambda2",
    "area_px", "area_mm2", "spacing_source", "dice",
)  # fmt: skip

TABLE = "results.csv"
SUFFIXES = ("_label.png", "_label.nii.gz", "_overlay.png", "_seg.dcm", "_sr.dcm", "_cad.dcm", "_sc.dcm")


class SaveMassResults:
    """Gather an evaluator's masses image by image and write what was found.

    An image gets `<stem>_label.png` (`.nii.gz` for NIfTI and DICOM), the label map in the image's own size, and
    `<stem>_overlay.png`; where masses overlap, the one with the higher score is painted. `results.csv` has one row a
    mass, and after each image all rows so far. The rows stay in `rows` as well.

    Args:
        output_dir: where to write; None to keep the rows only.
        dataset_dir: images are named by their path below it.
        overlay: write overlays.
        calibration: gives the probability of malignancy of a score; None tells none.
        keep_masks: keep the outlines in `masks`, bool, `(columns, rows)`, one for each of `rows`.
        dicom: of a DICOM image write `<stem>_seg.dcm` (Segmentation), `<stem>_sr.dcm` (Structured Report),
            `<stem>_cad.dcm` (Mammography CAD SR) and `<stem>_sc.dcm` (Secondary Capture) too: those named, of `seg`,
            `sr`, `cad`, `sc`. They name the patient. One that cannot be made is warned of.
        provenance: the versions of bundle and weights that they are signed with.
        mask_key, label_key, result_key: where postprocessing left the painted label map of the whole image, the
            annotated one where there is one, and the result of the modified Otsu.

    Raises:
        InputError: `dicom` names another kind, or highdicom, which DICOM results need, is not installed; while it runs,
            a file of a result's name lies there that is no result, or that of another image.
    """

    def __init__(
        self,
        output_dir: str | Path | None,
        dataset_dir: str | Path = "",
        overlay: bool = True,
        keep_masks: bool = False,
        calibration: Callable[[float], float] | None = None,
        dicom: Sequence[str] = (),
        provenance: Provenance | None = None,
        *,
        mask_key: str = "mask",
        label_key: str = "label",
        result_key: str = "result",
    ) -> None:
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.dataset_dir = dataset_dir
        self.overlay, self.keep_masks, self.calibration = overlay, keep_masks, calibration
        self.dicom, self.provenance = _dicom_kinds(dicom), provenance
        self.mask_key, self.label_key, self.result_key = mask_key, label_key, result_key
        self._reset()

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator; the masses of one image must follow one another."""
        engine.add_event_handler(Events.STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.COMPLETED, self._complete)

    def _reset(self, *_: object) -> None:
        self.rows: list[dict[str, Any]] = []
        self.masks: list[np.ndarray] = []
        self._current: _ImageResult | None = None
        self._stems: dict[str, str] = {}
        self._earlier = None if self.output_dir is None else _images(self.output_dir / TABLE)

    def _update(self, engine: Engine) -> None:
        for entry, output in zip(engine.state.batch, engine.state.output, strict=True):
            path = str(entry["image"].meta["filename_or_obj"])
            mask = output[self.mask_key][0].cpu().numpy()
            if self._current is None or self._current.path != path:
                self._finish_image()
                self._current = _ImageResult(path, entry["image"].meta, mask.shape, self.dicom, self.provenance)
            row = self._row(path, entry, output)
            self._current.add(row, mask)
            self.rows.append(row)
            if self.keep_masks:
                self.masks.append(mask > 0)

    def _row(self, path: str, entry: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
        result, mask, meta = output[self.result_key], output[self.mask_key], entry["image"].meta
        area = int((mask > 0).sum())
        dice = None
        if entry.get(self.label_key) is not None:
            truth = convert_to_tensor(entry[self.label_key], track_meta=False, device=mask.device)
            dice = segmentation_metrics(mask > 0, _own_mass(truth > 0, entry["roi"]["box"]))["dice"]
        return {
            "image": relative_name(path, self.dataset_dir),
            "mass": entry.get("mass", 0),
            "box": _describe(entry["roi"]),
            "decision": result["decision"],
            "score": result["score"],
            "probability": self._probability(result) if entry["roi"]["source"] not in ("image", "point") else None,
            "lambda1": result["lambda1"],
            "lambda2": result["lambda2"],
            "area_px": area,
            "area_mm2": area * float(np.prod(np.asarray(meta["spacing"]))) if "spacing" in meta else None,
            "spacing_source": meta["spacing_source"],
            "dice": dice,
        }

    def _probability(self, result: Mapping[str, Any]) -> float | None:
        if self.calibration is None or result["score"] is None or result["decision"] == NO_LESION:
            return None
        return self.calibration(float(result["score"]))

    def _finish_image(self) -> None:
        if self._current is None or self.output_dir is None:
            return
        if self._current.path in self._stems.values():
            raise InputError(f"{self._current.path}: its masses do not follow one another; sort the entries by image")
        stem = self._stem(self._current.path)
        self._check_free(stem, relative_name(self._current.path, self.dataset_dir))
        self._current.write(self.output_dir, stem, self.overlay)
        self._write_table()

    def _check_free(self, stem: str, image: str) -> None:
        """Refuse to write over what is no result of an earlier run, or that of another image."""
        files = [Path(self.output_dir or "") / f"{stem}{suffix}" for suffix in SUFFIXES]
        taken = [path.name for path in files if path.exists()]
        if not taken:
            return
        if self._earlier is None:
            raise InputError(f"{files[0].parent}: has {taken[0]} and no {TABLE}; choose another output folder")
        owner = next((other for other in self._earlier if image_stem(Path(other)) == stem), image)
        if owner != image:
            raise InputError(f"{files[0].parent}: has {taken[0]} of {owner} already; choose another output folder")

    def _stem(self, path: str) -> str:
        """Return the image's stem, with its folders before it where another image has the same."""
        relative = Path(relative_name(path, self.dataset_dir))
        bare = relative.name.removesuffix(".gz")
        full = "__".join((*relative.parent.parts, bare)).replace("/", "")
        names = chain((image_stem(relative), bare, full), (f"{full}__{number}" for number in count(2)))
        stem = next(name for name in names if name not in self._stems)
        self._stems[stem] = path
        return stem

    def _complete(self, engine: Engine) -> None:
        self._finish_image()
        self._current = None
        if self.output_dir is not None:
            self._write_table()
            logger.info("wrote %d masses to %s", len(self.rows), self.output_dir / TABLE)

    def _write_table(self) -> None:
        table = pd.DataFrame(self.rows, columns=list(COLUMNS)).astype({"lambda1": "Int64", "lambda2": "Int64"})
        write_atomically(Path(self.output_dir or "") / TABLE, table.to_csv(index=False, float_format="%.4f"))


class _ImageResult:
    """The masses of one image: its label map, and the masses themselves where DICOM results are asked for."""

    def __init__(
        self,
        path: str,
        meta: Mapping[str, Any],
        size: tuple[int, ...],
        dicom: Sequence[str],
        provenance: Provenance | None = None,
    ) -> None:
        self.path, self.meta, self.dicom, self.provenance = path, meta, dicom, provenance
        self.painter = LabelPainter(size)
        self.masses: list[dict[str, Any]] = []

    def add(self, row: Mapping[str, Any], mask: np.ndarray) -> None:
        self.painter.add(mask, row)
        if self.dicom:
            self.masses.append({**row, "mask": mask > 0})

    def write(self, folder: Path, stem: str, overlay: bool) -> None:
        path = Path(self.path)
        kind = image_format(path)
        if kind in ("dicom", "nifti"):
            write_atomically(folder / f"{stem}_label.nii.gz", label_nifti(self.painter.label, self.meta))
        else:
            write_atomically(folder / f"{stem}_label.png", _label_png(self.painter.label))
        if overlay:
            picture = mammogram_picture(path)
            image = draw_overlay(picture, self.painter.label, self.painter.captions)
            write_atomically(folder / f"{stem}_overlay.png", png_bytes(image))
        if self.dicom:
            self._write_dicom(folder, stem, kind)

    def _write_dicom(self, folder: Path, stem: str, kind: str | None) -> None:
        from monai_rescunet.dicom import DICOM_KINDS, attempt_dicom_results

        if kind != "dicom":
            logger.warning("%s: is no DICOM image, so that there is no DICOM result of it", self.path)
            return
        results, faults = attempt_dicom_results(self.path, self.masses, self.dicom, provenance=self.provenance)
        for name, fault in faults.items():
            logger.warning("no %s: %s", name, fault)
        for name in DICOM_KINDS:
            path = folder / f"{stem}_{name}.dcm"
            if name in results:
                write_atomically(path, results[name])
            else:  # an earlier run's, which may say something else
                path.unlink(missing_ok=True)


def _images(table: Path) -> list[str] | None:
    """Return the images of an earlier run's table in its order, None if there is none."""
    if not table.exists():
        return None
    try:
        return pd.read_csv(table, dtype=str, keep_default_na=False)["image"].tolist()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{table}: is there already and no table of results; choose another output folder") from error


def _dicom_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of DICOM results, checked before hours of inference."""
    if not kinds:
        return ()
    try:
        from monai_rescunet.dicom import check_kinds
    except ImportError as error:
        raise InputError(str(error)) from error
    return check_kinds(kinds)


def _label_png(label: np.ndarray) -> bytes:
    """Return a PNG of the values 0, 1, 2 with a palette that shows them."""
    image = Image.fromarray(np.ascontiguousarray(label.T)).convert("P")
    palette = np.zeros((256, 3), dtype=np.uint8)
    for value in (*CLASS_VALUES.values(), UNDECIDED):
        palette[value] = COLOURS[value]
    image.putpalette(palette.ravel().tolist())
    return png_bytes(image)


def _describe(roi: Mapping[str, Any]) -> str:
    """Return the box or point as it stands in the table: `x_min y_min x_max y_max`, `x y`, or `whole image`."""
    if roi["source"] == "image":
        return WHOLE_IMAGE
    values = [float(v) for v in roi["box"]]
    return " ".join(f"{v:g}" for v in (values[:2] if roi["source"] == "point" else values))


def _own_mass(masses: Tensor, box: Sequence[float]) -> Tensor:
    """Return those of an image's masses that reach into a box, whole; all of them if none does.

    Args:
        masses: bool, `(1, columns, rows)`.
        box: `[x_min, y_min, x_max, y_max]`; a point stands twice.
    """
    components, count = ndimage.label(masses[0].cpu().numpy())
    x_min, y_min, x_max, y_max = (int(value) for value in box)
    own = np.unique(components[x_min : max(x_max, x_min + 1), y_min : max(y_max, y_min + 1)])
    own = own[own > 0]
    if count <= 1 or len(own) == 0:
        return masses
    return torch.from_numpy(np.isin(components, own))[None].to(masses.device)
