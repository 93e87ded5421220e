"""Train a bag-of-words classifier on one slice of a text that drifts, as Zeus's Capriccio does.

    python examples/text_classifier/train.py --devices sim:v100 --slice 3

Posts whose vocabulary changes from day to day are drawn on the spot and cut into slices by `elastance.traces.text`;
slices that `elastance data capriccio` cut from a text of your own are trained on with `--slices DIRECTORY`. Run by
`elastance tune` with `--slice {slice_number}`, each recurrence trains on the next slice.
"""

from __future__ import annotations

import argparse
import csv
import logging
import tempfile
import zlib
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from elastance.traces.text import SliceSettings, load_slice, slice_text
from elastance.train import EnergyDataLoader, PowerLimitOptimizer, SweepSteps, report

DAYS, POSTS_PER_DAY, WORDS_PER_POST = 40, 500, 16
VOCABULARY = 4000
BUCKETS = 8192


def write_posts(path: Path) -> None:
    """Write posts of two moods as CSV. Which words are in use moves on by the day; each has its mood."""
    rng = np.random.default_rng(0)
    mood_of_word = rng.integers(2, size=VOCABULARY)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("date", "text", "label"))
        for day in range(DAYS):
            for post in range(POSTS_PER_DAY):
                label = int(rng.integers(2))
                in_use = (rng.normal(VOCABULARY * day / DAYS, 400, 4 * WORDS_PER_POST) % VOCABULARY).astype(
                    int
                )
                # Most words fit the mood of the post, many do not.
                fitting = rng.random(in_use.size) < np.where(mood_of_word[in_use] == label, 0.65, 0.35)
                words = in_use[fitting][:WORDS_PER_POST]
                at = datetime(2026, 1, 1) + timedelta(days=day, seconds=86_400 * post / POSTS_PER_DAY)
                rows.writerow((at.isoformat(), " ".join(f"word{word}" for word in words), label))


def load(directory: Path | None, number: int) -> dict[str, TensorDataset]:
    """Return the training and validation part of a slice: hashed words [posts, words], 0 = none, and labels."""
    with tempfile.TemporaryDirectory(prefix="elastance-") as temporary:
        if directory is None:
            directory = Path(temporary)
            write_posts(directory / "posts.csv")
            slice_text(directory / "posts.csv", directory, SliceSettings(window=16 * POSTS_PER_DAY))
        parts = load_slice(directory, number, cache_directory=temporary)
        names = sorted(set(parts["train"]["label"]))
        return {
            part: TensorDataset(
                torch.tensor([hashed(text) for text in parts[part]["text"]]),
                torch.tensor([names.index(label) for label in parts[part]["label"]]),
            )
            for part in ("train", "validation")
        }


def hashed(text: str) -> list[int]:
    """Return the bucket of each of the first words of a text; the same on every machine."""
    buckets = [1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in text.split()[:WORDS_PER_POST]]
    return buckets + [0] * (WORDS_PER_POST - len(buckets))


class BagOfWords(nn.Module):
    """The mean of what the words mean, and two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(BUCKETS, 32, padding_idx=0)
        self.decide = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return the scores [posts, 2] of words [posts, words]."""
        return self.decide(self.words(words))


def parse_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", type=int, default=1, help="which slice, from 1")
    parser.add_argument("--slices", type=Path, help="directory of slices; by default they are made up")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=20)
    parser.add_argument("--target", type=float, default=0.78, help="accuracy to stop at")
    parser.add_argument(
        "--devices", help="what to measure, as in sim:v100; by default the GPUs that CUDA sees"
    )
    return parser.parse_args()


def main() -> None:
    """Train until the target is reached, and tell what it took."""
    options = parse_options()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load(options.slices, options.slice)
    words, labels = (part.to(device) for part in data["validation"].tensors)
    torch.manual_seed(options.seed)
    network = BagOfWords().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.lr)
    batches = DataLoader(data["train"], options.batch_size, shuffle=True, drop_last=True)
    part = max(1, len(batches) // 5)  # of an epoch, so that four limits are measured in one

    accuracy = 0.0
    with PowerLimitOptimizer(options.devices, steps=SweepSteps(0, 0, part), limit_step_w=50.0) as tuner:
        loader = EnergyDataLoader(batches, tuner, max_epochs=options.max_epochs, target_metric=options.target)
        for epoch in loader.epochs():
            for some_words, some_labels in loader:
                loss = nn.functional.cross_entropy(network(some_words.to(device)), some_labels.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.inference_mode():
                accuracy = (network(words).argmax(1) == labels).float().mean().item()
            print(f"slice {options.slice}, epoch {epoch + 1}: accuracy {accuracy:.3f}", flush=True)
            loader.report_metric(accuracy)

    result = loader.result
    report(result.reached, metric=accuracy, epochs=result.epochs)
    print(
        f"{result.epochs} epochs, {result.time_s:.1f} s, {result.energy_j:.0f} J; reached: {result.reached}"
    )
    print(tuner.report)


if __name__ == "__main__":
    main()
