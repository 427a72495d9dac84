"""Every curl command of the page on MONAI Label does what the page says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import requests
import SimpleITK as sitk  # noqa: N813
from label_docs import curl_commands, run_command
from label_server import dice
from PIL import Image

from monai_rescunet.data import make_phantoms


@pytest.fixture(scope="module")
def reader(server, tmp_path_factory):
    """A reader's folder with phantoms in it, which the server has too."""
    folder = tmp_path_factory.mktemp("reader")
    (phantom,) = make_phantoms(folder / "phantoms", count=1)
    file = folder / "phantoms" / phantom["image"]
    with file.open("rb") as image:
        requests.put(f"{server.url}/datastore/image?image=phantom_000", files={"file": image}, timeout=60)
    return folder


def test_the_commands_of_the_page_work(server, reader):
    mask = np.asarray(Image.open(reader / "phantoms" / "masks" / "phantom_000.png")) > 0
    outline, decision, upload, batch, archive, training = curl_commands()

    run_command(outline, server.url, reader)
    assert dice(sitk.ReadImage(str(reader / "outline.png")), mask) > 0.9

    (mass,) = json.loads(run_command(decision, server.url, reader))["masses"]
    assert mass["decision"] in ("benign", "malignant")

    run_command(upload, server.url, reader)
    assert dice(sitk.ReadImage(str(reader / "outline.nii.gz")), mask) > 0.2

    assert "phantom_000" in json.loads(run_command(batch, server.url, reader))
    assert "$SERIES" in archive, "which the round trip with an archive runs"

    answers = run_command(training, server.url, reader)
    assert '"label":"phantom_000"' in answers
    assert '"status":' in answers
