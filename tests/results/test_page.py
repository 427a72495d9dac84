"""The page to look at: what it holds, and what it does in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from monai_rescunet import InputError
from monai_rescunet.results.overlay import draw_overlay
from monai_rescunet.results.page import save_thumbnail, write_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROWS = [
    {"image": "a/one.dcm", "mass": "0", "decision": "benign", "score": "0.2000", "label_map": "one_label.nii.gz"},
    {"image": "a/one.dcm", "mass": "1", "decision": "malignant", "score": "0.9100", "label_map": "one_label.nii.gz"},
    {"image": "b/two #1.png", "mass": "0", "decision": "malignant", "score": "0.7000", "label_map": "two #1_label.png"},
    {"image": "c/three.png", "mass": "0", "decision": "no finding", "score": "", "label_map": ""},
]


def overlay(number: int = 0, size: tuple[int, int] = (700, 900)) -> Image.Image:
    """Return a breast with a mass outlined in the colour of its class."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    breast = np.hypot(x / size[0], (y - size[1] / 2) / size[1] * 1.1) < 0.55
    noise = np.random.default_rng(number).normal(size=(size[0] // 10, size[1] // 10)).repeat(10, 0).repeat(10, 1)
    picture = breast * (900 + 60 * noise)
    label = np.zeros(size, dtype=np.uint8)
    place = np.hypot(x - 0.3 * size[0], y - (0.35 + 0.03 * (number % 9)) * size[1])
    label[place < 0.06 * size[0]] = 1 + number % 2
    picture[label > 0] += 500
    return draw_overlay(picture, label, [])


def write_table(folder: Path, rows: list[dict[str, str]] = ROWS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_table(tmp_path / "results")
    for number, stem in enumerate(("one", "two #1")):
        overlay(number).save(tmp_path / "results" / f"{stem}_overlay.png")
    return tmp_path / "results"


def data(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_every_image_stands_once_with_its_masses_and_pictures(folder):
    page = write_page(folder)
    assert page == folder / "index.html"
    one, two, three = data(page)["images"]
    assert [mass["decision"] for mass in one["masses"]] == ["benign", "malignant"]
    assert [mass["score"] for mass in one["masses"]] == [0.2, 0.91]
    assert (two["name"], two["thumbnail"], two["picture"]) == (
        "two #1.png", "thumbnails/two%20%231.jpg", "two%20%231_overlay.png",
    )  # fmt: skip
    assert (three["thumbnail"], three["picture"], three["masses"][0]["score"]) == (None, None, None)
    assert sorted(path.name for path in (folder / "thumbnails").iterdir()) == ["one.jpg", "two #1.jpg"]


def test_nothing_is_loaded_from_elsewhere_and_folders_stay_out(folder):
    html = write_page(folder).read_text()
    assert not re.search(r"https?://|//cdn|@import|src=", html.replace("src:", ""))
    assert "a/one.dcm" not in html and "one.dcm" in html


def test_markup_in_a_files_name_is_only_text(tmp_path):
    name = "</script><img src=x onerror=alert(1)>.png"
    html = write_page(write_table(tmp_path, [{"image": name, "decision": "benign"}])).read_text()
    assert "<img" not in html and html.count("</script>") == 2


@pytest.mark.parametrize("extra", [{}, {"found": "0.61", "unlike_training": "true", "area_mm2": "53.2", "dice": "nan"}])
def test_columns_that_are_missing_or_empty_are_left_out(tmp_path, extra):
    told = data(write_page(write_table(tmp_path, [{"image": "a.png", "decision": "benign", **extra}])))
    assert list(told["numbers"]) == (["found", "unlike_training", "area_mm2"] if extra else [])
    assert told["images"][0]["masses"][0].get("unlike_training") == (1.0 if extra else None)


def test_a_table_without_rows_has_a_page(tmp_path):
    (tmp_path / "results.csv").write_text("image,mass,decision,score\n")
    assert data(write_page(tmp_path))["images"] == []


@pytest.mark.parametrize("content", [None, "a,b\n1,2\n", ""])
def test_what_is_no_table_of_results_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "results.csv").write_text(content)
    with pytest.raises(InputError, match=r"results\.csv: .*inference"):
        write_page(tmp_path)


def test_a_picture_that_cannot_be_read_is_named(folder):
    (folder / "one_overlay.png").write_bytes(b"cut")
    with pytest.raises(InputError, match=r"one_overlay\.png: is no picture"):
        write_page(folder)


def test_thumbnails_are_small_marked_and_keep_the_outlines_colour(tmp_path):
    path = save_thumbnail(overlay(1, (2400, 3000)), tmp_path, "one")
    with Image.open(path) as image:
        assert max(image.size) == 480
        assert b"monai_rescunet result" in image.info["comment"]
        pixels = np.asarray(image).astype(int)
    orange = np.abs(pixels - (230, 97, 1)).sum(axis=2) < 120
    assert 100 < orange.sum() < 3000


def test_thumbnails_are_made_once_and_anew_with_their_overlay(folder):
    write_page(folder)
    thumbnail = folder / "thumbnails" / "one.jpg"
    before = thumbnail.stat().st_mtime_ns
    write_page(folder)
    assert thumbnail.stat().st_mtime_ns == before
    overlay(1).save(folder / "one_overlay.png")
    write_page(folder)
    assert thumbnail.stat().st_mtime_ns > before


ACTIONS = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const names = () => [...document.querySelectorAll("#grid .name")].map((name) => name.textContent);
addEventListener("load", async () => {
  const told = {};
  told.width = innerWidth;
  told.overflow = document.documentElement.scrollWidth - innerWidth;
  told.drawn = names().length;
  told.first = names()[0];
  told.lazy = [...document.querySelectorAll("#grid img")].every((image) => image.loading === "lazy");
  told.loaded = document.querySelector("#grid img").naturalWidth;
  scrollTo(0, 1e9);
  dispatchEvent(new Event("scroll"));  // a busy headless browser draws no frame, and so tells of no scrolling
  for (let turn = 0; turn < 40 && names().length <= told.drawn; turn++) await wait(100);
  told.scrolled = names().length;
  press("ArrowRight"); press("ArrowRight");
  told.focused = document.activeElement.dataset.index;
  document.activeElement.click(); await wait(20);
  told.opened = document.getElementById("viewer-name").textContent;
  press("ArrowRight");
  told.next = document.getElementById("viewer-place").textContent;
  press("ArrowLeft"); press("ArrowLeft");
  told.previous = document.getElementById("viewer-place").textContent;
  const box = document.getElementById("viewer").getBoundingClientRect();
  told.viewer = [box.left >= 0, box.right <= innerWidth, box.bottom <= innerHeight];
  document.getElementById("viewer").close();
  [...document.querySelectorAll(".chip")].find((chip) => chip.textContent.startsWith("benign")).click();
  told.filtered = document.getElementById("count").textContent;
  document.getElementById("low").value = "0.95";
  document.getElementById("low").dispatchEvent(new Event("input"));
  told.bounded = document.getElementById("count").textContent;
  document.getElementById("low").value = "0";
  document.getElementById("view").click();
  [...document.querySelectorAll("th button")].find((head) => head.textContent === "file").click();
  told.sorted = document.querySelector("#rows tr").textContent;
  told.tableOverflow = document.documentElement.scrollWidth - innerWidth;
  parent.postMessage(JSON.stringify(told), "*");
});
"""


def many(folder: Path, count: int) -> Path:
    """Write results of many images, every other one malignant, the last with the highest score."""
    rows = [
        {"image": f"image{number:05}.png", "mass": "0", "found": f"{number % 97 / 97:.4f}",
         "decision": ("benign", "malignant")[number % 2], "score": f"{(number + 1) / (count + 1):.4f}",
         "probability": f"{number / count:.4f}", "area_mm2": f"{10 + number % 300}.5"}
        for number in range(count)
    ]  # fmt: skip
    write_table(folder, rows)
    (folder / "thumbnails").mkdir()
    for number in range(2):
        overlay(number, (350, 450)).save(folder / f"first{number}.png")
        save_thumbnail(overlay(number, (350, 450)), folder, f"first{number}")
    for number in range(count):
        (folder / f"image{number:05}_overlay.png").hardlink_to(folder / f"first{number % 2}.png")
        (folder / "thumbnails" / f"image{number:05}.jpg").hardlink_to(folder / "thumbnails" / f"first{number % 2}.jpg")
    return folder


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium, which shows the page, is not installed")
@pytest.mark.parametrize("width", [390, 1400], ids=["phone", "desktop"])
def test_five_thousand_images_open_at_once_and_are_sorted_filtered_and_walked_through(tmp_path, width):
    page = write_page(many(tmp_path, 5000))
    acting = page.read_text().replace("</body>", f"<script>{ACTIONS}</script></body>")
    (tmp_path / "acting.html").write_text(acting)
    (tmp_path / "frame.html").write_text(
        f"<body style=margin:0><iframe src=acting.html width={width} height=800></iframe><pre id=told></pre>"
        "<script>onmessage = (event) => { document.getElementById('told').textContent = event.data; }</script>"
    )
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--window-size=1500,900",
         "--virtual-time-budget=20000",
         f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "frame.html").as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="told">(.+?)</pre>', done.stdout)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    told = json.loads(found[1])
    assert told["width"] == width
    assert told["overflow"] <= 0 and told["tableOverflow"] <= 0
    assert told["drawn"] == 60 < told["scrolled"] < 1000
    assert told["lazy"] and told["loaded"] > 300
    assert told["first"] == "image04999.png"
    assert (told["focused"], told["opened"]) == ("1", "image04998.png")
    assert (told["next"], told["previous"]) == ("3 of 5000", "1 of 5000")
    assert told["viewer"] == [True, True, True]
    assert told["filtered"] == "2500 of 5000 images, 2500 masses"
    assert told["bounded"] == "125 of 5000 images, 125 masses"
    assert "image00001.png" in told["sorted"]
