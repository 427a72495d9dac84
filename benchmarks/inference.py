"""What inference costs: processor seconds and peak memory a mammogram, beside the floor and beside MONAI's own chain.

    python benchmarks/inference.py
    python benchmarks/inference.py --growth 500 5000

Every case is a process of its own on made-up mammograms of 3328 x 4084 pixels; the first image warms up and does not
count, figures are medians of the others. The floor of the same process is what no program can leave out: decode the
file, judge the regions with four flips, encode label map and picture. MONAI's chain does the same job with
`LoadImaged`, the crop, the network, `Invertd` and `SaveImaged`, for each box, and draws no picture. Ends with status 1
where the whole is more than 1.5 times the floor, or takes more than 0.9 GB. `--growth` compares what one of many small
images costs in a short and in a long run.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
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
FORMATS = ("png", "jpeg", "dicom", "jpeg2000")
MOST_TIMES_FLOOR, MOST_BYTES, MOST_GROWTH = 1.5, 0.9e9, 1.1


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


def peak() -> int:
    """Return the most bytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_case(case: dict[str, Any]) -> dict[str, float]:
    """Measure a case in this process."""
    import torch

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "count" in case:
            cost, held = grown(case["count"], folder)
            return {"seconds": cost, "peak": held}
        path, boxes = Path(case["path"]), BOXES[: case["boxes"]]
        options = {"overlay": case["overlay"], "dicom": case["dicom"]}
        whole = ours(path, boxes, folder / "out", case["repeats"], options)
        held = peak()
        told = {"seconds": whole, "peak": held, "floor": floor(path, boxes, case["repeats"], case["overlay"])}
        if case["chain"]:
            told["chain"] = chain(path, boxes, folder / "chain", max(1, case["repeats"] // 2))
        return told


def measured(case: dict[str, Any]) -> dict[str, float]:
    """Measure a case in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--boxes", nargs="+", type=int, choices=range(1, 7), default=(1, 6))
    parser.add_argument("--growth", nargs=2, type=int, metavar=("FEW", "MANY"))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(one_case(json.loads(arguments.case))))
        return
    if arguments.growth:
        few, many = (measured({"count": count}) for count in arguments.growth)
        growth = many["seconds"] / few["seconds"]
        for count, told in zip(arguments.growth, (few, many), strict=True):
            print(f"{count:6} images: {told['seconds'] * 1000:7.1f} ms an image, peak {told['peak'] / 1e9:.2f} GB")
        print(f"growth: {growth:.2f} times")
        sys.exit(growth > MOST_GROWTH)
    missed = False
    print(f"{'format':9} boxes  overlay dicom   seconds  floor  times  MONAI's  peak GB")
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.formats:
            path = mammogram(Path(folder), kind)
            for boxes in arguments.boxes:
                for overlay, dicom in ((False, []), (True, []), (True, ["seg", "sr", "sc"])):
                    if dicom and path.suffix != ".dcm":
                        continue
                    plain = overlay and not dicom
                    case = {"path": str(path), "boxes": boxes, "overlay": overlay, "dicom": dicom, "chain": plain}
                    told = measured({**case, "repeats": arguments.repeats})
                    times = told["seconds"] / told["floor"]
                    missed |= plain and (times > MOST_TIMES_FLOOR or told["peak"] > MOST_BYTES)
                    peer = f"{told['chain']:7.2f}" if plain else " " * 7
                    print(
                        f"{kind:9} {boxes:5}  {overlay!s:7} {','.join(dicom) or '-':9} {told['seconds']:5.2f}  "
                        f"{told['floor']:5.2f}  {times:5.2f}  {peer}  {told['peak'] / 1e9:.2f}",
                        flush=True,
                    )
    sys.exit(missed)


if __name__ == "__main__":
    main()
