"""What `inference.py` measures in a process of its own: a case of inference, its floor, and MONAI's own chain.

python benchmarks/inference_cases.py '{"part": "cost", "path": "mammogram.png", "boxes": 1, ...}'
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

SIZE = (3328, 4084)
BOXES = [[x, y, x + 420, y + 380] for x in (300, 900, 1500) for y in (900, 2300)]


def mammogram(folder: Path, kind: str) -> Path:
    """Write a made-up digital mammogram; DICOM with 12 bits."""
    import numpy as np
    import pydicom
    from PIL import Image
    from pydicom.dataset import FileMetaDataset

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    breast = np.exp(-((columns / 1900.0) ** 4 + ((rows - 2000) / 1700.0) ** 4))
    grey = (breast * 3000 + (breast > 0.02) * rng.normal(0, 60, breast.shape)).clip(0, 4095).astype(np.uint16)
    suffix = {"png": ".png", "jpeg": ".jpg"}.get(kind, ".dcm")
    path = folder / f"{kind}{suffix}"
    if suffix != ".dcm":
        Image.fromarray((grey >> 4).astype(np.uint8)).save(path, **({"quality": 92} if kind == "jpeg" else {}))
        return path
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.1.2")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (pydicom.uid.generate_uid() for _ in range(2))
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MG", "benchmark", "Bench^Mark"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyID = dataset.StudyDate = dataset.StudyTime = ""
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.ImageLaterality, dataset.ViewPosition, dataset.PatientOrientation = "L", "CC", ["A", "R"]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = SIZE[1], SIZE[0], 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.ImagerPixelSpacing, dataset.WindowCenter, dataset.WindowWidth = [0.07, 0.07], 1600, 3200
    dataset.PixelData = grey.tobytes()
    if kind == "jpeg2000":
        dataset.compress(pydicom.uid.JPEG2000Lossless)
    dataset.save_as(path, enforce_file_format=True)
    return path


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median of processor seconds, of all threads, without the first call."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times[1:])


def ours(path: Path, boxes: list[list[int]], out: Path, repeats: int, options: dict[str, Any]) -> float:
    from monai_rescunet.inference.run import run_inference

    return seconds(lambda: run_inference(path, box=boxes, out=out, **options), repeats)


def floor(path: Path, boxes: list[list[int]], repeats: int, overlay: bool) -> float:
    import numpy as np
    import pydicom
    import torch
    from PIL import Image

    network = shipped_network()
    label, picture = np.zeros(SIZE[::-1], np.uint8), None

    def decode() -> np.ndarray:
        return pydicom.dcmread(path).pixel_array if path.suffix == ".dcm" else np.asarray(Image.open(path))

    picture = decode()
    picture = picture if picture.dtype == np.uint8 else (picture >> 4).astype(np.uint8)

    def work() -> None:
        pixels = decode()
        regions = [torch.from_numpy(pixels[y : y + 128, x : x + 128].astype(np.float32)) for x, y, *_ in boxes]
        batch = torch.stack(regions)[:, None].to(memory_format=torch.channels_last)
        with torch.inference_mode():
            for axes in ((), (2,), (3,), (2, 3)):
                network(batch.flip(axes))
        for image in [label, picture] if overlay else [label]:
            Image.fromarray(image).save(BytesIO(), "png", compress_level=1)

    return seconds(work, repeats)


def chain(path: Path, boxes: list[list[int]], out: Path, repeats: int) -> float:
    """Do the job with MONAI's own transforms: one entry a box."""
    import torch
    from monai.data import decollate_batch
    from monai.data.utils import list_data_collate
    from monai.transforms import AsDiscreted, Compose, Invertd, LoadImaged, SaveImaged, ScaleIntensityd

    from monai_rescunet.transforms import CropMassROId

    network = shipped_network()
    before = Compose(
        [LoadImaged("image", ensure_channel_first=True), CropMassROId("image", roi_mode="fitted", roi_context=1.1,
         roi_size=128), ScaleIntensityd("image")]
    )  # fmt: skip
    after = Compose(
        [
            Invertd("pred", transform=before, orig_keys="image", nearest_interp=False),
            AsDiscreted("pred", threshold=0.5),
            SaveImaged("pred", output_dir=out, output_ext=".png", scale=255, output_dtype="uint8", print_log=False),
        ]
    )

    def work() -> None:
        for box in boxes:
            batch = list_data_collate([before({"image": str(path), "box": box})])
            with torch.inference_mode():
                logits = sum(network(batch["image"].flip(axes)).flip(axes) for axes in ((), (2,), (3,), (2, 3)))
                batch["pred"] = (logits / 4).sigmoid()
            for entry in decollate_batch(batch):
                after(entry)

    return seconds(work, repeats)


def shipped_network() -> Any:
    import torch

    from monai_rescunet.core.bundle_root import bundle_root
    from monai_rescunet.networks import ResCUNet

    network = ResCUNet(features=(16, 32, 64, 128, 128))
    network.load_state_dict(torch.load(bundle_root() / "models" / "model.pt", weights_only=True))
    return network.eval().to(memory_format=torch.channels_last)


def grown(count: int, folder: Path) -> tuple[float, int]:
    """Return processor seconds an image and the peak memory of a run over small images."""
    import numpy as np
    import torch
    from PIL import Image

    from monai_rescunet.inference.run import run_inference
    from monai_rescunet.networks import ResCUNet

    tiny = (4, 4, 4, 4, 4)
    torch.save(ResCUNet(features=tiny).state_dict(), folder / "tiny.pt")
    grey = np.random.default_rng(0).integers(0, 255, (96, 80)).astype(np.uint8)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number:05}.png")
        Image.fromarray(grey).save(paths[-1])
    options = {"checkpoint": str(folder / "tiny.pt"), "features": list(tiny), "roi_size": 32, "box": [10, 10, 60, 60]}
    run_inference(paths[:5], out=folder / "warm", **options)
    start = time.process_time()
    run_inference(paths, out=folder / "out", **options)
    return (time.process_time() - start) / count, peak()


def warm(repeats: int, folder: Path) -> dict[str, float]:
    """Return wall and processor seconds of `predict` on a small image: the first call, and the median of later ones."""
    import numpy as np
    from PIL import Image

    from monai_rescunet import predict

    path = folder / "small.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 240)).astype(np.uint8)).save(path)
    walls, processors = [], []
    for _ in range(repeats + 1):
        start, processor = time.perf_counter(), time.process_time()
        predict(path, box=[60, 80, 160, 190])
        walls.append(time.perf_counter() - start)
        processors.append(time.process_time() - processor)
    return {"first": walls[0], "wall": median(walls[1:]), "processor": median(processors[1:])}


def peak() -> int:
    """Return the most bytes that this process has held; not `ru_maxrss`, which begins with what its parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def cost(case: dict[str, Any], folder: Path) -> dict[str, float]:
    """Return processor seconds a mammogram, of the floor and where it is asked for of MONAI's chain; peak memory."""
    path, boxes, repeats = Path(case["path"]), BOXES[: case["boxes"]], case["repeats"]
    whole = ours(path, boxes, folder / "out", repeats, {"overlay": case["overlay"], "dicom": case["dicom"]})
    told = {"seconds": whole, "peak": peak(), "floor": floor(path, boxes, repeats, case["overlay"])}
    if case["chain"]:
        told["chain"] = chain(path, boxes, folder / "chain", max(1, repeats // 2))
    return told


def one_case(case: dict[str, Any]) -> dict[str, float]:
    """Measure a case in this process, on one thread."""
    import torch

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if case["part"] == "growth":
            seconds_an_image, held = grown(case["count"], Path(name))
            return {"seconds": seconds_an_image, "peak": held}
        return warm(case["repeats"], Path(name)) if case["part"] == "warm" else cost(case, Path(name))


if __name__ == "__main__":
    print(json.dumps(one_case(json.loads(sys.argv[1]))))
