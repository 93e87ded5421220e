"""How a policy followed a drifting data set, slice by slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from elastance.simulate.yardstick import slice_of

if TYPE_CHECKING:
    from elastance.simulate.expectation import Expectation
    from elastance.simulate.histories import History, Task


class SliceOutcome(NamedTuple):
    """One recurrence of a job whose data drift.

    Attributes:
        slice: Which slice it ran on, from 1.
        batch_size: Of the successful run.
        power_limit_w: Of the successful run, W.
        energy_j, time_s, cost_j: Of all tries.
        oracle: The best configuration of the slice, and what it is expected to take.
        default: What the user's own configuration is expected to take on it.
        gap: Expected cost of the configuration chosen above the oracle's, as a fraction of it.
    """

    slice: int
    batch_size: int
    power_limit_w: int
    energy_j: float
    time_s: float
    cost_j: float
    oracle: Expectation
    default: Expectation
    gap: float


def follow_drift(task: Task, history: History) -> tuple[SliceOutcome, ...]:
    """Return what became of every recurrence in `history`, beside what was best on its slice.

    Works without drift too: then everything happens on slice 1.
    """
    outcomes: list[SliceOutcome] = []
    for recurrence in range(task.recurrences):
        records = [record for record in history.records if record.recurrence == recurrence]
        chosen = records[-1]
        baselines = slice_of(task.baselines, recurrence)
        key = (chosen.batch_size, chosen.power_limit_w)
        outcomes.append(
            SliceOutcome(
                slice_of(range(1, len(task.baselines) + 1), recurrence),
                *key,
                math.fsum(record.energy_j for record in records),
                math.fsum(record.time_s for record in records),
                math.fsum(record.cost_j for record in records),
                baselines.oracle,
                baselines.default,
                baselines.table[key].cost_j / baselines.oracle.cost_j - 1,
            )
        )
    return tuple(outcomes)
