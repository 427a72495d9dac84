"""The MONAI model zoo's rules for a bundle, checked offline: `make bundle-check`.

The rules are those of its CONTRIBUTING.md, of its readme template and of its `ci/verify_bundle.py`.
`meta_schema_20240725.json` beside this file has the rules of the schema that metadata.json names, as MONAI publishes it
(Project-MONAI/MONAI-extra-test-data, Apache-2.0) but for some descriptions.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from bundle_runs import BUNDLE, TINY
from forked import run_module
from monai.bundle import ConfigParser, ConfigWorkflow, verify_metadata, verify_net_in_out

import monai_rescunet

SCHEMA = Path(__file__).with_name("meta_schema_20240725.json")
CONFIGS = BUNDLE / "configs"
PROJECT = Path(__file__).parents[2]
LARGEST_FILE = 25_000_000  # bytes; what is larger belongs in large_files.yml


def metadata() -> dict[str, Any]:
    return json.loads((CONFIGS / "metadata.json").read_text())


def bundle_files() -> list[Path]:
    """Return the bundle's files: an installed one's, or a checkout's without what running it there left behind."""
    if PROJECT / "bundle" != BUNDLE:
        return [path for path in BUNDLE.rglob("*") if path.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "bundle"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [PROJECT / name for name in listed.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """Copy of the bundle under its name in a zoo, far from the project."""
    root = tmp_path_factory.mktemp("zoo") / "mammography_mass_segmentation"
    for path in bundle_files():
        target = root / path.relative_to(BUNDLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


def in_copy(copy: Path, *arguments: str) -> None:
    """Run a verb of `monai.bundle` as a user of the zoo does: from within the bundle, with no path to the project."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = run_module("monai.bundle", arguments, environment, copy)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE", "configs/metadata.json", "configs/inference.yaml", "configs/train.yaml", "configs/evaluate.yaml",
        "configs/multi_gpu_train.yaml", "configs/logging.conf", "models/model.pt", "docs/README.md",
        "docs/data_license.txt",
    ],
)  # fmt: skip
def test_the_files_that_the_zoo_asks_for_are_there(name):
    assert BUNDLE / name in bundle_files()


def test_no_file_is_larger_than_the_zoo_takes():
    assert [path.name for path in bundle_files() if path.stat().st_size > LARGEST_FILE] == []


def test_the_licence_is_the_projects():
    assert (BUNDLE / "LICENSE").read_text() == (PROJECT / "LICENSE").read_text()
    assert "Apache License" in (BUNDLE / "LICENSE").read_text()


@pytest.mark.parametrize("path", sorted(CONFIGS.iterdir()), ids=lambda path: path.name)
def test_no_config_names_a_folder_of_somebodys_machine(path):
    assert re.findall(r"['\" ]/(?:home|root|Users|mnt|work|tmp)\b", path.read_text()) == []


def test_metadata_follows_the_schema(tmp_path):
    """MONAI takes the schema that lies at `filepath` instead of downloading it."""
    schema = shutil.copy(SCHEMA, tmp_path / "schema.json")
    assert metadata()["schema"].endswith(SCHEMA.name)
    verify_metadata(meta_file=str(CONFIGS / "metadata.json"), filepath=schema)

    broken = tmp_path / "metadata.json"
    broken.write_text(json.dumps({name: value for name, value in metadata().items() if name != "task"}))
    with pytest.raises(ValueError, match="'task' is a required property"):
        verify_metadata(meta_file=str(broken), filepath=schema)


def test_metadata_names_its_version_in_the_changelog():
    assert metadata()["version"] in metadata()["changelog"]


def test_metadata_names_the_versions_that_the_tests_run_with():
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", (PROJECT / "constraints.txt").read_text(), flags=re.MULTILINE))
    named = {
        name: metadata()[f"{key}_version"] for name, key in (("monai", "monai"), ("torch", "pytorch"), ("numpy",) * 2)
    }
    named |= metadata()["required_packages_version"]
    assert named.pop("monai-rescunet") == monai_rescunet.__version__
    assert named == {name: pinned[name] for name in named}


def test_metadata_names_the_classes_of_the_label_map():
    assert metadata()["network_data_format"]["outputs"]["pred"]["channel_def"] == {
        "0": "background",
        "1": "benign mass",
        "2": "malignant mass",
    }


@pytest.mark.parametrize(
    ("files", "workflow_type"),
    [
        (["inference.yaml"], "inference"),
        (["train.yaml"], "train"),
        (["train.yaml", "paper.yaml"], "train"),
        (["train.yaml", "scanners.yaml"], "train"),
        (["train.yaml", "evaluate.yaml"], "train"),
        (["train.yaml", "multi_gpu_train.yaml"], "train"),
        (["train.yaml", "federated.yaml"], "train"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else value,
)
def test_the_ids_that_monai_requires_are_there(files, workflow_type, phantoms, tmp_path, monkeypatch):
    alone = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "localhost", "MASTER_PORT": 0}
    for name, value in {**alone, "TORCHELASTIC_RUN_ID": "alone"}.items():  # what torchrun sets
        monkeypatch.setenv(name, str(value))
    workflow = ConfigWorkflow(
        config_file=[str(CONFIGS / name) for name in files],
        meta_file=str(CONFIGS / "metadata.json"),
        logging_file=False,
        workflow_type=workflow_type,
        bundle_root=str(BUNDLE),
        dataset_dir=str(phantoms),
        datalist=str(phantoms / "datalist.json"),
        output_dir=str(tmp_path),
        features=TINY,
    )
    workflow.initialize()
    try:
        assert workflow.check_properties() == []
    finally:
        workflow.finalize()


def test_the_network_takes_and_gives_what_metadata_says():
    files = {"meta_file": str(CONFIGS / "metadata.json"), "config_file": str(CONFIGS / "inference.yaml")}
    verify_net_in_out(net_id="network_def", bundle_root=str(BUNDLE), **files)
    with pytest.raises(ValueError, match="output channel number"):
        verify_net_in_out(net_id="network_def", bundle_root=str(BUNDLE), **files, **{"network_def#out_channels": 3})


def test_shipped_weights_fit_the_network_of_the_configs():
    parser = ConfigParser(ConfigParser.load_config_files(str(CONFIGS / "inference.yaml")))
    state = torch.load(BUNDLE / "models" / "model.pt", weights_only=True)
    parser.get_parsed_content("network_def").load_state_dict(state, strict=True)


def test_the_readme_follows_the_zoos_template():
    headings = re.findall(r"^#+ \**(.+?)\**$", (BUNDLE / "docs" / "README.md").read_text(), flags=re.MULTILINE)
    template = [
        "Authors", "Tags", "Model Description", "Data", "Preprocessing", "Performance", "System Configuration",
        "Limitations", "Citation Info", "References",
    ]  # fmt: skip
    assert [heading for heading in headings if heading in template] == template


def test_a_copy_of_the_bundle_runs_by_itself(copy, phantoms, tmp_path):
    in_copy(
        copy, "run", "--config_file", "configs/inference.yaml", "--meta_file", "configs/metadata.json",
        "--logging_file", "configs/logging.conf", f"--dataset_dir={phantoms}", f"--output_dir={tmp_path}",
    )  # fmt: skip
    assert len(pd.read_csv(tmp_path / "results.csv")) == 8


def test_a_copy_of_the_bundle_exports_its_network_by_the_zoos_command(copy):
    in_copy(
        copy, "ckpt_export", "--net_id", "network_def", "--filepath", "models/model.ts",
        "--ckpt_file", "models/model.pt", "--meta_file", "configs/metadata.json",
        "--config_file", "configs/inference.yaml",
    )  # fmt: skip
    assert torch.jit.load(copy / "models" / "model.ts")(torch.zeros(1, 1, 256, 256)).shape == (1, 1, 256, 256)
