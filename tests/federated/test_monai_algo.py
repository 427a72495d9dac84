"""The bundle under MONAI's own federated client, and what averaging its clients' weights comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_runs import BUNDLE, TINY, WITHOUT_CHANCE
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems
from monai.fl.utils.exchange_object import ExchangeObject

from monai_rescunet.data import read_datalist, write_datalist
from monai_rescunet.networks import ResCUNet
from monai_rescunet.training.federated import network_weights

TRAIN = ["configs/train.yaml"]
EVALUATE = ["configs/train.yaml", "configs/evaluate.yaml"]
FEDERATED = "configs/federated.yaml"
SETTINGS = {"features": TINY, "roi_size": 64, "amp": False, "test_time_flips": False, "batch_size": 8, "fold": "none"}

pytestmark = pytest.mark.filterwarnings("ignore:executing the bundle config")


def client(data: Path, datalist: Path, out: Path, *overlays: str, **settings: Any) -> MonaiAlgo:
    """Return an initialised client of one local epoch a round, which sends its weights whole."""
    settings = SETTINGS | {"dataset_dir": str(data), "datalist": str(datalist)} | settings
    algo = MonaiAlgo(
        bundle_root=str(BUNDLE),
        send_weight_diff=False,
        config_train_filename=[*TRAIN, *overlays],
        train_kwargs={**settings, "output_dir": str(out)},
        config_evaluate_filename=[*EVALUATE, *overlays],
        eval_kwargs={**settings, "output_dir": str(out / "evaluation")},
    )
    algo.initialize({ExtraItems.CLIENT_NAME: out.name})
    return algo


def sent(algo: MonaiAlgo) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in algo.get_weights().weights.items()}


@pytest.mark.parametrize("overlays", [[], [FEDERATED]], ids=["train.yaml as it is", "federated.yaml"])
def test_a_client_trains_on_what_it_receives_and_judges_it(phantoms, tmp_path, overlays):
    algo = client(phantoms, phantoms / "datalist.json", tmp_path / "site", *overlays, fold=0, max_epochs=2)
    weights = sent(algo)
    for _ in range(2):
        received = ExchangeObject(weights=weights)
        metrics = algo.evaluate(received).metrics
        assert 0 <= metrics["val_mean_dice"] <= 1
        algo.train(received)
        answer = sent(algo)
        assert any(not torch.equal(answer[name], weights[name]) for name in weights)
        weights = answer
    algo.finalize()

    judged = json.loads((tmp_path / "site" / "evaluation" / "metrics.json").read_text())
    assert judged["segmentation"]["dice"] == pytest.approx(metrics["val_mean_dice"])
    ResCUNet(features=TINY).load_state_dict(network_weights(weights) if overlays else weights, strict=True)
    assert ("head.linear.weight" in weights) == bool(overlays)


def test_averaging_clients_of_different_size_and_classes_is_training_on_all_their_masses(phantoms, tmp_path):
    """Rounds of one step each, without chance or batch norm: the weighted mean of the steps is the step of the mean."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(WITHOUT_CHANCE)
    overlays = (FEDERATED, str(recipe))
    entries = json.loads((phantoms / "datalist.json").read_text())["training"]
    benign, malignant = ([entry for entry in entries if entry["class"] == name] for name in ("benign", "malignant"))
    shares = {"large": malignant + benign[:1], "small": benign[1:3], "all": malignant + benign[:3]}

    clients = {}
    for name, share in shares.items():
        write_datalist(tmp_path / f"{name}.json", share)
        assert len(read_datalist(tmp_path / f"{name}.json", phantoms)) == len(share)
        clients[name] = client(
            phantoms, tmp_path / f"{name}.json", tmp_path / name, *overlays, max_epochs=9, learning_rate=1.0
        )

    start = sent(clients["all"])
    common = pooled = start
    for _ in range(3):
        for name, algo in clients.items():
            algo.train(ExchangeObject(weights={k: v.clone() for k, v in (pooled if name == "all" else common).items()}))
        large, small, pooled = (sent(clients[name]) for name in ("large", "small", "all"))
        common = {name: (5 * large[name] + 2 * small[name]) / 7 for name in large}
    assert (len(shares["large"]), len(shares["small"])) == (5, 2)
    assert all(torch.allclose(common[name], pooled[name], atol=1e-6) for name in pooled)
    assert not all(torch.allclose(large[name], pooled[name], atol=1e-4) for name in pooled)
    assert not all(torch.allclose(start[name], pooled[name], atol=1e-2) for name in pooled)
