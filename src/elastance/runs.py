"""The record of one run: the same for simulated and for real ones."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Provenance(StrEnum):
    """Where a number comes from."""

    COUNTER = "counter"
    """Read from a hardware energy counter."""
    INTEGRAL = "integral"
    """Integrated from polled power."""
    ESTIMATE = "estimate"
    """Estimated without a power reading."""
    REPLAY = "replay"
    """Replayed from a recording."""
    TRACE = "trace"
    """Looked up in a recorded trace."""
    MODEL = "model"
    """Computed from a model fitted to traces, or from synthetic traces."""
    MEASURED = "measured"
    """Measured by the same command, on the machine it ran on."""
    PUBLISHED = "published"
    """A number that others published, for comparison."""


class RunRecord(NamedTuple):
    """One run of a job, finished or stopped.

    Attributes:
        batch_size: Samples per optimizer step, over all workers.
        power_limit_w: Power limit after profiling, W.
        energy_j: Energy of the run, J.
        time_s: Duration of the run, s.
        reached: Whether the target metric was reached.
        epochs: Epochs trained (a mean, for the expectation of a baseline).
        cost_j: Cost of the run by `elastance.cost.EtaCost`, J.
        recurrence: Which recurrence of the job the run belongs to, from 0.
        profiled: Whether the first epoch tried every power limit.
    """

    batch_size: int
    power_limit_w: int
    energy_j: float
    time_s: float
    reached: bool
    epochs: float
    cost_j: float
    recurrence: int
    profiled: bool

    def history_row(self) -> list[int | float | bool]:
        """Return ``[batch_size, power_limit_w, energy_j, time_s, reached]``, the row of a history file."""
        return list(self[:5])
