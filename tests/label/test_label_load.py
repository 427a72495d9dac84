"""What a server meets in a day: many at once, clients that vanish, whole folders, weights that do not fit."""

from __future__ import annotations

import json
import socket
import struct
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import torch
from label_server import LabelServer, dice, free_port, image_of, label_app

from monai_rescunet.label import MODEL_NAME
from monai_rescunet.networks import ResCUNet


def test_ten_requests_at_once_are_answered_each_with_its_own(server, studies):
    def outline(number: int) -> float:
        which = number % 2
        _, label = server.infer("film8", box=studies.boxes[which])
        return dice(label, studies.masks[which])

    with ThreadPoolExecutor(10) as pool:
        assert min(pool.map(outline, range(10))) > 0.9


def test_clients_that_hang_up_do_no_harm(server, studies):
    address = urllib.parse.urlsplit(server.url)
    body = b"params=" + urllib.parse.quote(json.dumps({"box": studies.boxes[1]})).encode()
    head = (
        f"POST /infer/{MODEL_NAME}?image=film8 HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    )
    for length, content in ((len(body), body), (len(body), body[:10])):  # before the answer, and amid the request
        with socket.create_connection((address.hostname, address.port), timeout=30) as client:
            client.sendall(head.format(length=length).encode() + content)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, no goodbye
    _, label = server.infer("film8", box=studies.boxes[1])
    assert dice(label, studies.masks[1]) > 0.9


def test_a_folder_is_outlined_in_one_request(server, studies):
    answer = requests.post(f"{server.url}/batch/infer/{MODEL_NAME}", params={"run_sync": True}, timeout=180)
    assert answer.ok, answer.text
    assert set(answer.json()) >= set(studies.files)
    for name in studies.files:
        info = server.get(f"/datastore/label/info?label={name}&tag=original")
        assert info["params"]["masses"][0]["decision"] in ("benign", "malignant")
        file = requests.get(f"{server.url}/datastore/label?label={name}&tag=original", timeout=60)
        assert dice(image_of(file.content, info["name"]), studies.masks[0] | studies.masks[1]) > 0


def test_an_image_that_cannot_be_judged_costs_the_others_nothing(server, studies):
    named = ["film8", "nobody", str(studies.files["mono2"]), "volume"]
    answer = requests.post(
        f"{server.url}/batch/infer/{MODEL_NAME}", params={"run_sync": True}, json={"images": named}, timeout=180
    )
    assert answer.ok, answer.text
    results = answer.json()
    assert all("no such image" in results[name]["params"]["error"] for name in named[1:3])
    assert all(results[name]["params"]["masses"] for name in ("film8", "volume"))


def test_weights_that_do_not_fit_are_refused_while_serving(server, studies):
    weights = server.app / "model" / MODEL_NAME / "models" / "model.pt"
    served = weights.read_bytes()
    other = ResCUNet(spatial_dims=2, in_channels=1, out_channels=1, features=[4, 4, 4, 4, 4])
    try:
        for content in (None, b"no weights", other.state_dict()):
            if isinstance(content, bytes):
                weights.write_bytes(content)
            elif content is None:
                weights.unlink()
            else:
                torch.save(content, weights)
            line = server.refusal("film8", box=studies.boxes[1])
            assert "model.pt" in line
            assert str(server.app) not in line
    finally:
        weights.write_bytes(served)
    _, label = server.infer("film8", box=studies.boxes[1])
    assert dice(label, studies.masks[1]) > 0.9


def test_a_server_with_weights_that_do_not_fit_does_not_start(studies, tmp_path):
    command = label_app(tmp_path / "app", studies.folder, free_port())
    config = tmp_path / "app" / "model" / MODEL_NAME / "configs" / "inference.yaml"
    config.write_text(config.read_text().replace("features: [16, 32", "features: [8, 32"))
    with pytest.raises(RuntimeError, match=r"InputError: .*model\.pt: are not the weights of this .*expected"):
        LabelServer(command, tmp_path / "server.log")
