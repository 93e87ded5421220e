"""Train a small convolutional network on made-up images, for as few joules as the batch size allows.

    python examples/image_classifier/train.py --devices sim:v100 --batch-size 128

The images are noisy gratings of ten classes, drawn on the spot: no download. A CUDA GPU is used where there is one;
its power limit is tuned while the network trains. Run by `elastance tune`, the script also tells that how it went.
"""

from __future__ import annotations

import argparse
import logging
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from elastance.train import EnergyDataLoader, PowerLimitOptimizer, SweepSteps, report

CLASSES, SIDE = 10, 16
TRAINING_IMAGES, VALIDATION_IMAGES = 8192, 2048
NOISE = 2.2


def draw_images(count: int, seed: int) -> TensorDataset:
    """Draw images [count, 1, SIDE, SIDE] and their classes: a grating's direction and pitch, hidden in noise."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(CLASSES, (count,), generator=generator)
    angle = classes % 5 * math.pi / 5 + 0.12 * torch.randn(count, generator=generator)
    pitch = (0.9 + 0.7 * (classes // 5)) * (1.0 + 0.08 * torch.randn(count, generator=generator))
    phase = 2.0 * math.pi * torch.rand(count, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    along = torch.cos(angle)[:, None, None] * columns + torch.sin(angle)[:, None, None] * rows
    gratings = torch.sin(pitch[:, None, None] * along + phase[:, None, None])
    noise = NOISE * torch.randn(count, SIDE, SIDE, generator=generator)
    return TensorDataset((gratings + noise).unsqueeze(1), classes)


def make_network() -> nn.Sequential:
    """Return two convolutions, each with batch normalisation, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (SIDE // 4) ** 2, CLASSES),
    )


@torch.inference_mode()
def accuracy(network: nn.Module, images: torch.Tensor, classes: torch.Tensor) -> float:
    """Return the share of images whose class is recognised."""
    network.eval()
    return (network(images).argmax(1) == classes).float().mean().item()


def sweep_steps(steps_per_epoch: int) -> SweepSteps:
    """Return windows of a fifth of an epoch: the four limits of a V100 are measured within the first epoch."""
    part = max(1, steps_per_epoch // 5)
    warmup = min(2, part // 3)
    return SweepSteps(wait=0, warmup=warmup, measure=part - warmup)


def parse_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument(
        "--lr", type=float, help="by default 0.008, scaled with the square root of batch size / 512"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=20)
    parser.add_argument("--target", type=float, default=0.84, help="accuracy to stop at")
    parser.add_argument(
        "--devices", help="what to measure, as in sim:v100; by default the GPUs that CUDA sees"
    )
    return parser.parse_args()


def main() -> None:
    """Train until the target is reached, and tell what it took."""
    options = parse_options()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = draw_images(TRAINING_IMAGES, seed=0)
    validation = [part.to(device) for part in draw_images(VALIDATION_IMAGES, seed=1).tensors]
    torch.manual_seed(options.seed)
    network = make_network().to(device)
    rate = options.lr or 0.008 * math.sqrt(options.batch_size / 512)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    batches = DataLoader(training, options.batch_size, shuffle=True, drop_last=True)

    best = 0.0
    with PowerLimitOptimizer(options.devices, steps=sweep_steps(len(batches)), limit_step_w=50.0) as tuner:
        loader = EnergyDataLoader(batches, tuner, max_epochs=options.max_epochs, target_metric=options.target)
        for epoch in loader.epochs():
            network.train()
            for images, classes in loader:
                loss = nn.functional.cross_entropy(network(images.to(device)), classes.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            value = accuracy(network, *validation)
            best = max(best, value)
            print(f"epoch {epoch + 1}: accuracy {value:.3f}", flush=True)
            loader.report_metric(value)
            report(metric=best, epochs=epoch + 1)

    result = loader.result
    report(result.reached, metric=best, epochs=result.epochs, power_profile=tuner.profile)
    print(
        f"{result.epochs} epochs, {result.time_s:.1f} s, {result.energy_j:.0f} J; reached: {result.reached}"
    )
    print(tuner.report)


if __name__ == "__main__":
    main()
