"""What the baselines of a job are expected to take, recurrence by recurrence; they change where its data drift."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from elastance.simulate.expectation import Expectation, default, expectations, oracle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.cost import EtaCost
    from elastance.job import Job
    from elastance.traces import JobFacts

_Held = TypeVar("_Held")


class Baselines(NamedTuple):
    """What is expected of a job as long as its facts stay the same.

    Attributes:
        table: Expectation of every configuration on offer, keyed by (batch size, power limit in W).
        oracle: The best configuration.
        default: The user's own configuration.
    """

    table: dict[tuple[int, int], Expectation]
    oracle: Expectation
    default: Expectation

    @classmethod
    def of(cls, facts: JobFacts, job: Job, cost: EtaCost) -> Baselines:
        """Return the baselines of `job`.

        Raises:
            ConvergenceError: No configuration, or not the user's own, ever reaches the target.
        """
        table = expectations(facts, job, cost)
        return cls(table, oracle(table), default(table, facts, job))


class Yardstick(NamedTuple):
    """What the baselines are expected to take over all recurrences; what a history is measured by.

    Attributes:
        oracle_cost_j: Mean cost of an oracle recurrence, J.
        default_energy_j: Mean energy of a default recurrence, J.
        last_default_j, last_default_s: Mean energy and time of a default recurrence over the last ones.
        default_costs_j: Accumulated cost of default after each recurrence, J.
        slices: What holds in each recurrence, the last one from then on; a single one where nothing drifts.
    """

    oracle_cost_j: float
    default_energy_j: float
    last_default_j: float
    last_default_s: float
    default_costs_j: Sequence[float]
    slices: Sequence[Baselines]

    @classmethod
    def steady(cls, baselines: Baselines, recurrences: int) -> Yardstick:
        """Return the yardstick of a job whose facts stay the same."""
        usual = baselines.default
        # Products, not sums: no rounding grows with the number of recurrences.
        costs = [count * usual.cost_j for count in range(1, recurrences + 1)]
        return cls(baselines.oracle.cost_j, usual.energy_j, usual.energy_j, usual.time_s, costs, (baselines,))

    @classmethod
    def drifting(cls, slices: Sequence[Baselines], recurrences: int, last: int) -> Yardstick:
        """Return the yardstick of a job that runs on another slice each time, and on the last one from then on.

        Args:
            slices: Baselines on each slice.
            recurrences: How often the job recurs.
            last: How many recurrences count as the last ones.
        """
        if not recurrences:
            return cls.steady(slices[0], 0)
        each = [slice_of(slices, recurrence) for recurrence in range(recurrences)]
        usual = [of.default for of in each]

        def mean(values: list[float]) -> float:
            return math.fsum(values) / len(values)

        return cls(
            mean([of.oracle.cost_j for of in each]),
            mean([at.energy_j for at in usual]),
            mean([at.energy_j for at in usual[-last:]]),
            mean([at.time_s for at in usual[-last:]]),
            list(accumulate(at.cost_j for at in usual)),
            slices,
        )


def slice_of(slices: Sequence[_Held], recurrence: int) -> _Held:
    """Return what holds in a recurrence, from 0: recurrence i runs on slice i, and the last slice repeats."""
    return slices[min(recurrence, len(slices) - 1)]
