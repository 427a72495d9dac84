"""A guard: what the shipped finder says of seeded phantoms does not change unless somebody wants it to.

Where a change is meant (new weights, another recipe), write the answers anew and say so in the changelog:

    python tests/finding/test_shipped_finder.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.data.phantoms.mammogram import draw_mammogram
from monai_rescunet.finding import Finder, FinderNet, load_finder_weights
from monai_rescunet.training.inferers import AutocastInferer

KNOWN = Path(__file__).with_name("shipped_finder.json")
CASES = {f"{side} {view}": (seed, side, view) for seed, (side, view) in enumerate([("L", "CC"), ("R", "MLO")])}
THRESHOLD = 0.1  # low, so that there is something to compare


def shipped() -> Finder:
    config = ConfigParser.load_config_file(str(bundle_root() / "configs" / "train_finder.yaml"))
    network = load_finder_weights(FinderNet(config["finder_features"]), bundle_root() / "models" / "finder.pt")
    inferer = AutocastInferer(amp=False, flips=config["test_time_flips"])
    return Finder(network, inferer, config["frame_size"], find_threshold=THRESHOLD)


def answer(seed: int, side: str, view: str) -> dict[str, Any]:
    phantom = draw_mammogram(
        np.random.default_rng(seed), (600, 760), 0.376, laterality=side, view=view, masses=["malignant"]
    )
    said = shipped()(torch.from_numpy(phantom.pixels.T.astype(np.float32))[None])
    return {
        "highest": said.highest,
        "findings": [[*finding.box, finding.confidence] for finding in said.findings],
    }


@pytest.mark.parametrize("case", CASES)
def test_the_shipped_finder_answers_as_before(case):
    known, now = json.loads(KNOWN.read_text())[case], answer(*CASES[case])

    assert now["highest"] == pytest.approx(known["highest"], abs=1e-3)
    assert len(now["findings"]) == len(known["findings"])
    for was, found in zip(known["findings"], now["findings"], strict=True):
        assert found == pytest.approx(was, abs=0.5)
        assert found[-1] == pytest.approx(was[-1], abs=1e-3)


def test_the_shipped_finder_is_small_and_finds_nothing_in_an_empty_breast():
    assert (bundle_root() / "models" / "finder.pt").stat().st_size < 8e6
    x, y = torch.meshgrid(torch.arange(600.0), torch.arange(760.0), indexing="ij")
    breast = ((x / 450) ** 2 + ((y - 380) / 330) ** 2 < 1) * 120.0
    assert shipped()(breast[None]).findings == []


if __name__ == "__main__":
    KNOWN.write_text(json.dumps({case: answer(*arguments) for case, arguments in CASES.items()}, indent=1) + "\n")
