"""One rank of a small training run, for tests: writes the gradients of every step, weighted and unweighted.

Arguments: where to write to, and the size of the data set. To be started with the environment of a rank.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset

from elastance.train import Share, join
from elastance.train.data_parallel import GradientWeights

SEED, EPOCHS, RATE, MOMENTUM = 3, 3, 0.1, 0.9


def made_up_data(samples: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(samples, 6, generator=generator)
    # Far from alike, so that a step with wrong weights is another step.
    targets = inputs.sum(dim=1, keepdim=True) + torch.arange(samples).reshape(-1, 1) / samples * 4.0
    return TensorDataset(inputs, targets)


def made_up_model() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))


def flat_gradients(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten().clone() for parameter in model.parameters()])


def train(share: Share, samples: int) -> list[torch.Tensor]:
    """Gradients of every step, then the parameters at the end."""
    model = share.data_parallel(made_up_model())
    loader = share.loader(made_up_data(samples), seed=SEED)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    seen = []
    for _ in range(EPOCHS):
        for step in loader:
            optimizer.zero_grad()
            for inputs, targets in step:
                nn.functional.mse_loss(model(inputs), targets).backward()
            seen.append(flat_gradients(model))
            optimizer.step()
    return [*seen, torch.cat([parameter.detach().flatten() for parameter in model.parameters()])]


def main() -> None:
    directory, samples = Path(sys.argv[1]), int(sys.argv[2])
    share = join()
    weighted = train(share, samples)
    weighing = GradientWeights.weighing
    GradientWeights.weighing = lambda self, _weight, on_last=None: weighing(self, 1.0, on_last)
    plain = train(Share(share.shares, share.rank, share.device), samples)
    torch.save({"weighted": weighted, "plain": plain}, directory / f"{share.rank}.pt")


if __name__ == "__main__":
    main()
