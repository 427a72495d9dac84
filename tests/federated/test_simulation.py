"""A federated training of three hospitals in NVFlare's simulator, as examples/federated runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from bundle_runs import BUNDLE, TINY, environment, run_bundle

from monai_rescunet.data import make_phantoms, prepare_folder, write_datalist
from monai_rescunet.networks import ResCUNet

pytest.importorskip(
    "nvflare", reason="nvflare is not installed: `make federated-test` runs this in its own environment"
)

SIMULATE = BUNDLE.parent / "examples" / "federated" / "simulate.py"
MASSES = {"north": (6, 2), "south": (2, 3), "west": (2, 2)}  # benign and malignant masses of each hospital
ROUNDS = 3


def simulate(sites: list[Path], out: Path, limit: float, rounds: int = ROUNDS) -> subprocess.CompletedProcess[str]:
    """Run the simulation, which ends itself after `limit` minutes."""
    options = ["--out", str(out), "--rounds", str(rounds), "--limit", str(limit)]
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(SIMULATE), *map(str, sites), *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=60 * limit + 60,
    )


def assert_the_server_has_no_word_of(word: bytes, out: Path) -> None:
    files = [file for file in (out / "simulation" / "server").rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if word in file.read_bytes()] == []


def processes_on(path: Path) -> list[str]:
    """Return the command lines that name a path."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(path) in line]


@pytest.fixture(scope="module")
def sites(tmp_path_factory) -> list[Path]:
    """Configs of three hospitals, each with a folder of phantoms of its own; west holds one fold out."""
    root = tmp_path_factory.mktemp("hospitals")
    files = []
    for seed, (name, counts) in enumerate(MASSES.items()):
        data = root / name
        make_phantoms(data, count=16, size=(160, 140), seed=seed)
        entries = prepare_folder([data], n_splits=2).entries
        of_class = {label: [e for e in entries if e["class"] == label] for label in ("benign", "malignant")}
        share = [e for label, count in zip(of_class, counts, strict=True) for e in of_class[label][:count]]
        if name == "west":  # whose two masses of fold 0 are judged, and not trained on
            share = [{**entry, "fold": index % 2} for index, entry in enumerate(share)]
        write_datalist(data / "datalist.json", share)
        own = {
            "dataset_dir": str(data), "datalist": str(data / "datalist.json"), "output_dir": str(root / f"{name}_out"),
            "fold": 0 if name == "west" else "none", "seed": seed,
            "features": TINY, "roi_size": 64, "batch_size": 4, "amp": False,
        }  # fmt: skip
        files.append(root / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump(own))
    return files


@pytest.fixture(scope="module")
def trained(sites, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("federated")
    done = simulate(sites, out, limit=8)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_the_common_network_is_the_mean_of_the_hospitals_networks_by_their_masses(trained, sites):
    trained_on = {"north": 8, "south": 5, "west": 2}
    last = {
        site.stem: torch.load(site.parent / f"{site.stem}_out" / f"checkpoint_epoch={ROUNDS}.pt", weights_only=True)
        for site in sites
    }
    (file,) = trained.glob("simulation/server/**/FL_global_model.pt")
    common = torch.load(file, weights_only=True)["model"]
    assert len(common) == sum(len(last["north"][part]) for part in ("model", "head"))
    for part, prefix in (("model", "network."), ("head", "head.")):
        for name in last["north"][part]:
            mean = sum(trained_on[site] * last[site][part][name].double() for site in last) / 15
            assert torch.allclose(common[prefix + name].double(), mean, atol=1e-6), name


def test_the_bundle_judges_the_common_network(trained, phantoms, tmp_path):
    weights = torch.load(trained / "model.pt", weights_only=True)
    ResCUNet(features=TINY).load_state_dict(weights, strict=True)
    run_bundle(
        ["train.yaml", "evaluate.yaml"], phantoms, tmp_path, fold="all", roi_size=64, checkpoint=trained / "model.pt"
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["counts"]["masses"] == 8


def test_no_image_and_no_name_of_one_reaches_the_server(trained, sites):
    judged = (sites[2].parent / "west_out" / "per_image.csv").read_text()
    assert judged.count("phantom_") >= 2
    assert_the_server_has_no_word_of(b"phantom_", trained)
    assert not list((trained / "simulation").rglob("*.png"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"datalist": "/nowhere.json"}, "/nowhere.json: cannot be read"),
        ({"network_def#norm": "instance"}, "its network is not the server's"),
    ],
    ids=["no datalist", "another network"],
)
def test_a_hospital_that_fails_ends_the_run_with_an_error(sites, tmp_path, wrong, told):
    broken = tmp_path / "broken.yaml"
    own = yaml.safe_load(sites[2].read_text()) | {"output_dir": str(tmp_path / "broken_out")} | wrong
    broken.write_text(yaml.safe_dump(own))
    done = simulate([sites[0].with_name("south.yaml"), broken], tmp_path / "out", limit=4)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    assert not (tmp_path / "out" / "model.pt").exists()
    assert_the_server_has_no_word_of(told.encode(), tmp_path / "out")


def test_a_run_past_its_limit_is_ended_with_all_its_processes(sites, tmp_path):
    done = simulate(sites, tmp_path / "out", limit=0.5, rounds=1000)
    assert done.returncode != 0
    assert not (tmp_path / "out" / "model.pt").exists()
    assert not processes_on(tmp_path)
