"""What a history of runs amounts to: totals, regret, savings, the final configuration, and when it paid off."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.runs import RunRecord
    from elastance.simulate.expectation import Expectation

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


def measure(
    records: Sequence[RunRecord],
    recurrences: int,
    *,
    table: dict[tuple[int, int], Expectation],
    oracle: Expectation,
    default: Expectation,
) -> Measures:
    """Measure the `records` of `recurrences` recurrences against the two baselines.

    Args:
        records: Every run in order, failed tries included.
        recurrences: How many recurrences they belong to.
        table: Expectation of every configuration.
        oracle: The best configuration.
        default: The user's own configuration.
    """
    energy_j = math.fsum(record.energy_j for record in records)
    cost_j = math.fsum(record.cost_j for record in records)
    last = [record for record in records if record.recurrence >= recurrences - LAST]
    span = min(LAST, recurrences)
    final = _final_configuration(last)
    saved_j = saved_s = saved_total = None
    if span:
        saved_j = 1 - math.fsum(record.energy_j for record in last) / span / default.energy_j
        saved_s = 1 - math.fsum(record.time_s for record in last) / span / default.time_s
        saved_total = 1 - energy_j / (recurrences * default.energy_j)
    return Measures(
        energy_j=energy_j,
        time_s=math.fsum(record.time_s for record in records),
        cost_j=cost_j,
        regret_oracle_jobs=cost_j / oracle.cost_j - recurrences,
        final=final,
        gap=None if final is None else table[final].cost_j / oracle.cost_j - 1,
        energy_saving=saved_j,
        time_saving=saved_s,
        total_energy_saving=saved_total,
        break_even_recurrence=break_even(cost_per_recurrence(records, recurrences), default.cost_j),
    )


def cost_per_recurrence(records: Sequence[RunRecord], recurrences: int) -> list[float]:
    """Return the cost of each recurrence, all its tries included, J."""
    costs = [0.0] * recurrences
    for record in records:
        costs[record.recurrence] += record.cost_j
    return costs


def break_even(costs_j: Sequence[float], default_cost_j: float) -> int | None:
    """Return the first recurrence, from 1, from which on the accumulated cost stays at or below the default's."""
    first = None
    for recurrence, total in enumerate(accumulate(costs_j), start=1):
        # One part in 10^12 allows for the rounding of the running sum, so that the default breaks even at once.
        if total > recurrence * default_cost_j * (1 + 1e-12):
            first = None
        elif first is None:
            first = recurrence
    return first


def _final_configuration(last: Sequence[RunRecord]) -> tuple[int, int] | None:
    """The most frequent configuration of the successful runs; the latest one on a tie."""
    reached = [(record.batch_size, record.power_limit_w) for record in last if record.reached]
    return Counter(reversed(reached)).most_common(1)[0][0] if reached else None
