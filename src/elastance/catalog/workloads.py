"""The six public workloads and the job each of them stands for by default."""

from __future__ import annotations

from dataclasses import dataclass

from elastance.errors import UnknownNameError


@dataclass(frozen=True)
class Workload:
    """One of the public workloads, with its default job.

    Attributes:
        name: Name on the command line; equal to the dataset's.
        dataset, network, optimizer: Identity in the traces.
        metric: What the target metric measures (WER: word error rate).
        higher_is_better: Direction of the metric.
        target_metric: Default target.
        max_epochs: Default bound on the length of a run, epochs.
        batch_size: Default batch size (b0); on a GPU that does not offer it, the largest offered below it.
        learning_rate: Default learning rate at that batch size, where it is known.
    """

    name: str
    dataset: str
    network: str
    optimizer: str
    metric: str
    higher_is_better: bool
    target_metric: float
    max_epochs: int
    batch_size: int
    learning_rate: float | None = None


WORKLOADS: tuple[Workload, ...] = (
    Workload("cifar100", "cifar100", "shufflenetv2", "adadelta", "accuracy", True, 0.60, 100, 1024, 0.1),
    Workload("imagenet", "imagenet", "resnet50", "adadelta", "accuracy", True, 0.65, 100, 256),
    Workload("squad", "squad", "bert_base_uncased", "adamw", "F1 score, %", True, 84.0, 6, 32),
    Workload("librispeech", "librispeech", "deepspeech2", "adamw", "WER, %", False, 40.0, 16, 256),
    Workload("movielens-1m", "movielens-1m", "ncf", "adam", "NDCG", True, 0.41, 100, 1024),
    Workload(
        "sentiment140", "sentiment140", "bert_base_uncased", "adamw", "accuracy", True, 0.84, 10, 128, 4e-7
    ),
)
"""The workloads of the public Zeus traces (paper, table 1), with the default jobs of its simulator."""


def find_workload(name: str) -> Workload:
    """Return the workload called `name` (case does not matter).

    Raises:
        UnknownNameError: No such workload; the message lists the nearest names.
    """
    for workload in WORKLOADS:
        if workload.name == name.lower():
            return workload
    raise UnknownNameError("workload", name, (workload.name for workload in WORKLOADS))
