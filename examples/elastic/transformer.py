"""A small transformer with dropout, trained by four logical workers on any number of executors.

Every one of these prints the same digest, which is also that of plain_ddp/transformer.py with four processes:

    python examples/elastic/transformer.py
    torchrun --nproc-per-node 2 examples/elastic/transformer.py
    torchrun --nproc-per-node 3 examples/elastic/transformer.py
    elastance launch --workers 4 --executors 2 -- python examples/elastic/transformer.py
"""

import hashlib
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, default_collate

from elastance import elastic


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
    job = elastic.prepare(
        model, optimizer, data, workers=4, batch_size=16, epochs=3, seed=100, scheduler=schedule
    )
    for step in job.steps():
        for inputs, targets in step:
            loss = cross_entropy(model(inputs), targets.flatten())
            loss.backward()
        optimizer.step()
        schedule.step()
    if job.executor.is_first:
        report(model, data)


if __name__ == "__main__":
    main()
