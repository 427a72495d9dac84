"""Tables, figures and the page from finished runs."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_results import MASSES, make_results
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.experiments.figures import FORMATS
from monai_rescunet.experiments.finished import read_results
from monai_rescunet.experiments.otsu_modes import compare_otsu_modes
from monai_rescunet.experiments.report import write_report
from monai_rescunet.experiments.tables import make_tables, markdown

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """A page's elements, with a check that they are nested properly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_results(tmp_path_factory.mktemp("experiment") / "out")


@pytest.fixture(scope="module")
def out(folder) -> Path:
    write_report(folder, folder / "report")
    return folder / "report"


@pytest.fixture(scope="module")
def page(out) -> Page:
    return Page((out / "report.html").read_text())


def test_tables_and_figures_come_in_every_format(out):
    tables = {"table1", "table2", "table3", "table4", "comparisons"}
    suffixes = ("md", "csv", "tex")
    assert {path.name for path in (out / "tables").iterdir()} == {f"{t}.{s}" for t in tables for s in suffixes}
    figures = {"roc", "panel", "histogram", "calibration", "otsu_modes", "learning_curves"}
    assert {path.name for path in (out / "figures").iterdir()} == {f"{f}.{s}" for f in figures for s in FORMATS}
    for path in (out / "figures").glob("*.png"):
        assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_table_1_is_the_mean_over_folds_of_the_mean_over_masses(folder, out):
    table = pd.read_csv(out / "tables" / "table1.csv").set_index(["network", "supervision", "figure"])
    assert len(table) == 2 * 2 * 6
    assert set(table.masses) == {MASSES}
    folds = [pd.read_csv(path / "per_image.csv").dice.mean() for path in folder.glob("U-Net_mixed_fold*")]
    row = table.loc[("U-Net", "mixed", "dice")]
    assert (row["mean"], row["sd"]) == pytest.approx((np.mean(folds), np.std(folds, ddof=1)))
    assert row.low < row["mean"] < row.high


def test_reported_figures_stand_apart_and_only_where_they_are_known(out):
    table = pd.read_csv(out / "tables" / "table1.csv")
    column = "reported on INbreast"
    assert table[table.network == "U-Net"][column].isna().all()
    ours = table[(table.network == "ResCU-Net") & (table.figure == "dice")].set_index("supervision")[column]
    assert ours.to_dict() == {"binary": 0.905, "mixed": 0.9178}
    reported = pd.read_csv(out / "tables" / "table4.csv").set_index("figure")[column]
    assert reported.to_dict() == {"accuracy": 0.9412, "auc": 0.9616}
    assert pd.read_csv(out / "tables" / "table2.csv")[column].notna().sum() == 2


def test_latex_has_no_bare_per_cent_sign(out):
    for path in (out / "tables").glob("*.tex"):
        assert "%" not in path.read_text().replace(r"\%", "")


def test_markdown_has_a_row_a_configuration(out):
    text = markdown(pd.DataFrame({"a": [1], "b": ["x"]}))
    assert text == "| a | b |\n| --- | --- |\n| 1 | x |\n"
    assert (out / "tables" / "table1.md").read_text().count("\n|") == 2 + 4


def test_the_page_needs_nothing_else(page):
    sources = [image["src"] for image in page.all("img")]
    assert all(source.startswith("data:image/") for source in sources)
    assert len(sources) == 6 + MASSES
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))


def test_every_picture_has_a_text_and_every_link_a_target(page):
    assert all(image["alt"] for image in page.all("img"))
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert all(link["href"].removeprefix("#") in ids for link in page.all("a"))


def test_the_gallery_shows_every_mass_the_worst_first(page):
    dice = [float(entry["data-dice"]) for entry in page.all("li") if "data-dice" in entry]
    assert len(dice) == MASSES
    assert dice == sorted(dice)


def test_the_page_names_no_case_and_no_folder(page, folder):
    cases = set(read_results(folder).masses.case)
    assert not any(f"{case} " in page.text or f">{case}<" in page.text for case in cases)
    assert str(folder) not in page.text


def test_the_page_says_what_was_changed_and_what_is_missing(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("report"))
    (copy / "U-Net_mixed_fold2" / "finished.json").unlink()
    (copy / "U-Net_mixed_fold2" / "lock").touch()
    text = Page(write_report(copy, copy / "report").read_text()).text
    assert "Unfinished and not in here: U-Net_mixed_fold2" in text
    assert "changed for this experiment: max_epochs" in text


def test_without_runs_there_is_no_report(tmp_path):
    with pytest.raises(InputError, match="has no finished run"):
        write_report(tmp_path, tmp_path / "report")


def test_names_of_cases_and_images_are_read_as_they_stand(tmp_path):
    folder = make_results(tmp_path / "out", {"SegNet": 0.8}, ["binary"])
    path = folder / "SegNet_binary_fold0" / "per_image.csv"
    table = pd.read_csv(path, dtype=str)
    cases = ["NA", "0012", "12", "", *table.case[4:]]
    table.assign(case=cases, image=[f"{index:03}" for index in range(len(table))]).to_csv(path, index=False)
    read = read_results(folder).masses.query("fold == 0")
    assert read.case.tolist() == ["NA", "0012", "12", "003", *cases[4:]]
    assert read.image.tolist()[:2] == ["000", "001"]


def test_masses_that_cannot_be_told_apart_are_refused(tmp_path):
    folder = make_results(tmp_path / "out", {"SegNet": 0.8}, ["binary"])
    path = folder / "SegNet_binary_fold1" / "per_image.csv"
    pd.read_csv(path).assign(image="a.png").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"fold1.per_image\.csv: has two masses of one number in an image"):
        read_results(folder)


def test_binary_supervision_alone_has_segmentation_only(tmp_path):
    folder = make_results(tmp_path / "out", {"SegNet": 0.8}, ["binary"])
    assert [table.name for table in make_tables(read_results(folder))] == ["table1"]
    write_report(folder, folder / "report")
    assert {path.stem for path in (folder / "report" / "figures").iterdir()} == {"learning_curves"}


def test_modes_of_otsu_are_compared_on_the_maps_of_the_table(folder):
    results = read_results(folder)
    modes = compare_otsu_modes(results, ["ResCU-Net"])
    assert len(modes) == 3 * 3
    of_fold = results.of("ResCU-Net", "mixed").query("fold == 1")
    expected = (of_fold["class"] == of_fold.decision).mean()
    found = modes.query("mode == 'anchored' and fold == 1").accuracy.item()
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_renders_in_chromium(out, tmp_path, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("neither chromium nor google-chrome is installed")
    shot = tmp_path / "page.png"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},1600", f"--screenshot={shot}",
         f"file://{out / 'report.html'}"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    picture = np.asarray(Image.open(shot).convert("L"))
    assert picture.shape == (1600, width)
    assert picture.std() > 10
