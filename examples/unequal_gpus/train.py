"""Train a small network on GPUs of different speed, each with its share of every batch.

    elastance split v100 a40 --workload cifar100 --global-batch 96 --minimize time --output plan.json
    elastance launch --plan plan.json --devices sim:v100,a40 -- python examples/unequal_gpus/train.py

The lines that make it run on many GPUs are numbered; the rest is plain PyTorch. Alone,
`python train.py --batch-size 96` trains the same steps in one process.
"""

import argparse

import torch
from torch import nn
from torch.utils.data import TensorDataset

from elastance.train import join


def main() -> None:
    """Train, and say how the loss falls."""
    parser = argparse.ArgumentParser(description="Train a small network on unequal GPUs.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "--batch-size", type=int, help="samples of a step over all GPUs; the plan's by default"
    )
    arguments = parser.parse_args()

    share = join(arguments.batch_size)  # 1: this rank's GPU, its share, and the others

    torch.manual_seed(0)
    inputs = torch.randn(2000, 20)
    dataset = TensorDataset(inputs, (inputs[:, 0] * inputs[:, 1] > 0).long())
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
    model = share.data_parallel(model)  # 2: gradients weighted by the share
    loader = share.loader(dataset, seed=0)  # 3: every sample once per epoch, over all GPUs

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loss_function = nn.CrossEntropyLoss()
    for epoch in range(arguments.epochs):
        for step in loader:
            optimizer.zero_grad()
            for features, labels in step:  # 4: one micro-batch, unless the share is too large for the GPU
                loss = loss_function(model(features.to(share.device)), labels.to(share.device))
                loss.backward()
            optimizer.step()
        if share.rank == 0:
            print(f"epoch {epoch}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
