"""A second call of `predict` builds nothing, and no call changes its caller's random state."""

from __future__ import annotations

import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from monai_rescunet import InputError, predict
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.handlers import fold_batch_norms
from monai_rescunet.inference import warm
from monai_rescunet.training import inferers

GREY = np.random.default_rng(0).integers(0, 255, (90, 80)).astype(np.uint8)
BOX = [10, 20, 60, 70]
EXAMPLES = Path(__file__).parents[2] / "examples" / "mammograms"
KNOWN = {
    "01405_RIGHT_CC.jpg": [305, 276, 368, 321],
    "00064_RIGHT_MLO.jpg": [329, 251, 425, 337],
    "01112_LEFT_CC.jpg": [139, 252, 195, 309],
}


@pytest.fixture(autouse=True)
def built(monkeypatch) -> list[Path]:
    """Nothing is warm, and each workflow that is built is noted."""
    monkeypatch.setattr(warm, "_kept", type(warm._kept)())
    roots, build = [], warm.WarmWorkflow.__init__
    monkeypatch.setattr(
        warm.WarmWorkflow, "__init__", lambda self, root, settings: (roots.append(root), build(self, root, settings))[1]
    )
    return roots


def told(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "mask"} for row in rows]


def test_the_same_settings_are_built_once_and_answer_alike(write_png, built, tmp_path):
    one, other = write_png(GREY, "one.png"), write_png(GREY[::-1].copy(), "other.png")
    first = predict(one, box=BOX)
    between = predict([other, one], box=[BOX, [5, 5, 40, 40]], out=tmp_path / "out")
    again = predict(one, box=BOX)
    assert len(built) == 1
    assert told(again) == told(first)
    assert len(between) == 4
    assert np.array_equal(again[0]["mask"], first[0]["mask"])
    predict(one, box=BOX, kappa=0.5)
    assert len(built) == 2


def test_neither_weights_nor_config_are_read_again(write_png, monkeypatch):
    image = write_png(GREY)
    first = predict(image, box=BOX, kappa=0.5)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("weights are read again"))
    monkeypatch.setattr(ConfigParser, "load_config_file", lambda *_: pytest.fail("the config is read again"))
    assert told(predict(image, box=BOX, kappa=0.5)) == told(first)


def test_other_weights_in_the_same_file_are_loaded(write_png, built, tmp_path):
    weights = shutil.copy(bundle_root() / "models" / "model.pt", tmp_path / "model.pt")
    image = write_png(GREY)
    before = predict(image, box=BOX, checkpoint=weights)
    state = torch.load(weights, weights_only=True)
    torch.save({name: value * 0.5 if "weight" in name else value for name, value in state.items()}, weights)
    after = predict(image, box=BOX, checkpoint=weights)
    assert len(built) == 2
    assert told(after) != told(before)


def test_a_measure_that_was_taken_away_is_gone(write_png, built, tmp_path):
    weights, image = tmp_path / "model.pt", write_png(GREY)
    for name in ("model.pt", "model_unlike.npz"):
        shutil.copy(bundle_root() / "models" / name, tmp_path / name)
    assert predict(image, box=BOX, checkpoint=weights)[0]["unlike_training"] is not None
    (tmp_path / "model_unlike.npz").unlink()
    assert predict(image, box=BOX, checkpoint=weights)[0]["unlike_training"] is None
    assert len(built) == 2


def test_another_finder_in_the_same_file_is_loaded(write_png, built, tmp_path):
    for part in ("configs", "models"):
        shutil.copytree(bundle_root() / part, tmp_path / part)
    finder = tmp_path / "models" / "finder.pt"
    y, x = np.mgrid[:300, :200]
    breast = np.clip(1 - np.hypot(x / 180, (y - 150) / 140), 0, 1) * 200 + 20 * (np.hypot(x - 60, y - 150) < 20)
    image = write_png(breast.astype(np.uint8))
    (before,) = predict(image, bundle=tmp_path, find_threshold=1.0)
    state = torch.load(finder, weights_only=True)
    torch.save({name: value * 0 if "weight" in name else value for name, value in state.items()}, finder)
    (after,) = predict(image, bundle=tmp_path, find_threshold=1.0)
    assert len(built) == 2
    assert before["found"] != after["found"]


def test_a_measure_of_other_modules_says_nothing(write_png):
    assert predict(write_png(GREY), box=BOX, watched=["encoder.0"])[0]["unlike_training"] is None


def test_the_callers_random_state_and_flags_stay(write_png):
    image = write_png(GREY)

    def state():
        flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate(), flags

    before = state()
    predict(image, box=BOX)
    predict(image, box=BOX)
    assert state() == before


def test_threads_that_ask_at_the_same_time_get_their_own_answers(write_png, built):
    images = [write_png(np.roll(GREY, 9 * n, axis=0), f"{n}.png") for n in range(4)]
    expected = [predict(image, box=BOX)[0]["score"] for image in images]
    found: dict[int, float] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: predict(images[n], box=BOX)[0]["score"]}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(4)] == expected
    assert len(built) == 1


def test_after_an_error_that_ended_a_run_the_next_one_runs(write_png, tmp_path):
    """Ignite's engine would do nothing, and say nothing, if it were run again."""
    image, bad = write_png(GREY), tmp_path / "bad.png"
    bad.touch()
    for _ in range(2):
        with pytest.raises(InputError, match="it is empty"):
            predict(bad, box=BOX, strict=True)
    assert len(predict(image, box=BOX, strict=True)) == 1


def test_a_call_that_waited_for_one_that_failed_has_its_answer(write_png, built):
    image, broken = write_png(GREY, "a.png"), write_png(GREY, "b.png")
    broken.write_bytes(broken.read_bytes()[:200])
    before = told(predict(image, box=BOX, strict=True))
    (workflow,) = warm._kept.values()
    answers: list[list[dict]] = []
    with ThreadPoolExecutor(2) as threads:
        with workflow.lock:
            failing = threads.submit(predict, broken, box=BOX, strict=True)
            time.sleep(0.5)
            waiting = threads.submit(lambda: answers.append(told(predict(image, box=BOX, strict=True))))
            time.sleep(0.5)
        with pytest.raises(InputError):
            failing.result()
        waiting.result()
    assert answers == [before]


def test_the_shipped_weights_answer_as_their_batch_norms_and_flips_one_by_one_do(monkeypatch):
    """Folded batch norms and flips in one batch are a matter of time alone."""

    def judged() -> list[dict]:
        monkeypatch.setattr(warm, "_kept", type(warm._kept)())
        first, (x_min, y_min, x_max, y_max) = next(iter(KNOWN.items()))
        boxes = [[x_min + by, y_min - by, x_max + by, y_max] for by in (0, 10, 20)]
        each = [mass for name, box in KNOWN.items() for mass in predict(EXAMPLES / name, box=box)]
        return each + predict(EXAMPLES / first, box=boxes)

    fast = judged()
    monkeypatch.setattr(fold_batch_norms, "fold_batch_norms", lambda network: network)
    monkeypatch.setattr(inferers, "TOGETHER", 0)
    for quick, slow in zip(fast, judged(), strict=True):
        assert quick["decision"] == slow["decision"]
        assert quick["score"] == pytest.approx(slow["score"], abs=0.004)  # a grey level
        assert quick["unlike_training"] == pytest.approx(slow["unlike_training"], abs=0.005)  # two masses of training
        assert (quick["mask"] != slow["mask"]).sum() <= 0.001 * slow["mask"].sum()


def test_each_image_of_a_run_is_as_unlike_the_training_as_by_itself(monkeypatch):
    images = [EXAMPLES / name for name in KNOWN]
    box = [120, 200, 280, 360]  # in each of them some of the breast
    together = [mass["unlike_training"] for mass in predict(images, box=box)]
    by_itself = []
    for image in images:
        monkeypatch.setattr(warm, "_kept", type(warm._kept)())
        by_itself.append(predict(image, box=box)[0]["unlike_training"])
    assert together == by_itself
    assert len(set(by_itself)) > 1
