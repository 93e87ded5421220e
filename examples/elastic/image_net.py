"""A small image net with BatchNorm and dropout, trained by four logical workers on any number of executors.

Every one of these prints the same digest, which is also that of plain_ddp/image_net.py with four processes:

    python examples/elastic/image_net.py
    torchrun --nproc-per-node 2 examples/elastic/image_net.py
    torchrun --nproc-per-node 3 examples/elastic/image_net.py
    elastance launch --workers 4 --executors 2 -- python examples/elastic/image_net.py
"""

import hashlib
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, default_collate

from elastance import elastic


class Stripes(Dataset):
    """Noisy stripes in one of eight directions, flipped, shifted and blurred at random: nothing to download."""

    def __init__(self, samples: int = 768) -> None:
        made = torch.Generator().manual_seed(0)
        self.labels = torch.randint(0, 8, (samples,), generator=made)
        angle = (self.labels * torch.pi / 8).view(-1, 1, 1)
        across = (
            torch.arange(16.0).view(1, -1, 1) * angle.cos() + torch.arange(16.0).view(1, 1, -1) * angle.sin()
        )
        self.images = across.sin().unsqueeze(1) + torch.randn(samples, 3, 16, 16, generator=made)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index].roll(int(np.random.randint(-3, 4)), -1)
        if random.random() < 0.5:
            image = -image
        return image + 0.1 * torch.randn(image.shape), self.labels[index]


class ImageNet(nn.Sequential):
    """Convolutions with BatchNorm, and dropout."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 8)),
        )


def report(model: nn.Module, data: Dataset) -> None:
    """Print the loss over the data, and a digest of the model."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with torch.no_grad():
        images, labels = default_collate([data[index] for index in range(len(data))])
        loss = cross_entropy(model.eval()(images), labels)
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    print(f"loss {loss.item():.4f}, model sha256 {hashlib.sha256(state).hexdigest()}")


def main() -> None:
    """Train three epochs and say what came out."""
    torch.set_num_threads(1)  # the number of threads decides bits
    torch.manual_seed(0)
    model = ImageNet()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
    data = Stripes()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 36)
    job = elastic.prepare(
        model, optimizer, data, workers=4, batch_size=16, epochs=3, seed=100, scheduler=schedule
    )
    for step in job.steps():
        for images, labels in step:
            loss = cross_entropy(model(images), labels)
            loss.backward()
        optimizer.step()
        schedule.step()
    if job.executor.is_first:
        report(model, data)


if __name__ == "__main__":
    main()
