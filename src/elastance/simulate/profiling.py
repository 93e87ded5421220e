"""What it adds to a run to try every power limit in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elastance.simulate.expectation import Expectation
    from elastance.simulate.histories import Task

SECONDS_PER_LIMIT = 5.0
"""How long a real run stays at each limit to measure it (Zeus, NSDI'23, section 5)."""


class ProfilingOverhead(NamedTuple):
    """What profiling adds to a whole run, as fractions of the run; negative = it takes less.

    Attributes:
        energy: Extra energy.
        time: Extra time.
    """

    energy: float
    time: float


def overhead_of_whole_epoch(task: Task, run: Expectation) -> ProfilingOverhead:
    """Return what it adds to `run` that its first epoch gives every limit an equal share, as simulated."""
    size = task.facts.sizes[run.batch_size]
    profiling_s, profiling_j = size.profiling_epoch
    epoch_s, epoch_j = size.epoch_at[run.power_limit_w]
    return ProfilingOverhead((profiling_j - epoch_j) / run.energy_j, (profiling_s - epoch_s) / run.time_s)


def overhead_of_short_windows(
    task: Task, run: Expectation, seconds_per_limit: float = SECONDS_PER_LIMIT
) -> ProfilingOverhead:
    """Return what it adds to `run` to stay `seconds_per_limit` seconds at every limit, as a real run does.

    Calculated from time and power per epoch: the work done meanwhile is not done again, and switching limits is
    taken to be free.
    """
    size = task.facts.sizes[run.batch_size]
    epoch_s, epoch_j = size.epoch_at[run.power_limit_w]
    epochs = math.fsum(seconds_per_limit / time_s for time_s, _ in size.epoch_at.values())
    energy_j = math.fsum(seconds_per_limit * energy_j / time_s for time_s, energy_j in size.epoch_at.values())
    time_s = seconds_per_limit * len(size.epoch_at)
    return ProfilingOverhead(
        (energy_j - epochs * epoch_j) / run.energy_j, (time_s - epochs * epoch_s) / run.time_s
    )
