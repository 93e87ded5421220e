"""Train a tiny transformer with Hugging Face's Trainer, under the power limit that suits it.

    python examples/huggingface_trainer/train.py --devices sim:v100

The model is made from a configuration and the sequences are drawn on the spot: nothing is downloaded. It learns which
half of the vocabulary most words of a sequence are from.
"""

from __future__ import annotations

import argparse
import logging
import tempfile

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)

from elastance.train import LeastEtaCost, PowerLimitOptimizer, SweepSteps, report
from elastance.train.huggingface import EnergyCallback

VOCABULARY, LENGTH = 64, 15


class Sequences(Dataset[dict[str, torch.Tensor]]):
    """Sequences of words; the label says which half of the vocabulary most of them are from."""

    def __init__(self, count: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.words = torch.randint(VOCABULARY, (count, LENGTH), generator=generator)
        self.labels = ((self.words < VOCABULARY // 2).sum(1) > LENGTH // 2).long()

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.words[index], "labels": self.labels[index]}


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Return the metric that is watched; the trainer prefixes it with ``eval_``."""
    return {"accuracy": float(np.mean(prediction.predictions.argmax(1) == prediction.label_ids))}


def parse_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=10)
    parser.add_argument("--target", type=float, default=0.95, help="accuracy to stop at")
    parser.add_argument(
        "--devices", help="what to measure, as in sim:v100; by default the GPUs that CUDA sees"
    )
    return parser.parse_args()


def main() -> None:
    """Train until the target is reached, and tell what it took."""
    options = parse_options()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    set_seed(options.seed)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
        )
    )  # fmt: skip
    steps = SweepSteps(wait=0, warmup=1, measure=10)
    with (
        tempfile.TemporaryDirectory() as directory,
        PowerLimitOptimizer(
            options.devices, selector=LeastEtaCost(0.5), steps=steps, limit_step_w=50.0
        ) as tuner,
    ):
        energy = EnergyCallback(tuner, metric="eval_accuracy", target=options.target)
        arguments = TrainingArguments(
            directory,
            num_train_epochs=options.max_epochs,
            per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=256,
            learning_rate=options.lr,
            lr_scheduler_type="constant",
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = Trainer(
            model,
            arguments,
            train_dataset=Sequences(4096, seed=0),
            eval_dataset=Sequences(1024, seed=1),
            compute_metrics=accuracy,
            callbacks=[energy],
        )
        trainer.train()

    result = energy.result
    metric = max(entry["eval_accuracy"] for entry in trainer.state.log_history if "eval_accuracy" in entry)
    report(result.reached, metric=metric, epochs=result.epochs)
    print(
        f"{result.epochs} epochs, {result.time_s:.1f} s, {result.energy_j:.0f} J; reached: {result.reached}"
    )
    print(tuner.report)


if __name__ == "__main__":
    main()
