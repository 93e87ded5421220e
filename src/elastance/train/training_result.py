"""What became of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class StoppedBy(StrEnum):
    """Why training stopped."""

    TARGET = "target"
    """The target metric was reached."""
    EPOCHS = "epochs"
    """All epochs were trained."""
    COST = "cost"
    """One epoch more would have cost more than the threshold allows."""


class Usage(NamedTuple):
    """Energy and time over all ranks.

    Attributes:
        energy_j: Energy, J.
        time_s: Time of the slowest rank, s.
    """

    energy_j: float
    time_s: float

    def plus(self, other: Usage, share: float = 1.0) -> Usage:
        """Return this and a share of another."""
        return Usage(self.energy_j + share * other.energy_j, self.time_s + share * other.time_s)


@dataclass(frozen=True)
class TrainingResult:
    """What became of a training run, over all ranks.

    Attributes:
        energy_j: Energy of all epochs, evaluation included, J.
        time_s: Their duration, s.
        cost_j: Their cost, J.
        epochs: Epochs that ended.
        reached: Whether the target metric was reached.
        stopped_by: Why it stopped; None while it runs, or if the loop was left before.
    """

    energy_j: float
    time_s: float
    cost_j: float
    epochs: int
    reached: bool
    stopped_by: StoppedBy | None
