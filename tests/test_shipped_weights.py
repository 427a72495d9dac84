"""A guard: what the shipped weights answer on seeded phantoms does not change unless somebody wants it to.

Where a change is meant (new weights, another recipe), write the answers anew and say so in the changelog:

    python tests/test_shipped_weights.py
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monai_rescunet import predict
from monai_rescunet.data import make_phantom

KNOWN = Path(__file__).with_name("shipped_weights.json")
CASES = {f"{name} {seed}": (seed, name) for seed in (11, 12, 13) for name in ("benign", "malignant")}


def answer(seed: int, name: str, folder: Path) -> dict[str, Any]:
    image, mask = make_phantom(np.random.default_rng(seed), name, (500, 400))
    path = folder / f"{name}{seed}.png"
    Image.fromarray(image).save(path)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    (row,) = predict(path, box=[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    told = ("decision", "score", "probability", "lambda1", "lambda2", "area_px")
    centre = [float(axis.mean()) for axis in np.nonzero(row["mask"])]
    return {**{key: row[key] for key in told}, "centre": centre}


@pytest.mark.parametrize("case", CASES)
def test_the_shipped_weights_answer_as_before(case, tmp_path):
    known, now = json.loads(KNOWN.read_text())[case], answer(*CASES[case], tmp_path)
    assert now["decision"] == known["decision"]
    # other processors round otherwise: a grey level at most
    assert now["score"] == pytest.approx(known["score"], abs=1.5 / 255)
    assert now["probability"] == pytest.approx(known["probability"], abs=0.02)
    assert [now["lambda1"], now["lambda2"]] == pytest.approx([known["lambda1"], known["lambda2"]], abs=2)
    assert now["area_px"] == pytest.approx(known["area_px"], rel=0.01)
    assert now["centre"] == pytest.approx(known["centre"], abs=0.5)


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        answers = {case: answer(*CASES[case], Path(scratch)) for case in CASES}
    KNOWN.write_text(json.dumps(answers, indent=1) + "\n")
