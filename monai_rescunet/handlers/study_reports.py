"""One CAD report for the images of a study, written when the last of them is done."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_atomically
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.core.result_names import DICOM_SUFFIXES
from monai_rescunet.data.readers.formats import dicom_header

if TYPE_CHECKING:
    from monai_rescunet.dicom import CadImage

__all__ = ["StudyReports", "done_in_whole_studies", "share_of", "studies_of"]

logger = logging.getLogger(__name__)

KIND = "cad"
IDENTIFIERS = ["StudyInstanceUID", "SOPInstanceUID"]


def studies_of(paths: Sequence[str]) -> list[Hashable]:
    """Return what tells the study of each image; one that has none, or whose header cannot be read, is alone in its.

    A study is told by Study Instance UID (0020,000D). Where images have a SOP Instance UID (0008,0018) in common, they
    are copies of one, and each but the first is taken for another study's, since a report speaks of an image once.
    """
    copies: Counter[tuple[str, ...]] = Counter()
    studies: list[Hashable] = []
    for path in paths:
        try:
            header = dicom_header(Path(path), IDENTIFIERS)
            uids = tuple(str(header.get(keyword) or "") for keyword in IDENTIFIERS)
        except Exception:  # no DICOM, or damaged in one of many ways, of which whoever reads the image will tell
            uids = ()
        if uids and all(uids):
            copies[uids] += 1
            studies.append((uids[0], copies[uids]))
        else:
            studies.append(path)
    return studies


def done_in_whole_studies(
    names: Sequence[str],
    entries: Sequence[Mapping[str, Any]],
    studies: Sequence[Hashable],
    rows: Mapping[str, Sequence[Mapping[str, str]]],
    asked: Mapping[str, str],
) -> set[str]:
    """Return the images all of whose masses have a row, of what is asked now, and of whose study all other images have.

    A report is written before its last image has rows, so that these have their report.

    Args:
        names: of the images.
        entries: an image's masses each.
        studies: of the images.
        rows: of the table, by name.
        asked: what is asked of each image, by name, see `asked_of`.
    """
    done = {}
    for name, entry in zip(names, entries, strict=True):
        masses = {str(mass.get("mass", 0)) for mass in entry.get("masses", ())}
        answered = {row["mass"] for row in rows.get(name, ()) if row["asked"] == asked[name]}
        done[name] = bool(answered) and masses <= answered
    unfinished = {study for name, study in zip(names, studies, strict=True) if not done[name]}
    return {name for name, study in zip(names, studies, strict=True) if study not in unfinished}


def share_of(images: Sequence[int], studies: Sequence[Hashable], number: int, count: int) -> list[int]:
    """Return one run's share of the images, none of whose studies another has.

    Args:
        images: indices of those to be shared.
        studies: of all images.
        number: of the run, from 0.
        count: of runs.
    """
    order = {study: place for place, study in enumerate(dict.fromkeys(studies[image] for image in images))}
    return [image for image in images if order[studies[image]] % count == number]


class StudyReports:
    """Gather what was found in the images of each study, and write its report as soon as all of them are done.

    A report lies by the stem of its study's first image and has the images in their order. An image that could not be
    judged stands in it as failed; a study of which no image could be judged has none. A report that cannot be made is
    warned of. Threads may tell of images at the same time.

    Args:
        folder: where reports are written.
        images: by their paths, in their order: the stem of each one's results, and what tells its study.
        provenance: version of what outlines and classifies.
        finder: version of what finds.
    """

    def __init__(
        self,
        folder: Path,
        images: Mapping[str, tuple[str, Hashable]],
        provenance: Provenance | None = None,
        finder: Provenance | None = None,
    ) -> None:
        self.folder, self.images = folder, images
        self.provenance, self.finder = provenance, finder
        self._studies: dict[Hashable, list[str]] = {}  # those whose report is to come
        for image, (_, study) in images.items():
            self._studies.setdefault(study, []).append(image)
        self._told: dict[Hashable, dict[str, CadImage | None]] = {}
        self._lock = threading.Lock()

    def judged(self, image: str, masses: Sequence[Mapping[str, Any]]) -> None:
        """Take note of an image's masses, as `cad_image` takes them, and write the report if it was the last.

        Raises:
            InputError: the report cannot be written.
        """
        self._take(image, masses)

    def failed(self, image: str) -> None:
        """Take note of an image that could not be judged, and write the report if it was the last."""
        try:
            self._take(image, None)
        except InputError as error:
            logger.warning("no %s: %s", KIND, error)

    def _take(self, image: str, masses: Sequence[Mapping[str, Any]] | None) -> None:
        from monai_rescunet.dicom import cad_image, without_names

        told = None
        try:
            with without_names(image, KIND):
                told = cad_image(image, masses)
        except InputError as error:
            if masses is not None:  # of what failed has been told
                logger.warning("no %s: %s", KIND, error)
        study = self.images[image][1]
        with self._lock:
            if study not in self._studies:  # its report is written
                return
            of_study, of_images = self._told.setdefault(study, {}), self._studies[study]
            of_study[image] = told
            if len(of_study) == len(of_images):
                self._write([of_study[each] for each in of_images], of_images[0])
                del self._studies[study], self._told[study]

    def _write(self, told: Sequence[CadImage | None], first: str) -> None:
        from monai_rescunet.dicom import content_of, to_mammography_cad, without_names

        images = [image for image in told if image is not None]
        if all(image.detected is False for image in images):
            return
        try:
            with without_names(first, KIND):
                content = content_of(to_mammography_cad(images, self.provenance, self.finder))
        except InputError as error:
            logger.warning("no %s: %s", KIND, error)
            return
        write_atomically(self.folder / f"{self.images[first][0]}{DICOM_SUFFIXES[KIND]}", content)
