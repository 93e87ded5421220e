"""A recurring training job: what is trained, to which target, and the user's own configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from elastance.catalog import Workload

_SQUARE_ROOT = frozenset({"adam", "adamw", "adadelta"})
_LINEAR = frozenset({"sgd"})


@dataclass(frozen=True)
class Job:
    """One recurring job; immutable and hashable.

    Attributes:
        dataset, network, optimizer: Identity; with `target_metric` they select trace rows by exact equality.
        target_metric: The run stops once the validation metric reaches this value.
        max_epochs: Hard bound on the length of a run, epochs.
        default_batch_size: The user's own batch size (b0), assumed able to reach the target.
        default_learning_rate: The learning rate that goes with it; needed only to scale it.

    Raises:
        InputError: A number is out of range.
    """

    dataset: str
    network: str
    optimizer: str
    target_metric: float
    max_epochs: int
    default_batch_size: int
    default_learning_rate: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.target_metric):
            raise InputError(f"target metric {self.target_metric} is not a finite number")
        if self.max_epochs < 1:
            raise InputError(f"max epochs {self.max_epochs} is not a positive number of epochs")
        if self.default_batch_size < 1:
            raise InputError(
                f"default batch size {self.default_batch_size} is not a positive number of samples"
            )

    @classmethod
    def of_workload(cls, workload: Workload) -> Job:
        """Return the default job of `workload`.

        Raises:
            InputError: A number of the workload is out of range.
        """
        return cls(
            workload.dataset,
            workload.network,
            workload.optimizer,
            workload.target_metric,
            workload.max_epochs,
            workload.batch_size,
            workload.learning_rate,
        )

    def __str__(self) -> str:
        return (
            f"{self.dataset}, {self.network}, {self.optimizer}, target {self.target_metric:g}, "
            f"b0 {self.default_batch_size}, at most {self.max_epochs} epochs"
        )


def scale_learning_rate(
    optimizer: str, learning_rate: float, *, default_batch_size: int, batch_size: int
) -> float:
    """Scale `learning_rate`, which suits `default_batch_size`, to `batch_size`.

    Adaptive optimizers (Adam, AdamW, Adadelta) scale with the square root of the ratio of batch sizes, SGD with
    the ratio itself.

    Raises:
        UnknownNameError: No rule is known for this optimizer.
    """
    name = optimizer.lower()
    ratio = batch_size / default_batch_size
    if name in _SQUARE_ROOT:
        return learning_rate * math.sqrt(ratio)
    if name in _LINEAR:
        return learning_rate * ratio
    raise UnknownNameError("optimizer with a learning-rate scaling rule", optimizer, _SQUARE_ROOT | _LINEAR)
