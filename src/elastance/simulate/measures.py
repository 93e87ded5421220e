"""What a history of runs amounts to: totals, regret, savings, the final configuration, and when it paid off."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from elastance.simulate.yardstick import Baselines, Yardstick, slice_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.runs import RunRecord

LAST = 5
"""Savings and the final configuration are taken over this many last recurrences (NSDI'23, section 6.2)."""


class Spread(NamedTuple):
    """A quantity over seeds.

    Attributes:
        mean: Mean over the seeds that have a value; None if none has.
        ci95: Half width of the 95 % confidence interval of the mean (Student's t); None with fewer than two
            values.
    """

    mean: float | None
    ci95: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread:
        """Summarise `values`, one per seed, leaving out None."""
        present = [value for value in values if value is not None]
        count = len(present)
        if not count:
            return cls(None, None)
        mean = math.fsum(present) / count
        if count == 1:
            return cls(mean, None)
        variance = math.fsum((value - mean) ** 2 for value in present) / (count - 1)
        return cls(mean, _student_t(count - 1) * math.sqrt(variance / count))


def _student_t(degrees_of_freedom: int) -> float:
    # Imported here: it takes longer than a whole simulation with one seed, which does not need it.
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return float(stdtrit(degrees_of_freedom, 0.975))


@dataclass(frozen=True)
class Measures:
    """One history, measured.

    Attributes:
        energy_j: Energy of all runs, J.
        time_s: Time of all runs, s.
        cost_j: Cost of all runs, J.
        regret_oracle_jobs: Cost beyond the oracle's, in costs of one oracle recurrence.
        final: Most frequent (batch size, power limit in W) of the last successful runs; None without runs.
        gap: Expected cost of the final configuration above the oracle's, as a fraction of it.
        energy_saving: Energy saved in the last recurrences, as a fraction of the default's expectation.
        time_saving: The same for time; negative = slower.
        total_energy_saving: Energy saved over all recurrences, exploration included.
        break_even_recurrence: First recurrence from which on the accumulated cost stays at or below the
            default's; None if it does not.
        runs: How many runs it took, failed tries included.
        notes: What a user should know about how the history came about.
    """

    energy_j: float
    time_s: float
    cost_j: float
    regret_oracle_jobs: float
    final: tuple[int, int] | None
    gap: float | None
    energy_saving: float | None
    time_saving: float | None
    total_energy_saving: float | None
    break_even_recurrence: int | None
    runs: int
    notes: tuple[str, ...] = ()


def measure(yardstick: Yardstick, records: Sequence[RunRecord], recurrences: int) -> Measures:
    """Measure the `records` of `recurrences` recurrences by a yardstick, whose baselines may drift.

    With drift, regret is in costs of the mean oracle recurrence, and the gap is the mean over the last successful
    runs, each against the oracle of its own slice.
    """
    energy_j = math.fsum(record.energy_j for record in records)
    cost_j = math.fsum(record.cost_j for record in records)
    last = [record for record in records if record.recurrence >= recurrences - LAST]
    span = min(LAST, recurrences)
    final = _final_configuration(last)
    saved_j = saved_s = saved_total = None
    if span:
        saved_j = 1 - math.fsum(record.energy_j for record in last) / span / yardstick.last_default_j
        saved_s = 1 - math.fsum(record.time_s for record in last) / span / yardstick.last_default_s
        saved_total = 1 - energy_j / (recurrences * yardstick.default_energy_j)
    return Measures(
        energy_j=energy_j,
        time_s=math.fsum(record.time_s for record in records),
        cost_j=cost_j,
        regret_oracle_jobs=cost_j / yardstick.oracle_cost_j - recurrences,
        final=final,
        gap=None if final is None else _gap(yardstick, final, last),
        energy_saving=saved_j,
        time_saving=saved_s,
        total_energy_saving=saved_total,
        break_even_recurrence=break_even(
            cost_per_recurrence(records, recurrences), yardstick.default_costs_j
        ),
        runs=len(records),
    )


def _gap(yardstick: Yardstick, final: tuple[int, int], last: Sequence[RunRecord]) -> float:
    """Expected cost above the oracle's, as a fraction of it."""

    def above(baselines: Baselines, configuration: tuple[int, int]) -> float:
        return baselines.table[configuration].cost_j / baselines.oracle.cost_j - 1

    slices = yardstick.slices
    if len(slices) == 1:
        return above(slices[0], final)
    reached = [record for record in last if record.reached]
    gaps = [above(slice_of(slices, at.recurrence), (at.batch_size, at.power_limit_w)) for at in reached]
    return math.fsum(gaps) / len(gaps)


def cost_per_recurrence(records: Sequence[RunRecord], recurrences: int) -> list[float]:
    """Return the cost of each recurrence, all its tries included, J."""
    costs = [0.0] * recurrences
    for record in records:
        costs[record.recurrence] += record.cost_j
    return costs


def break_even(costs_j: Sequence[float], accumulated_default_j: Sequence[float]) -> int | None:
    """Return the first recurrence, from 1, from which on the accumulated cost stays at or below the default's.

    Args:
        costs_j: Cost of each recurrence, J.
        accumulated_default_j: What default has cost after each recurrence, J.
    """
    first = None
    totals = zip(accumulate(costs_j), accumulated_default_j, strict=True)
    for recurrence, (total, default_j) in enumerate(totals, start=1):
        # One part in 10^12 allows for the rounding of the running sum, so that the default breaks even at once.
        if total > default_j * (1 + 1e-12):
            first = None
        elif first is None:
            first = recurrence
    return first


def _final_configuration(last: Sequence[RunRecord]) -> tuple[int, int] | None:
    """The most frequent configuration of the successful runs; the latest one on a tie."""
    reached = [(record.batch_size, record.power_limit_w) for record in last if record.reached]
    return Counter(reversed(reached)).most_common(1)[0][0] if reached else None
