"""A folder of phantoms in every format, and MONAI Label's server on it, started once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from label_phantoms import LabelPhantoms, make_studies
from label_server import LabelServer, free_port, label_app

# servers end with their tests however these end
signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))


@pytest.fixture(scope="session")
def studies(tmp_path_factory) -> LabelPhantoms:
    """The folder that the server reads."""
    return make_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="session")
def server(studies, tmp_path_factory) -> Iterator[LabelServer]:
    """The server, on an app with the shipped weights."""
    folder = tmp_path_factory.mktemp("server")
    server = LabelServer(label_app(folder / "app", studies.folder, free_port()), folder / "server.log")
    yield server
    server.stop()
