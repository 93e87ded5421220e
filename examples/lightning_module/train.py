"""Train a Lightning module under the power limit that suits it, and stop at a target.

    python examples/lightning_module/train.py --devices sim:v100

The module tells two interleaved spirals apart; their points are drawn on the spot.
"""

from __future__ import annotations

import argparse
import logging
import math

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from elastance.train import LeastEtaCost, PowerLimitOptimizer, SweepSteps, report
from elastance.train.lightning import EnergyCallback


def draw_spirals(count: int, seed: int) -> TensorDataset:
    """Draw points [count, 2] near two spirals, and which spiral each is of."""
    generator = torch.Generator().manual_seed(seed)
    spiral = torch.randint(2, (count,), generator=generator)
    turn = 3.0 * math.pi * torch.rand(count, generator=generator).sqrt()
    angle = turn + math.pi * spiral
    points = torch.stack((angle.cos(), angle.sin()), 1) * turn[:, None] / (3.0 * math.pi)
    return TensorDataset(points + 0.02 * torch.randn(count, 2, generator=generator), spiral)


class Spirals(LightningModule):
    """A network of three layers."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.network = nn.Sequential(
            nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
        )

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch."""
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        """Log the metric that is watched."""
        self.log("val_accuracy", (self.network(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


def parse_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=30)
    parser.add_argument("--target", type=float, default=0.97, help="accuracy to stop at")
    parser.add_argument(
        "--devices", help="what to measure, as in sim:v100; by default the GPUs that CUDA sees"
    )
    return parser.parse_args()


def main() -> None:
    """Train until the target is reached, and tell what it took."""
    options = parse_options()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    seed_everything(options.seed, verbose=False)
    tuner = PowerLimitOptimizer(
        options.devices, selector=LeastEtaCost(0.5), steps=SweepSteps(0, 1, 10), limit_step_w=50.0
    )
    energy = EnergyCallback(tuner, metric="val_accuracy", target=options.target)
    trainer = Trainer(
        max_epochs=options.max_epochs,
        devices=1,
        callbacks=[energy],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        Spirals(options.lr),
        DataLoader(draw_spirals(4096, seed=0), options.batch_size, shuffle=True),
        DataLoader(draw_spirals(2048, seed=1), 2048),
    )

    result = energy.result
    metric = trainer.callback_metrics["val_accuracy"].item()
    report(result.reached, metric=metric, epochs=result.epochs)
    print(
        f"{result.epochs} epochs, {result.time_s:.1f} s, {result.energy_j:.0f} J; reached: {result.reached}"
    )
    print(tuner.report)


if __name__ == "__main__":
    main()
