"""What lies in the folder of results already: other files, earlier runs, other runs at work."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from saved_masses import A_MASS, GREY, NO_LESION, loaded, save, table

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.datalists.lenient import ImageOfMasses
from monai_rescunet.handlers import SaveMassResults


def test_the_table_holds_what_is_finished_when_a_run_is_cut_off(tmp_path, write_png):
    handler = SaveMassResults(tmp_path / "out", strict=True)
    paths = [write_png(GREY, name) for name in ("a.png", "b.png", "c.png")]
    handler.select([{"image": str(path)} for path in paths])
    for path in paths[:2]:
        state = SimpleNamespace(batch=ImageOfMasses(loaded(path), [A_MASS[0]]), output=[A_MASS[1]])
        handler._update(SimpleNamespace(state=state))
        assert [Path(name).name for name in table(tmp_path / "out").image][-1] == path.name
    handler.close()


def test_a_file_that_is_no_result_is_not_written_over(tmp_path, write_png):
    images = [(write_png(GREY, name), A_MASS) for name in ("w.png", "x.png")]
    annotation = write_png(GREY, "x_label.png")
    before = annotation.read_bytes()
    with pytest.raises(InputError, match=r"has x_label\.png, which is no result of inference; choose another"):
        save(tmp_path, *images)
    assert annotation.read_bytes() == before
    assert not (tmp_path / "w_label.png").exists(), "it is found out before hours of work"


def test_a_users_own_table_is_not_written_to(tmp_path, write_png):
    own = "image,score\nx.png,3\n"
    (tmp_path / "results.csv").write_text(own)
    with pytest.raises(InputError, match=r"results\.csv: is there already and is no table of results"):
        save(tmp_path, (write_png(GREY), A_MASS))
    assert (tmp_path / "results.csv").read_text() == own


@pytest.mark.parametrize("name", ["index.html", "thumbnails/x.jpg", "results_settings.json"])
def test_a_page_a_picture_or_settings_of_somebody_else_are_not_written_over(name, tmp_path, write_png):
    own = tmp_path / "out" / name
    own.parent.mkdir(parents=True)
    own.write_text('{"mine": 1}')
    with pytest.raises(InputError, match=f"has {name}, which is no result of inference"):
        save(tmp_path / "out", (write_png(GREY, "x.png"), A_MASS), settings={"kappa": 0.3})
    assert own.read_text() == '{"mine": 1}'


def test_a_folder_of_results_may_be_written_to_again(tmp_path, write_png):
    for _ in range(2):
        save(tmp_path / "out", (write_png(GREY, "x.png"), A_MASS), settings={"kappa": 0.3})
    assert (tmp_path / "out" / "index.html").is_file()


def test_runs_into_one_folder_share_a_table_in_which_an_image_judged_anew_is_replaced(tmp_path, write_png):
    a, b, c = (write_png(GREY, name) for name in ("a.png", "b.png", "c.png"))
    out = tmp_path / "out"
    save(out, (a, A_MASS, A_MASS), (b, A_MASS), dataset_dir=tmp_path)
    save(out, (c, NO_LESION), dataset_dir=tmp_path)
    save(out, (a, NO_LESION), dataset_dir=tmp_path)
    rows = table(out)
    assert list(zip(rows.image, rows.decision, strict=True)) == [
        ("b.png", "malignant"),
        ("c.png", "no lesion"),
        ("a.png", "no lesion"),
    ]
    assert np.asarray(Image.open(out / "a_label.png")).max() == 0


def test_rows_of_other_settings_are_not_put_beside_each_other(tmp_path, write_png):
    a, b = write_png(GREY, "a.png"), write_png(GREY, "b.png")
    save(tmp_path / "out", (a, A_MASS), settings={"otsu_mode": "anchored", "overlay": True})
    with pytest.raises(InputError, match=r"other settings \(otsu_mode is paper, there anchored\)"):
        save(tmp_path / "out", (b, A_MASS), settings={"otsu_mode": "paper", "overlay": True})
    save(tmp_path / "out", (b, A_MASS), settings={"otsu_mode": "anchored", "overlay": False}, overlay=False)
    save(tmp_path / "out", *((path, A_MASS) for path in (a, b)), settings={"otsu_mode": "paper"})
    assert len(table(tmp_path / "out")) == 2


def test_resuming_leaves_out_what_is_done_and_does_what_is_not(tmp_path, write_png):
    paths = [write_png(GREY, name) for name in ("a.png", "b.png", "c.png")]
    out, settings = tmp_path / "out", {"kappa": 0.3}
    save(out, *((path, A_MASS) for path in paths), settings=settings)
    lines = (out / "results.csv").read_bytes().splitlines(keepends=True)
    (out / "results.csv").write_bytes(b"".join(lines[:3]) + lines[3][:20])  # killed while the third row was written
    handler = save(out, *((path, NO_LESION) for path in paths), settings=settings, resume=True)
    assert table(out).decision.tolist() == ["malignant", "malignant", "no lesion"]
    assert handler.written == 1
    again = save(out, *((path, NO_LESION) for path in paths), settings=settings, resume=True)
    assert again.written == 0
    with pytest.raises(InputError, match=r"other settings \(kappa is 0\.5, there 0\.3\)"):
        save(out, *((path, A_MASS) for path in paths), settings={"kappa": 0.5}, resume=True)


def test_resuming_judges_anew_what_is_asked_otherwise(tmp_path, write_png):
    """Or the class of one box would be told of another."""
    paths = {name: write_png(GREY, f"{name}.png") for name in ("box", "file", "looked", "same")}
    folder = tmp_path / "out"

    first = SaveMassResults(folder, dataset_dir=tmp_path)
    entries = [{"image": str(path), "masses": [{"mass": 0, "box": [1, 2, 30, 40]}]} for path in paths.values()]
    first.select(entries)
    for path in paths.values():
        state = SimpleNamespace(batch=ImageOfMasses(loaded(path), [{"mass": 0, **A_MASS[0]}]), output=[A_MASS[1]])
        first._update(SimpleNamespace(state=state))
    first._complete(SimpleNamespace())
    assert len(table(folder)) == 4

    Image.fromarray(255 - GREY).save(paths["file"])
    again = SaveMassResults(folder, dataset_dir=tmp_path, resume=True)
    entries[0]["masses"] = [{"mass": 0, "box": [1, 2, 30, 41]}]
    del entries[2]["masses"]
    assert [Path(entries[index]["image"]).stem for index in again.select(entries)] == ["box", "file", "looked"]
    again.close()
    assert table(folder).image.tolist() == ["same.png"]


def test_an_image_of_the_same_name_from_another_folder_is_not_written_over(tmp_path, write_png):
    one, other = write_png(GREY, "one/a.png"), write_png(GREY, "other/a.png")
    save(tmp_path / "out", (one, A_MASS), dataset_dir=one.parent)
    for resume in (False, True):
        with pytest.raises(InputError, match=r"has a_label\.png of another image already"):
            save(tmp_path / "out", (other, NO_LESION), dataset_dir=other.parent, resume=resume)


def test_several_runs_share_the_images_and_the_next_one_has_one_table_of_them(tmp_path, write_png):
    images = [(write_png(GREY, f"{name}.png"), A_MASS) for name in "abcde"]
    save(tmp_path / "one", *images, dataset_dir=tmp_path)
    for number in (1, 0):
        save(tmp_path / "two", *images, dataset_dir=tmp_path, share=(number, 2))
    assert not (tmp_path / "two" / "results.csv").exists()
    handler = save(tmp_path / "two", *images, dataset_dir=tmp_path, resume=True)
    assert handler.written == 0
    assert (tmp_path / "two" / "results.csv").read_text() == (tmp_path / "one" / "results.csv").read_text()
    assert {path.name for path in (tmp_path / "one").iterdir()} == {path.name for path in (tmp_path / "two").iterdir()}


def test_runs_that_begin_after_others_have_all_images_between_them(tmp_path, write_png):
    images = [(write_png(GREY, f"{name}.png"), A_MASS) for name in "abcd"]
    done = [save(tmp_path / "out", *images, dataset_dir=tmp_path, share=(n, 2), resume=True).written for n in (0, 1)]
    assert done == [2, 2]


@pytest.mark.parametrize("name", ["results.part_list.csv", "results.part0of9.csv"])
def test_a_table_that_is_only_called_as_a_part_stays(name, tmp_path, write_png):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("image,mass,label_map,asked\nmine.png,1,,\n")
    save(tmp_path / "out", (write_png(GREY, "a.png"), A_MASS), dataset_dir=tmp_path)
    assert (tmp_path / "out" / name).is_file()
    assert table(tmp_path / "out").image.tolist() == ["a.png"]


def test_of_an_image_that_a_part_has_twice_the_last_rows_count(tmp_path, write_png):
    image = write_png(GREY, "a.png")
    out = tmp_path / "out"
    save(out, (image, A_MASS, A_MASS), dataset_dir=tmp_path, share=(0, 2))
    Image.fromarray(255 - GREY).save(image)
    save(out, (image, NO_LESION), dataset_dir=tmp_path, share=(0, 2), resume=True)
    save(out, dataset_dir=tmp_path)
    assert table(out).decision.tolist() == ["no lesion"]


def test_another_run_into_the_folder_at_the_same_time_is_refused(tmp_path, write_png):
    first = SaveMassResults(tmp_path / "out")
    entries = [{"image": str(write_png(GREY))}]
    first.select(entries)
    with pytest.raises(InputError, match="another run writes into it"):
        SaveMassResults(tmp_path / "out").select(entries)
    first.close()
    SaveMassResults(tmp_path / "out").select(entries)


def test_runs_that_share_the_images_have_the_same_settings(tmp_path, write_png):
    """Or the next run takes the rows of one for those of another."""
    images = [(write_png(GREY, f"{name}.png"), A_MASS) for name in "ab"]
    save(tmp_path / "out", *images, dataset_dir=tmp_path, share=(0, 2), settings={"kappa": 0.3, "overlay": True})
    with pytest.raises(InputError, match=r"other settings \(kappa is 0\.5, there 0\.3\)"):
        save(tmp_path / "out", *images, dataset_dir=tmp_path, share=(1, 2), settings={"kappa": 0.5, "overlay": True})
    save(tmp_path / "out", *images, dataset_dir=tmp_path, share=(1, 2), settings={"kappa": 0.3, "overlay": False})


def test_parts_are_not_put_together_while_one_is_written(tmp_path, write_png):
    """Or the rows that come after are lost."""
    paths = [write_png(GREY, f"{name}.png") for name in "abc"]
    entries, out = [{"image": str(path)} for path in paths], tmp_path / "out"
    sharing = SaveMassResults(out, dataset_dir=tmp_path, share=(0, 2))
    chosen = sharing.select(entries)
    for whole in (SaveMassResults(out, dataset_dir=tmp_path), SaveMassResults(out, dataset_dir=tmp_path, share=(0, 2))):
        with pytest.raises(InputError, match="another run writes into it"):
            whole.select(entries)
    other = SaveMassResults(out, dataset_dir=tmp_path, share=(1, 2))
    other.select(entries)
    other.close()
    for path in (paths[index] for index in chosen):
        state = SimpleNamespace(batch=ImageOfMasses(loaded(path), [A_MASS[0]]), output=[A_MASS[1]])
        sharing._update(SimpleNamespace(state=state))
    sharing._complete(SimpleNamespace())
    save(out, dataset_dir=tmp_path)
    assert table(out).image.tolist() == ["a.png", "c.png"]


def test_resuming_judges_an_image_anew_of_which_a_found_mass_had_no_answer(tmp_path, write_png):
    path, out = write_png(GREY, "a.png"), tmp_path / "out"
    handler = SaveMassResults(out, dataset_dir=tmp_path)
    handler.select([{"image": str(path)}])  # the finder looks, so that nobody says how many masses there are
    masses = [{"mass": number, **A_MASS[0]} for number in range(2)]
    state = SimpleNamespace(batch=ImageOfMasses(loaded(path), masses), output=[A_MASS[1], {"error": OSError("gone")}])
    handler._update(SimpleNamespace(state=state))
    handler._complete(SimpleNamespace())
    assert len(table(out)) == 1
    again = SaveMassResults(out, dataset_dir=tmp_path, resume=True)
    assert again.select([{"image": str(path)}]) == [0]
    again.close()


def test_a_file_name_that_is_no_utf8_is_kept(tmp_path, write_png):
    path = write_png(GREY, "a.png").rename(tmp_path / os.fsdecode(b"Gr\xf6sse.png"))
    for _ in range(2):
        save(tmp_path / "out", (path, A_MASS), dataset_dir=tmp_path)
    save(tmp_path / "out", (path, A_MASS), dataset_dir=tmp_path, share=(0, 2), resume=True)
    rows = (tmp_path / "out" / "results.csv").read_bytes().splitlines()
    assert len(rows) == 2
    assert rows[1].startswith(b"Gr\xf6sse.png,")
    assert "Gr" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_part_that_was_cut_off_goes_on_after_its_last_whole_row(tmp_path, write_png):
    images = [(write_png(GREY, f"{name}.png"), A_MASS) for name in "ab"]
    share = {"dataset_dir": tmp_path, "share": (0, 1), "resume": True}
    save(tmp_path / "out", *images, **share)
    (part,) = (tmp_path / "out").glob("results*.csv")
    part.write_bytes(part.read_bytes()[:-20])
    save(tmp_path / "out", *images, **share)
    save(tmp_path / "out", dataset_dir=tmp_path)
    assert table(tmp_path / "out").image.tolist() == ["a.png", "b.png"]


def test_what_an_earlier_run_left_of_an_image_that_fails_now_is_taken_away(tmp_path, write_png):
    """Or it lies beside the results of other settings."""
    image, out = write_png(GREY, "a.png"), tmp_path / "out"
    save(out, (image, A_MASS), dataset_dir=tmp_path)
    assert (out / "a_label.png").is_file()
    save(out, (image, (A_MASS[0], {"error": OSError("gone")})), dataset_dir=tmp_path)
    assert table(out).empty
    assert not list(out.glob("a_*"))


def test_what_was_left_out_of_found_masses_is_counted_beside_what_was_judged(tmp_path, write_png):
    paths = [write_png(GREY, f"{name}.png") for name in "ab"]
    handler = SaveMassResults(tmp_path / "out", dataset_dir=tmp_path)
    handler.select([{"image": str(path)} for path in paths])
    gone = {"error": OSError("gone")}
    for path, answers in zip(paths, ([A_MASS[1]], [gone, gone]), strict=True):
        masses = [{"mass": number, **A_MASS[0]} for number in range(len(answers))]
        handler._update(
            SimpleNamespace(state=SimpleNamespace(batch=ImageOfMasses(loaded(path), masses), output=answers))
        )
    handler._complete(SimpleNamespace())
    with pytest.raises(InputError, match="2 of 3 masses were left out and the results are those of the others"):
        handler.check()
