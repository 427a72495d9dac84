"""Train ResCU-Net on mixed-supervision masks in a plain torch loop, and read outline and class off its answer."""

import torch

from monai_rescunet.networks import ResCUNet
from monai_rescunet.transforms import EncodeMixedSupervision, ModifiedOtsu, lesion_mask

torch.manual_seed(0)

# stand-ins for your data: two images with a square "mass" each, label maps of 0 background, 1 benign, 2 malignant
labels = torch.zeros(2, 1, 64, 64, dtype=torch.uint8)
labels[0, :, 16:40, 16:40] = 1
labels[1, :, 24:48, 20:52] = 2
images = (labels > 0).float() * 0.2 * labels + 0.3 + 0.05 * torch.randn(labels.shape)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=2)

network = ResCUNet(spatial_dims=2, in_channels=1, out_channels=1, features=(8, 16, 32, 32, 32))
optimizer = torch.optim.AdamW(network.parameters(), lr=0.005)
loss_function = torch.nn.BCEWithLogitsLoss()  # the paper's equation 2
encode = EncodeMixedSupervision()  # 0, 1, 2 -> 0, 0.5, 1

for _ in range(100):
    for image, label in loader:
        optimizer.zero_grad()
        loss = loss_function(network(image), encode(label))
        loss.backward()
        optimizer.step()
print(f"loss {loss:.3f}")

network.eval()
with torch.no_grad():
    m = network(images).sigmoid()  # the grey map M, (B, 1, H, W)
result = ModifiedOtsu()(m)
outlines = lesion_mask(m, result)  # bool, (B, 1, H, W)
print("decisions:", result.decision, "pixels:", outlines.sum(dim=(1, 2, 3)).tolist())
