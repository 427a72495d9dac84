"""ResCU-Net in 3D with MONAI's engine, loss and metric: a volume with two classes of lesion."""

import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from monai.handlers import StatsHandler
from monai.losses import DiceCELoss
from monai.networks.utils import one_hot
from monai.utils import set_determinism

from monai_rescunet.networks import ResCUNet

set_determinism(0)

# a stand-in for your data: a volume and its label map, (C, H, W, D)
label = torch.zeros(1, 48, 40, 32)
label[:, 8:24, 8:24, 8:24] = 1
label[:, 28:44, 20:36, 12:28] = 2
image = label + 0.1 * torch.randn(label.shape)
loader = DataLoader(Dataset([{"image": image, "label": label}]), batch_size=1)

network = ResCUNet(
    spatial_dims=3,
    in_channels=1,
    out_channels=3,  # a softmax over background and two classes
    features=(4, 8, 16, 16, 16),
    norm=("instance", {"affine": True}),  # any layer that MONAI knows by name
)
trainer = SupervisedTrainer(
    device=torch.device("cpu"),
    max_epochs=5,
    train_data_loader=loader,
    network=network,
    optimizer=torch.optim.AdamW(network.parameters(), lr=0.01),
    loss_function=DiceCELoss(softmax=True, to_onehot_y=True),
    train_handlers=[StatsHandler(name="train_loss", output_transform=lambda output: output[0]["loss"])],
)
trainer.run()

network.eval()
with torch.no_grad():
    classes = network(image[None]).argmax(dim=1, keepdim=True)
print("voxels a class:", one_hot(classes, 3).sum(dim=(0, 2, 3, 4)).int().tolist())
