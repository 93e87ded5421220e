"""A recommender (neural collaborative filtering), trained by four logical workers on any number of executors.

Every one of these prints the same digest, which is also that of plain_ddp/recommender.py with four processes:

    python examples/elastic/recommender.py
    torchrun --nproc-per-node 2 examples/elastic/recommender.py
    torchrun --nproc-per-node 3 examples/elastic/recommender.py
    elastance launch --workers 4 --executors 2 -- python examples/elastic/recommender.py
"""

import hashlib
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import Dataset, default_collate

from elastance import elastic


class Ratings(Dataset):
    """Pairs of a user and an item that was liked, or one drawn at random: nothing to download."""

    def __init__(self, samples: int = 3072) -> None:
        made = torch.Generator().manual_seed(0)
        self.users = torch.randint(0, 200, (samples,), generator=made)
        self.items = (3 * self.users + torch.randint(0, 12, (samples,), generator=made)) % 300

    def __len__(self) -> int:
        return len(self.users)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if np.random.random() < 0.5:
            return torch.stack([self.users[index], self.items[index]]), torch.tensor(1.0)
        return torch.stack([self.users[index], torch.tensor(np.random.randint(300))]), torch.tensor(0.0)


class Recommender(nn.Module):
    """Neural collaborative filtering: a product of embeddings beside a perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(200, 16), nn.Embedding(300, 16)
        self.deep = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 8), nn.ReLU())
        self.score = nn.Linear(24, 1)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        user, item = self.users(pairs[:, 0]), self.items(pairs[:, 1])
        return self.score(torch.cat([user * item, self.deep(torch.cat([user, item], 1))], 1)).squeeze(1)


def report(model: nn.Module, data: Dataset) -> None:
    """Print the loss over the data, and a digest of the model."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with torch.no_grad():
        pairs, liked = default_collate([data[index] for index in range(len(data))])
        loss = binary_cross_entropy_with_logits(model.eval()(pairs), liked)
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    print(f"loss {loss.item():.4f}, model sha256 {hashlib.sha256(state).hexdigest()}")


def main() -> None:
    """Train three epochs and say what came out."""
    torch.set_num_threads(1)  # the number of threads decides bits
    torch.manual_seed(0)
    model = Recommender()
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    data = Ratings()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 36)
    job = elastic.prepare(
        model, optimizer, data, workers=4, batch_size=64, epochs=3, seed=100, scheduler=schedule
    )
    for step in job.steps():
        for pairs, liked in step:
            loss = binary_cross_entropy_with_logits(model(pairs), liked)
            loss.backward()
        optimizer.step()
        schedule.step()
    if job.executor.is_first:
        report(model, data)


if __name__ == "__main__":
    main()
