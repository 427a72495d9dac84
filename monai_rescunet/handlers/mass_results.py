"""What inference leaves behind: one label map and overlay an image, one row of `results.csv` a mass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch.distributed as dist
from ignite.engine import Engine, Events

from monai_rescunet.core.errors import UNANSWERED, fault_of
from monai_rescunet.core.files import relative_name, write_atomically
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.core.result_names import DICOM_SUFFIXES, TABLE
from monai_rescunet.data.datalists.lenient import ImageOfMasses, LeftOut, masses_of
from monai_rescunet.handlers.dicom_files import dicom_contents, dicom_kinds
from monai_rescunet.handlers.study_reports import StudyReports, done_in_whole_studies, share_of, studies_of
from monai_rescunet.results.asked import asked_of
from monai_rescunet.results.image_files import ImageResult, label_suffix, remove_stale, write_pictures
from monai_rescunet.results.names import check_free, choose_stems, source_of, stem_of_label_map
from monai_rescunet.results.page import write_page
from monai_rescunet.results.rows import mass_row, no_finding_row
from monai_rescunet.results.table import ResultsTable

__all__ = ["SaveMassResults"]

logger = logging.getLogger(__name__)

AHEAD = 2  # images that may wait for being written
NOT_OF_ROWS = ("overlay", "dicom")
"""Settings that change what is written beside the table, and not its rows."""


class SaveMassResults(LeftOut):
    """Take an evaluator's masses, image by image, and write what was found, in a thread of its own.

    An image gets `<stem>_label.png` (`.nii.gz` for NIfTI and DICOM), the label map in the image's own size, and
    `<stem>_overlay.png`; where masses overlap, the one with the higher score is painted. `results.csv` has one row a
    mass; those of an image are there as soon as its files are. Runs into one folder share the table, in which the rows
    of an image judged anew are replaced. What goes wrong with one image is told, and costs that image alone. With
    overlays, `index.html` shows the results in the end.

    Args:
        output_dir: where to write; None to keep the results in memory only.
        dataset_dir: images are named by their path below it.
        overlay: write overlays.
        calibration: gives the probability of malignancy of a score; None tells none.
        keep_masks: keep what was found of each image in `found` beside what is written.
        dicom: of a DICOM image write `<stem>_seg.dcm` (Segmentation), `<stem>_sr.dcm` (Structured Report),
            `<stem>_cad.dcm` (Mammography CAD SR) and `<stem>_sc.dcm` (Secondary Capture) too: those named, of `seg`,
            `sr`, `cad`, `sc`. They name the patient. One that cannot be made is warned of. Images of one study have one
            `cad`, by the stem of the first, see `StudyReports`.
        provenance: the versions of bundle and weights that they are signed with.
        finder: the versions that findings are signed with.
        settings: what the results depend on; rows of other settings are not put beside them.
        resume: leave out images whose masses have their rows already, of the same places and of unchanged files.
        strict: raise the first error of writing.
        share: this run's number and their count, where several runs share the images; None: the processes that
            torchrun started do.

    Raises:
        InputError: `dicom` names another kind, or highdicom, which DICOM results need, is not installed; when a run
            begins, the output folder has files that are no results, or those of other images or settings.
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
        finder: Provenance | None = None,
        settings: Mapping[str, Any] | None = None,
        resume: bool = False,
        strict: bool = False,
        share: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.dataset_dir = dataset_dir
        self.overlay, self.keep_masks, self.calibration = overlay, keep_masks, calibration
        self.dicom, self.provenance, self.finder = dicom_kinds(dicom), provenance, finder
        self.settings, self.resume, self.strict, self.share = dict(settings or {}), resume, strict, share
        self.found: list[ImageResult] = []
        self.written = 0
        self._table: ResultsTable | None = None
        self._stems: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self._reports: StudyReports | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[Future[None]] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of this run, where they are kept: without an output folder, or with `keep_masks`."""
        return [row for result in self.found for row in result.rows]

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator whose data loader tells it of the images; its batches are `ImageOfMasses`."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.COMPLETED, self._complete)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._give_up)

    def select(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """Begin a run: look at the output folder, choose names, and return the indices of this process's images.

        Raises:
            InputError: the output folder has files that are no results, or those of other images or settings.
        """
        self.close()
        self.found, self.left_out, self.written = [], [], 0
        self.masses = sum(map(masses_of, entries))
        number, count = self.share or (idist.get_rank(), idist.get_world_size())
        done: set[str] = set()
        paths = [str(entry["image"]) for entry in entries]
        studies: list[Hashable] = studies_of(paths) if self.output_dir and "cad" in self.dicom else list(paths)
        names = [relative_name(path, self.dataset_dir) for path in paths]
        self._asked = {name: asked_of(entry, self.dataset_dir) for name, entry in zip(names, entries, strict=True)}
        if self.output_dir is not None:
            self._table = ResultsTable(self.output_dir, self.settings, (number, count))
            if self.share is None and number > 0:
                idist.barrier()  # the first process puts the folder in order
            done = self._open(self._table, entries, names, studies, in_charge=number == 0 and self.share is None)
            if self.share is None and number == 0 < count - 1:
                idist.barrier()
            if done:
                logger.warning("%d of %d images are done already and are left out", len(done), len(entries))
            self.masses -= sum(masses_of(entry) for entry, name in zip(entries, names, strict=True) if name in done)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="results")
        todo = [index for index, name in enumerate(names) if name not in done]
        # runs that share the images begin at any time, when others have done some
        shared = todo if self.share is None else range(len(entries))
        chosen = [index for index in share_of(shared, studies, number, count) if names[index] not in done]
        self._reports = None
        if self.output_dir is not None and "cad" in self.dicom:
            own = {paths[index]: (self._stems[names[index]], studies[index]) for index in chosen}
            self._reports = StudyReports(self.output_dir, own, self.provenance, self.finder)
        return chosen

    def _open(
        self,
        table: ResultsTable,
        entries: Sequence[Mapping[str, Any]],
        names: Sequence[str],
        studies: Sequence[Hashable],
        in_charge: bool,
    ) -> set[str]:
        """Return the images that are done."""
        if in_charge or self.share is not None:
            table.lock(part=not in_charge)
        table.read(names)
        done: set[str] = set()
        if self.resume:
            done = done_in_whole_studies(names, entries, studies, table.rows, self._asked)
        if done:
            table.check_settings()
        elif self.share is not None or set(table.rows) - set(names):
            table.check_settings(ignored=NOT_OF_ROWS)
        earlier = {image: stem_of_label_map(rows[0]["label_map"]) for image, rows in table.rows.items()}
        self._stems = choose_stems(names, earlier)
        sources = [source_of(entry["image"]) for entry in entries]
        check_free(table.folder, zip((self._stems[name] for name in names), sources, strict=True))
        if in_charge:
            table.forget(set(names) - done)
        elif self.share is not None:
            table.begin_part(self.resume)
        if in_charge or self.share is not None:
            table.note_settings()
        return done

    def _update(self, engine: Engine) -> None:
        image, answers = engine.state.batch, engine.state.output
        canvas, name = image.entry["canvas"], relative_name(image.path, self.dataset_dir)
        label_map = self._label_map(name, canvas.meta)
        faults = [fault_of(answer["error"], image.path, UNANSWERED) for answer in answers if "error" in answer]
        if faults and self.strict:
            raise faults[0]
        self.leave_out([str(fault) for fault in faults])
        judged = [pair for pair in zip(image.masses, answers, strict=True) if "error" not in pair[1]]
        asked = "" if faults else self._asked[name]  # a run that goes on judges the image anew
        rows = [
            mass_row(name, canvas.meta, mass, output, self.calibration, label_map, asked) for mass, output in judged
        ]
        if rows:
            self._finish(ImageResult(image.path, canvas, rows, [output["outline"] for _, output in judged]))
        else:
            self._failed(image.path)

    def without_masses(self, image: ImageOfMasses) -> None:
        """Write that nothing was found in an image; its `found` is the highest confidence that was seen."""
        if image.faults:
            self._failed(image.path)
            return
        canvas, name = image.entry["canvas"], relative_name(image.path, self.dataset_dir)
        label_map, asked = self._label_map(name, canvas.meta), self._asked[name]
        row = no_finding_row(name, canvas.meta, image.entry.get("found"), label_map, asked)
        self._finish(ImageResult(image.path, canvas, [row]))

    def _label_map(self, name: str, meta: Mapping[str, Any]) -> str | None:
        return None if self.output_dir is None else f"{self._stems[name]}{label_suffix(meta)}"

    def _finish(self, result: ImageResult) -> None:
        """Have an image written, at once where an error is to end the run, while others go on where not."""
        if self.output_dir is None or self._thread is None or self.strict:
            self._write(result)
            return
        while len(self._waiting) >= AHEAD:
            self._waiting.pop(0).result()
        self._waiting.append(self._thread.submit(self._write, result))

    def _write(self, result: ImageResult) -> None:
        try:
            if self.output_dir is not None:
                self._write_files(result, self.output_dir)
            if self._table is not None:
                self._table.append(result.rows)
        except Exception as error:
            fault = fault_of(error, result.path)
            if self.strict:
                raise fault from error
            self.leave_out([str(fault)] * len(result.rows))
            self._failed(result.path)
            return
        self.written += len(result.rows)
        if self.keep_masks or self.output_dir is None:
            self.found.append(result)

    def _write_files(self, result: ImageResult, folder: Path) -> None:
        stem, source = self._stems[result.rows[0]["image"]], source_of(result.path)
        written, picture = write_pictures(folder, stem, result, source, self.overlay)
        is_dicom = "sop_instance_uid" in result.canvas.meta
        if self.dicom and not is_dicom:
            logger.warning("%s: is no DICOM image, so that there is no DICOM result of it", result.path)
        masses = [{**row, "mask": outline.mask, "corner": outline.corner} for row, outline in result.masses()]
        if self.dicom and is_dicom:
            kinds = [kind for kind in self.dicom if kind != "cad"]
            for kind, content in dicom_contents(result.path, masses, kinds, self.provenance, picture).items():
                write_atomically(folder / f"{stem}{DICOM_SUFFIXES[kind]}", content)
                written.append(DICOM_SUFFIXES[kind])
        remove_stale(folder, stem, written)
        if self._reports is not None and is_dicom:  # an earlier run's report is removed by now
            self._reports.judged(result.path, masses)

    def _failed(self, path: str) -> None:
        """Take away what an earlier run left of an image that has no rows now."""
        if self.output_dir is not None:
            remove_stale(self.output_dir, self._stems[relative_name(path, self.dataset_dir)], [])
        if self._reports is not None:
            self._reports.failed(path)

    def _complete(self, engine: Engine) -> None:
        self._drain()
        if self.share is None and idist.get_world_size() > 1:
            self._gather()
        # an image that the finder searches was counted as one mass, and it may find several
        self.masses = max(self.masses, self.written + len(self.left_out))
        if self.output_dir is not None and (self.share is not None or idist.get_rank() == 0):
            logger.info("wrote %d masses to %s", self.written, self.output_dir)
            if self.overlay and (self.output_dir / TABLE).is_file():
                write_page(self.output_dir)
        self.close()

    def _gather(self) -> None:
        """Bring together what the processes did; the first one tells of it."""
        told: list[Any] = [None] * idist.get_world_size()
        dist.all_gather_object(told, (self.left_out, self.written))
        if idist.get_rank() > 0:
            self.left_out = []
            return
        self.left_out = [fault for faults, _ in told for fault in faults]
        self.written = sum(written for _, written in told)
        if self._table is not None:
            self._table.gather()

    def _give_up(self, engine: Engine, error: BaseException) -> None:
        """Finish what waits to be written, and let the error go on."""
        self.close()
        raise error

    def _drain(self) -> None:
        for future in self._waiting:
            future.result()
        self._waiting = []

    def close(self) -> None:
        """Finish what waits to be written, on Ctrl-C too, and let other runs write into the folder."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread, self._waiting = None, []
        if self._table is not None:
            self._table.close()
            self._table = None
