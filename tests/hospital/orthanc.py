"""Orthanc as a hospital's archive: on loopback, in a folder of its own, started by a test and ended by it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from label_server import STOP_SECONDS, free_port, wait_for_answer

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_SECONDS = 60


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
            wait_for_answer(self._process, f"{self.url}/studies", folder / "orthanc.log", START_SECONDS)
        except BaseException:
            self.stop()
            raise

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
