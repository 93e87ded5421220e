"""What a job has cost recurrence by recurrence, against always running the user's own batch size."""

from __future__ import annotations

import math
from itertools import accumulate
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from elastance.train.tuning.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.train.tuning.job import TuningJob


class Default(NamedTuple):
    """What a run costs at the default batch size and the power limit that was there, as far as it was tried.

    Attributes:
        runs: How many such runs reached the target.
        energy_j: Their mean energy, J.
        energy_error_j: Its standard error, J; None from a single run.
        cost_j: Their mean cost, J.
    """

    runs: int
    energy_j: float
    energy_error_j: float | None
    cost_j: float


class Spent(NamedTuple):
    """What all runs took up to a recurrence, this one included, whatever became of them.

    Attributes:
        recurrence: Its number, from 0.
        reached: How many recurrences so far have reached the target.
        energy_j: Energy, J.
        cost_j: Cost, J.
    """

    recurrence: int
    reached: int
    energy_j: float
    cost_j: float


def default_of(job: TuningJob, history: Iterable[dict[str, Any]]) -> Default | None:
    """Return what the default costs; None before it has reached the target once."""
    largest_w = job.power_limits_w[-1]
    found = [
        run
        for run in history
        if run["status"] == Status.REACHED
        and run["cost_j"] is not None
        and run["batch_size"] == job.default_batch_size
        and run["power_limit_w"] in (None, largest_w)
    ]
    if not found:
        return None
    energies = [run["energy_j"] for run in found]
    error_j = stdev(energies) / math.sqrt(len(found)) if len(found) > 1 else None
    return Default(len(found), fmean(energies), error_j, fmean(run["cost_j"] for run in found))


def spent(history: Iterable[dict[str, Any]]) -> list[Spent]:
    """Return the sums, in order of recurrence; runs that were never measured count nothing."""
    own: dict[int, Spent] = {}
    for run in history:
        number = run["recurrence"]
        before = own.get(number, Spent(number, 0, 0.0, 0.0))
        own[number] = Spent(
            number,
            before.reached or int(run["status"] == Status.REACHED),
            before.energy_j + (run["energy_j"] or 0.0),
            before.cost_j + (run["cost_j"] or 0.0),
        )
    return list(accumulate((own[number] for number in sorted(own)), _plus))


def _plus(before: Spent, this: Spent) -> Spent:
    return Spent(
        this.recurrence,
        before.reached + this.reached,
        before.energy_j + this.energy_j,
        before.cost_j + this.cost_j,
    )


def break_even(sums: Sequence[Spent], what: str, default_j: float) -> int | None:
    """Return from which recurrence on (counted from 1) the sums stay at or below those of always the default.

    Args:
        sums: As `spent` returned them.
        what: ``"energy_j"`` or ``"cost_j"``.
        default_j: What a run at the default takes, J.

    Returns:
        Its number; None if the sums are above at the end.
    """
    since: int | None = None
    for at in sums:
        if getattr(at, what) > at.reached * default_j:
            since = None
        elif since is None:
            since = at.recurrence + 1
    return since
