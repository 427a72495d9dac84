"""ResCU-Net and mixed supervision as a Lightning module; Lightning is yours to install (`pip install lightning`)."""

from typing import Any

import lightning
import torch
from torch import Tensor

from monai_rescunet.decisions.metrics import classification_metrics, segmentation_metrics
from monai_rescunet.networks import ResCUNet
from monai_rescunet.transforms import EncodeMixedSupervision, ModifiedOtsu, lesion_mask


class MassModule(lightning.LightningModule):
    """Trains on batches of `image` in [0, 1] and `label` (0, 1, 2), `(B, 1, H, W)`, and `class`, a list of names."""

    def __init__(self, learning_rate: float = 0.002, **network: Any) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = ResCUNet(**network)
        self.loss = torch.nn.BCEWithLogitsLoss()
        self.encode = EncodeMixedSupervision()
        self.otsu = ModifiedOtsu()

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Return the loss of the soft targets 0, 0.5 and 1."""
        loss = self.loss(self.network(batch["image"]), self.encode(batch["label"]))
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: dict[str, Any], _: int) -> None:
        """Log the paper's figures of the batch."""
        m = self.network(batch["image"]).sigmoid()
        result = self.otsu(m)
        masks = lesion_mask(m, result)
        dice = [segmentation_metrics(a, b > 0)["dice"] for a, b in zip(masks, batch["label"], strict=True)]
        figures = classification_metrics(batch["class"], result.decision, result.score.tolist())
        size = len(dice)
        self.log("val_dice", sum(dice) / size, batch_size=size)
        self.log("val_accuracy", figures["accuracy"], batch_size=size)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser."""
        return torch.optim.AdamW(self.parameters(), lr=self.hparams["learning_rate"])


if __name__ == "__main__":
    entry = {"image": torch.rand(1, 64, 64), "label": torch.zeros(1, 64, 64, dtype=torch.uint8), "class": "malignant"}
    entry["label"][:, 16:48, 16:48] = 2
    entry["image"][:, 16:48, 16:48] += 1
    loader = torch.utils.data.DataLoader([entry] * 4, batch_size=4)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(MassModule(features=(8, 16, 32, 32, 32)), loader, loader)
    print({name: round(float(value), 3) for name, value in trainer.callback_metrics.items()})
