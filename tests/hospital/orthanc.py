"""Orthanc as a hospital's archive: on loopback, in a folder of its own, started by a test and ended by it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from label_server import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_SECONDS, STOP_SECONDS = 60, 20


class Orthanc:
    """The archive, which answers to this machine alone.

    Args:
        folder: empty; holds its configuration, its storage and its log.

    Attributes:
        url: where it speaks DICOMweb.
        client: of that address.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None or not PLUGIN.is_file():
            pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
        port = free_port()
        config = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "Plugins": [str(PLUGIN)],
            "HttpPort": port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": False,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(config))
        self.url = f"http://127.0.0.1:{port}/dicom-web"
        self.client = DICOMwebClient(self.url)
        with (folder / "orthanc.log").open("w") as output:
            self._process = subprocess.Popen(
                [program, str(folder / "orthanc.json")], stdout=output, stderr=subprocess.STDOUT, cwd=folder
            )
        try:
            self._wait(folder / "orthanc.log")
        except BaseException:
            self.stop()
            raise

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if requests.get(f"{self.url}/studies", timeout=10).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.2)
        raise RuntimeError(f"Orthanc does not answer:\n{log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def store(self, *files: Path) -> None:
        """Store files by STOW-RS."""
        answer = self.client.store_instances([pydicom.dcmread(file) for file in files])
        assert len(answer.ReferencedSOPSequence) == len(files)

    def retrieve(self, sop_instance_uid: str) -> pydicom.Dataset:
        """Return an instance by WADO-RS."""
        (found,) = self.client.search_for_instances(search_filters={"SOPInstanceUID": sop_instance_uid})
        header = pydicom.Dataset.from_json(found)
        return self.client.retrieve_instance(header.StudyInstanceUID, header.SeriesInstanceUID, sop_instance_uid)
