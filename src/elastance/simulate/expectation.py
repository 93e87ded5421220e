"""What each configuration of a job is expected to take, and the two baselines that follow from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import ConvergenceError
from elastance.runs import RunRecord

if TYPE_CHECKING:
    from elastance.cost import EtaCost
    from elastance.job import Job
    from elastance.traces import JobFacts, SizeFacts


class Expectation(NamedTuple):
    """Expected consumption of one recurrence under a fixed configuration, restarts after a miss included.

    Attributes:
        batch_size: Samples per optimizer step.
        power_limit_w: W.
        epochs: Expected epochs; infinite if the target is never reached.
        energy_j: J.
        time_s: s.
        cost_j: By `elastance.cost.EtaCost`, J.
    """

    batch_size: int
    power_limit_w: int
    epochs: float
    energy_j: float
    time_s: float
    cost_j: float

    def as_record(self, recurrence: int) -> RunRecord:
        """Return it as the record of a run that went exactly as expected."""
        return RunRecord(
            self.batch_size,
            self.power_limit_w,
            self.energy_j,
            self.time_s,
            True,
            self.epochs,
            self.cost_j,
            recurrence,
            False,
        )


def expected_epochs(paths: tuple[int | None, ...], max_epochs: int) -> float:
    """Return the expected epochs until the target, restarting after each miss.

    With n_i the epochs of training path i, `max_epochs` for a miss, and q the share of paths that reach the
    target: ``mean(n_i) / q``.
    """
    lengths = [path if path is not None and path <= max_epochs else max_epochs for path in paths]
    reached = sum(path is not None and path <= max_epochs for path in paths)
    return sum(lengths) / reached if reached else math.inf


def expectations(facts: JobFacts, job: Job, cost: EtaCost) -> dict[tuple[int, int], Expectation]:
    """Return the expectation of every configuration on offer, keyed by (batch size, power limit in W)."""
    table: dict[tuple[int, int], Expectation] = {}
    for size, of_size in facts.sizes.items():
        epochs = expected_epochs(of_size.paths, job.max_epochs)
        for limit, (epoch_s, epoch_j) in of_size.epoch_at.items():
            energy_j, time_s = epochs * epoch_j, epochs * epoch_s
            # Said outright: at eta 0 or 1 the formula would multiply infinity by zero.
            cost_j = math.inf if math.isinf(epochs) else cost.of_run(energy_j, time_s)
            table[size, limit] = Expectation(size, limit, epochs, energy_j, time_s, cost_j)
    return table


def oracle(table: dict[tuple[int, int], Expectation]) -> Expectation:
    """Return the configuration with the least expected cost.

    Raises:
        ConvergenceError: No configuration ever reaches the target.
    """
    best = min(table.values(), key=lambda expectation: expectation.cost_j)
    if math.isinf(best.cost_j):
        raise ConvergenceError(
            "no batch size on offer ever reaches the target metric within the job's epochs"
        )
    return best


def default(table: dict[tuple[int, int], Expectation], facts: JobFacts, job: Job) -> Expectation:
    """Return the user's own batch size at its largest power limit.

    Raises:
        ConvergenceError: That batch size never reaches the target.
    """
    size = facts.sizes[job.default_batch_size]
    expectation = table[size.batch_size, max(size.power_limits_w)]
    if math.isinf(expectation.cost_j):
        raise missed_default(size, job)
    return expectation


def missed_default(size: SizeFacts, job: Job) -> ConvergenceError:
    """Return the error that says that the user's own batch size does not reach the target, and why."""
    needed = [path for path in size.paths if path is not None]
    known = f"it needs {min(needed)} to {max(needed)} epochs" if needed else "it never does"
    return ConvergenceError(
        f"the default batch size {size.batch_size} does not reach target metric {job.target_metric:g} "
        f"within {job.max_epochs} epochs: {known}; give another --b0, an easier target or more epochs"
    )


def pareto_front(table: dict[tuple[int, int], Expectation]) -> list[Expectation]:
    """Return the configurations no other beats in both time and energy, fastest first."""
    front: list[Expectation] = []
    for expectation in sorted(table.values(), key=lambda at: (at.time_s, at.energy_j)):
        if math.isfinite(expectation.energy_j) and (not front or expectation.energy_j < front[-1].energy_j):
            front.append(expectation)
    return front
