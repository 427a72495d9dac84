"""Does the fast path of the networks answer as plain float32 in contiguous memory does?"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from networks_timing import DEVICE, DTYPES, FORMATS, console, forward
from rich.table import Table
from torch import Tensor, nn

from monai_rescunet import predict, transforms
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.data import make_phantom, make_phantoms
from monai_rescunet.networks import ResCUNet
from monai_rescunet.transforms.boxes import lesion_box


def overlap(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """Return the Dice of two masks."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def agree() -> None:
    """Does the fast path answer as plain float32 does: with the shipped weights, and after training on each?"""
    with TemporaryDirectory() as folder:
        phantoms = make_phantoms(folder, count=24)
        pairs = [
            [predict(Path(folder) / phantom["image"], box=phantom["box"], amp=amp)[0] for amp in (False, True)]
            for phantom in phantoms
        ]
    dice = [overlap(plain["mask"], quick["mask"]) for plain, quick in pairs]
    same = sum(plain["decision"] == quick["decision"] for plain, quick in pairs)
    scores = max(abs(plain["score"] - quick["score"]) for plain, quick in pairs)
    console.print(
        f"shipped weights on {len(pairs)} phantoms: Dice of both paths' masks {statistics.mean(dice):.4f}, at least "
        f"{min(dice):.4f}; scores differ by at most {scores:.4f}; {same} decisions are the same"
    )
    table = Table("thirty steps of each, from", "logits differ by", "Dice of the masks")
    images, targets = training_crops()
    for start in ("shipped weights", *range(4)):
        plain = trained(start, torch.float32, FORMATS[0], images, targets)
        quick = trained(start, DTYPES[-1], FORMATS[1], images, targets)
        maps = [logits.sigmoid() for logits in (plain, quick)]
        masks = [transforms.lesion_mask(m, transforms.ModifiedOtsu()(m)) for m in maps]
        distance = float((plain - quick).norm() / plain.norm())
        table.add_row(str(start), f"{distance:.3f}", f"{overlap(*masks):.4f}")
    console.print(table)


def training_crops() -> tuple[Tensor, Tensor]:
    """Return eight phantoms' regions of interest and their grey masks as train.yaml makes them, `(8, 1, 128, 128)`."""
    crop = transforms.CropMassROI("fitted", roi_context=1.1, roi_size=128)
    images, label_maps = [], []
    for number in range(8):
        image, mask = make_phantom(np.random.default_rng(number), ("benign", "malignant")[number % 2], (1000, 1000))
        label_map = torch.from_numpy(mask.T.astype(np.float32))[None] * (1 + number % 2)
        box = lesion_box(label_map)
        images.append(transforms.ScaleBreastIntensity()(crop(torch.from_numpy(image.T.astype(np.float32))[None], box)))
        label_maps.append(crop(label_map, box, mode="nearest"))
    targets = transforms.EncodeMixedSupervision()(torch.stack([label.as_tensor() for label in label_maps]))
    return torch.stack([torch.as_tensor(image) for image in images]).to(DEVICE), targets.to(DEVICE)


def trained(
    start: str | int, dtype: torch.dtype, memory_format: torch.memory_format, images: Tensor, targets: Tensor
) -> Tensor:
    """Return the logits on the images after thirty training steps on them, from the shipped weights or from a seed."""
    if isinstance(start, int):
        torch.manual_seed(start)
    net = ResCUNet(features=(16, 32, 64, 128, 128)).to(DEVICE, memory_format=memory_format)
    if start == "shipped weights":
        net.load_state_dict(torch.load(bundle_root() / "models" / "model.pt", weights_only=True))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = net(images.to(memory_format=memory_format))
        nn.functional.binary_cross_entropy_with_logits(logits.float(), targets).backward()
        optimizer.step()
    return forward(net.eval(), images.to(memory_format=memory_format), dtype)().float()
