"""A small image net with BatchNorm and dropout, trained with plain DDP; see ../image_net.py for the elastic one.

Run: torchrun --nproc-per-node 4 examples/elastic/plain_ddp/image_net.py
"""

import hashlib
import random
import time

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler, default_collate


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
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    random.seed(100 + rank)
    np.random.seed(100 + rank)
    torch.manual_seed(100 + rank)
    sampler = DistributedSampler(data)
    loader = DataLoader(data, batch_size=16, sampler=sampler)
    parallel = DistributedDataParallel(model)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for images, labels in loader:
            optimizer.zero_grad()
            loss = cross_entropy(parallel(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
    if rank == 0:
        report(model, data)
    dist.barrier()  # a process that leaves before others had its last message can hang them
    time.sleep(
        0.1
    )  # PyTorch ends its last work in a thread of its own; a group destroyed before can wait forever
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
