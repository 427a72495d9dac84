"""Training on labels saved through the server: it makes worse weights better, and never better ones worse."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from label_phantoms import box_of
from label_server import LabelServer, dice, free_port, image_of, label_app
from PIL import Image

from monai_rescunet.core.files import png_bytes
from monai_rescunet.data import make_phantoms
from monai_rescunet.label import MODEL_NAME

COUNT = 12
TRAIN = {"max_epochs": 6, "val_split": 0.4, "learning_rate": 1e-3, "batch_size": 4}


@pytest.fixture(scope="module")
def phantom_folder(tmp_path_factory) -> Path:
    """Small phantoms, `images/phantom_NNN.png`, and their masks."""
    folder = tmp_path_factory.mktemp("training")
    make_phantoms(folder, count=COUNT, size=(240, 220), seed=5)
    return folder


@pytest.fixture(scope="module")
def own_server(phantom_folder, tmp_path_factory) -> Iterator[LabelServer]:
    """A server whose weights may change."""
    folder = tmp_path_factory.mktemp("train_server")
    server = LabelServer(label_app(folder / "app", phantom_folder / "images", free_port()), folder / "server.log")
    yield server
    server.stop()


def weights_of(server: LabelServer) -> Path:
    return server.app / "model" / MODEL_NAME / "models" / "model.pt"


def mask_of(folder: Path, number: int) -> np.ndarray:
    return np.asarray(Image.open(folder / "masks" / f"phantom_{number:03d}.png")) > 0


def save_label(server: LabelServer, number: int, label: np.ndarray) -> requests.Response:
    content = png_bytes(Image.fromarray(label))
    return requests.put(
        f"{server.url}/datastore/label",
        params={"image": f"phantom_{number:03d}", "tag": "final"},
        files={"label": ("label.png", content)},
        timeout=60,
    )


def train(server: LabelServer, **options) -> requests.Response:
    return requests.post(
        f"{server.url}/train/{MODEL_NAME}", params={"run_sync": True}, json={**TRAIN, **options}, timeout=300
    )


def train_in_background(server: LabelServer, **options) -> dict:
    """Return how a training in the background ended."""
    assert requests.post(f"{server.url}/train/{MODEL_NAME}", json={**TRAIN, **options}, timeout=60).ok
    for _ in range(600):
        task = server.get("/train/")
        if task["status"] in ("DONE", "ERROR"):
            return task
        time.sleep(0.5)
    raise TimeoutError(task)


def test_too_few_labels_are_told(own_server, phantom_folder):
    for number in range(3):
        label = mask_of(phantom_folder, number).astype(np.uint8)
        label[0, 0] = label[-1, 5] = 2  # stray pixels, which are no masses
        save_label(own_server, number, label)
    answer = train(own_server)
    assert answer.status_code == 400
    assert str(phantom_folder) not in answer.text
    assert (
        "3 labelled images with val_split 0.4 leave 2 masses to train on and 1 to judge by" in answer.json()["detail"]
    )
    task = train_in_background(own_server)
    assert task["status"] == "ERROR"
    assert "leave 2 masses to train on" in task["details"][-1]


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        (np.full((220, 240), 7, dtype=np.uint8), "values from 7 to 7"),
        (np.ones((240, 220), dtype=np.uint8), "those of phantom_000.png"),
    ],
    ids=["values", "size"],
)
def test_a_label_map_that_is_none_is_told(own_server, phantom_folder, label, complaint):
    save_label(own_server, 0, label)
    answer = train(own_server)
    save_label(own_server, 0, mask_of(phantom_folder, 0).astype(np.uint8))
    assert answer.status_code == 400
    assert complaint in answer.json()["detail"]


@pytest.mark.parametrize(
    ("option", "value"), [("max_epochs", 0), ("max_epochs", 1.5), ("val_split", 1), ("batch_size", "x")]
)
def test_an_option_out_of_range_is_refused(own_server, option, value):
    answer = train(own_server, **{option: value})
    assert answer.status_code == 400
    assert option in answer.json()["detail"]


def test_training_replaces_worse_weights_by_better_and_never_the_other_way(own_server, phantom_folder):
    labels = phantom_folder / "labels.csv"
    names = labels.read_text().splitlines()[1:]
    for number, row in enumerate(names):
        value = 2 if "malignant" in row else 1
        assert save_label(own_server, number, mask_of(phantom_folder, number).astype(np.uint8) * value).ok

    spoiled = torch.load(weights_of(own_server), weights_only=True)
    torch.manual_seed(0)
    for name, tensor in spoiled.items():
        if name.endswith("weight") and tensor.ndim == 4:
            tensor.add_(torch.randn_like(tensor), alpha=0.6 * tensor.std().item())
    torch.save(spoiled, weights_of(own_server))
    before = weights_of(own_server).read_bytes()
    task = train_in_background(own_server)
    assert task["status"] == "DONE", task["details"]
    assert weights_of(own_server).read_bytes() != before, task["details"]
    result = next(json.loads(line.split("Result: ")[1]) for line in task["details"] if "Result: " in line)
    assert result["promoted"]
    assert result["after"]["dice"] > result["before"]["dice"] + 0.05

    mask = mask_of(phantom_folder, 3)
    _, label = own_server.infer("phantom_003", box=box_of(mask))
    assert dice(label, mask) > 0.7, "the new weights are served"

    better = weights_of(own_server).read_bytes()
    result = train(own_server, learning_rate=0.05, max_epochs=1).json()
    assert not result["promoted"]
    assert result["after"]["dice"] <= result["before"]["dice"]
    answer = train(own_server, learning_rate=1, max_epochs=1)
    if answer.ok:  # whether the weights end as numbers is up to the machine's rounding
        assert not answer.json()["promoted"]
    else:
        assert answer.status_code == 400
        assert "diverged" in answer.json()["detail"]
    assert weights_of(own_server).read_bytes() == better


def test_a_saved_label_comes_back_as_it_was(own_server, phantom_folder):
    mask = mask_of(phantom_folder, 1)
    assert save_label(own_server, 1, mask.astype(np.uint8)).ok
    file = requests.get(f"{own_server.url}/datastore/label?label=phantom_001&tag=final", timeout=60)
    assert dice(image_of(file.content, "label.png"), mask) == 1
