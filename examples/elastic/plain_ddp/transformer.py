"""A small transformer with dropout, trained with plain DDP; see ../transformer.py for the elastic one.

Run: torchrun --nproc-per-node 4 examples/elastic/plain_ddp/transformer.py
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


class Walks(Dataset):
    """Texts that mostly go on from each token to the one seven further: nothing to download."""

    def __init__(self, samples: int = 768) -> None:
        made = torch.Generator().manual_seed(0)
        astray = torch.rand(samples, 15, generator=made) < 0.1
        strides = torch.where(astray, torch.randint(0, 30, (samples, 15), generator=made), 7)
        self.texts = strides.cumsum(1) % 30

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        text = self.texts[index]
        return text[:-1], text[1:]


class Transformer(nn.Module):
    """Two layers of causal attention, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(30, 48), nn.Embedding(14, 48)
        layer = nn.TransformerEncoderLayer(48, 4, 96, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(48, 30)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(14))

    def forward(self, texts: torch.Tensor) -> torch.Tensor:
        hidden = self.tokens(texts) + self.places.weight
        return self.head(self.layers(hidden, mask=self.mask, is_causal=True)).flatten(0, 1)


def report(model: nn.Module, data: Dataset) -> None:
    """Print the loss over the data, and a digest of the model."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with torch.no_grad():
        inputs, targets = default_collate([data[index] for index in range(len(data))])
        loss = cross_entropy(model.eval()(inputs), targets.flatten())
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    print(f"loss {loss.item():.4f}, model sha256 {hashlib.sha256(state).hexdigest()}")


def main() -> None:
    """Train three epochs and say what came out."""
    torch.set_num_threads(1)  # the number of threads decides bits
    torch.manual_seed(0)
    model = Transformer()
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    data = Walks()
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
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = cross_entropy(parallel(inputs), targets.flatten())
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
