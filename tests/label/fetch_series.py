"""Run with MONAI Label's start-up: series of a slow archive, fetched by two at once and after a broken download."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
from monailabel.config import settings

from monai_rescunet.label import archive as module

mammogram = pydicom.dcmread(sys.argv[1])
SERIES = str(mammogram.SeriesInstanceUID)


class SlowArchive:
    """What is asked of DICOMweb here."""

    base_url = "http://127.0.0.1:1/dicom-web"
    fetched = 0

    def __init__(self, **_: object) -> None:
        pass

    def search_for_instances(self, **_: object) -> list[dict]:
        return [{}]

    def search_for_series(self, **_: object) -> list[dict]:
        return [
            {
                "0020000E": {"vr": "UI", "Value": [SERIES]},
                "0020000D": {"vr": "UI", "Value": [str(mammogram.StudyInstanceUID)]},
            }
        ]

    def retrieve_series(self, *_: object) -> list[pydicom.Dataset]:
        type(self).fetched += 1
        time.sleep(0.5)
        return [mammogram]


def rows(archive: module.MammogramArchive) -> int:
    path = Path(archive.get_image_uri(SERIES))
    assert path.is_file()
    return int(pydicom.dcmread(archive.dicom_of(path)).Rows)


settings.MONAI_LABEL_DICOMWEB_CACHE_PATH = sys.argv[2]
module.DICOMwebClientX = SlowArchive
archives = [module.MammogramArchive(SlowArchive.base_url) for _ in range(2)]
with ThreadPoolExecutor(2) as pool:
    both = list(pool.map(rows, archives))
fetched = SlowArchive.fetched

folder = Path(archives[0].get_image_uri(SERIES)).parent
(folder / f".{SERIES}.whole").unlink()  # as a server leaves it that was ended amid the download
for file in (folder / SERIES).iterdir():
    file.write_bytes(file.read_bytes()[:1000])
(folder / f"{SERIES}.nii.gz").write_bytes(b"half")
print(json.dumps({"both": both, "fetched": fetched, "after": rows(archives[0])}))
