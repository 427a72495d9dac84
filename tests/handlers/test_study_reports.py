"""One CAD report a study, written when the last of its images is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_files import write_mammogram
from monai.transforms import LoadImaged

from monai_rescunet.core.provenance import Provenance
from monai_rescunet.data import KeepCanvasd, MammogramReader
from monai_rescunet.data.datalists.lenient import ImageOfMasses
from monai_rescunet.handlers import SaveMassResults
from monai_rescunet.handlers.study_reports import share_of
from monai_rescunet.transforms import Outline

GREY = np.random.default_rng(0).integers(0, 255, (50, 40)).astype(np.uint16)
LOAD = LoadImaged(keys="image", reader=MammogramReader, ensure_channel_first=True, dtype=None)
CENTRE, DETECTIONS, ANALYSES, VERSION = "111010", "111064", "111065", "111003"


@pytest.fixture
def view(tmp_path):
    """Write a view of a study."""

    def write(name: str, study: str = "1.2.3", **attributes: Any) -> Path:
        return write_mammogram(
            tmp_path / f"{name}.dcm", GREY, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.4", **attributes
        )

    return write


def begin(out: Path, paths: list[Path], **options: Any) -> tuple[SaveMassResults, list[Path]]:
    handler = SaveMassResults(out, dicom=["cad"], overlay=False, settings={"kappa": 0.3}, **options)
    chosen = handler.select([{"image": str(path), "masses": [{"mass": 0}]} for path in paths])
    return handler, [paths[index] for index in chosen]


def judge(handler: SaveMassResults, path: Path, x: int = 10) -> None:
    """Find a mass at a column."""
    mask = np.zeros((40, 50), dtype=bool)
    mask[x : x + 4, 20:30] = True
    entry = {"image": str(path), "canvas": KeepCanvasd()(LOAD({"image": str(path)}))["canvas"]}
    before = {"roi": {"source": "box", "box": [1.0, 2.0, 30.0, 40.5]}, "mass": 0, "found": 0.6}
    result = {"decision": "benign", "score": 0.4, "lambda1": 90, "lambda2": 200}
    state = SimpleNamespace(
        batch=ImageOfMasses(entry, [before]), output=[{"result": result, "outline": Outline.of(mask)}]
    )
    handler._update(SimpleNamespace(state=state))


def fail(handler: SaveMassResults, path: Path) -> None:
    """Tell of an image as the loader does that cannot read it."""
    image = ImageOfMasses({"image": str(path)}, faults=["cannot be read"])
    handler.leave_out(image.faults)
    handler.without_masses(image)


def run(out: Path, paths: list[Path], **options: Any) -> None:
    handler, chosen = begin(out, paths, **options)
    for number, path in enumerate(chosen):
        judge(handler, path, 10 + number)
    handler._complete(SimpleNamespace())


def reports(out: Path) -> dict[str, pydicom.Dataset]:
    return {path.name: pydicom.dcmread(path) for path in sorted(out.glob("*.dcm"))}


def every(item: pydicom.Dataset, code: str) -> list[pydicom.Dataset]:
    """Return all items of a concept name, in their order."""
    found = []
    for child in item.get("ContentSequence") or ():
        names = child.get("ConceptNameCodeSequence") or ()
        found += ([child] if names and names[0].CodeValue == code else []) + every(child, code)
    return found


def images_of(report: pydicom.Dataset) -> list[str]:
    (library,) = every(report, "111028")
    return [entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for entry in library.ContentSequence]


def uids(paths: list[Path]) -> list[str]:
    return [pydicom.dcmread(path).SOPInstanceUID for path in paths]


def status(report: pydicom.Dataset, code: str) -> str:
    (item,) = every(report, code)
    return item.ConceptCodeSequence[0].CodeMeaning


def test_a_study_has_one_report_with_its_images_in_their_order(view, tmp_path):
    paths = [view(name) for name in ("l_cc", "l_mlo", "r_cc", "r_mlo")]
    alone = view("alone", "9.9")
    run(tmp_path / "out", [*paths[:2], alone, *paths[2:]])
    found = reports(tmp_path / "out")
    assert list(found) == ["alone_cad.dcm", "l_cc_cad.dcm"]
    assert images_of(found["l_cc_cad.dcm"]) == uids(paths)
    assert images_of(found["alone_cad.dcm"]) == uids([alone])
    centres = [item.GraphicData[0] for item in every(found["l_cc_cad.dcm"], CENTRE)]
    assert centres == [12, 13, 15, 16], "findings image by image"


def test_it_is_written_when_the_last_image_is_done_and_not_before(view, tmp_path):
    paths = [view(name) for name in "abc"]
    handler, _ = begin(tmp_path / "out", paths, strict=True)  # strict: nothing waits to be written
    for path in reversed(paths):
        assert not reports(tmp_path / "out")
        judge(handler, path)
    assert images_of(reports(tmp_path / "out")["a_cad.dcm"]) == uids(paths)
    handler.close()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_image_that_fails_stands_among_the_failed(view, tmp_path, failing):
    paths = [view(name) for name in "abc"]
    handler, _ = begin(tmp_path / "out", paths)
    for number, path in enumerate(paths):
        (fail if number == failing else judge)(handler, path)
    handler._complete(SimpleNamespace())
    report = reports(tmp_path / "out")["a_cad.dcm"]
    assert images_of(report) == uids(paths)
    assert status(report, DETECTIONS) == status(report, ANALYSES) == "Partially Succeeded"
    assert len(every(report, CENTRE)) == 2


def test_an_image_that_cannot_be_written_stands_among_the_failed(view, tmp_path, monkeypatch):
    paths = [view(name) for name in "ab"]
    write = SaveMassResults._write_files

    def fails_once(handler, result, folder):
        if result.path == str(paths[0]):
            raise RuntimeError("no such thing")
        write(handler, result, folder)

    monkeypatch.setattr(SaveMassResults, "_write_files", fails_once)
    run(tmp_path / "out", paths)
    assert status(reports(tmp_path / "out")["a_cad.dcm"], ANALYSES) == "Partially Succeeded"


def test_an_image_that_the_network_has_no_answer_for_stands_among_the_failed(view, tmp_path):
    handler, (first, second) = begin(tmp_path / "out", [view("a"), view("b")])
    judge(handler, first)
    entry = {"image": str(second), "canvas": KeepCanvasd()(LOAD({"image": str(second)}))["canvas"]}
    state = SimpleNamespace(batch=ImageOfMasses(entry, [{"mass": 0}]), output=[{"error": ValueError("NaN")}])
    handler._update(SimpleNamespace(state=state))
    handler._drain()
    (report,) = reports(tmp_path / "out").values()
    assert "Partially Succeeded" in report.to_json()


def test_a_study_of_which_nothing_could_be_judged_has_no_report(view, tmp_path):
    paths = [view(name) for name in "ab"]
    handler, _ = begin(tmp_path / "out", paths)
    for path in paths:
        fail(handler, path)
    handler._complete(SimpleNamespace())
    assert not reports(tmp_path / "out")


def test_a_run_that_was_cut_off_judges_its_study_anew(view, tmp_path):
    paths = [view("a"), view("b"), view("other", "9.9")]
    handler, _ = begin(tmp_path / "out", paths, strict=True)
    judge(handler, paths[2])
    judge(handler, paths[0])
    handler.close()  # killed: a has its row, b has none, and their study no report
    assert list(reports(tmp_path / "out")) == ["other_cad.dcm"]
    again, chosen = begin(tmp_path / "out", paths, resume=True)
    assert chosen == paths[:2]
    for path in chosen:
        judge(again, path)
    again._complete(SimpleNamespace())
    assert images_of(reports(tmp_path / "out")["a_cad.dcm"]) == uids(paths[:2])
    assert begin(tmp_path / "out", paths, resume=True)[1] == []


def test_an_earlier_report_of_an_image_alone_goes(view, tmp_path):
    paths = [view(name) for name in "ab"]
    run(tmp_path / "out", paths[1:])
    assert list(reports(tmp_path / "out")) == ["b_cad.dcm"]
    run(tmp_path / "out", paths)
    assert list(reports(tmp_path / "out")) == ["a_cad.dcm"]


def test_runs_that_share_the_images_share_no_study(view, tmp_path):
    paths = [view(f"{study}{name}", f"1.2.{study}") for name in "ab" for study in (1, 2, 3)]
    for number in (0, 1):
        run(tmp_path / "out", paths, share=(number, 2))
    found = reports(tmp_path / "out")
    assert list(found) == ["1a_cad.dcm", "2a_cad.dcm", "3a_cad.dcm"]
    assert [len(images_of(report)) for report in found.values()] == [2, 2, 2]


def test_shares_have_each_image_once_also_where_there_are_fewer_than_runs():
    shares = [share_of([0, 1, 2, 4], ["x", "y", "x", "z", "y"], number, 3) for number in range(3)]
    assert shares == [[0, 2], [1, 4], []]


def test_a_copy_of_an_image_has_a_report_of_its_own(view, tmp_path):
    paths = [view(name, SOPInstanceUID="1.2.3.4.5") for name in "ab"]
    run(tmp_path / "out", paths)
    assert [len(images_of(report)) for report in reports(tmp_path / "out").values()] == [1, 1]


def test_a_finding_names_the_finders_weights(view, tmp_path):
    run(tmp_path / "out", [view("a")], provenance=Provenance("1", "aaa"), finder=Provenance("1", "bbb"))
    versions = [item.TextValue for item in every(reports(tmp_path / "out")["a_cad.dcm"], VERSION)]
    assert any("weights bbb" in version for version in versions)
    assert any("weights aaa" in version for version in versions)
