"""A recurring job in virtual time: one recurrence after another, each retried until it reaches its target."""

from __future__ import annotations

import math
from collections import Counter
from numbers import Integral
from typing import TYPE_CHECKING

from elastance.errors import ConvergenceError, InputError
from elastance.simulate.expectation import missed_default
from elastance.simulate.yardstick import slice_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.runs import RunRecord
    from elastance.simulate.world import JobWorld, Launch
    from elastance.traces import JobFacts

MAX_TRIES = 20
"""Tries per recurrence, as published."""


class RecurringJob:
    """A job that recurs; `run_recurrence` advances it by one recurrence.

    Args:
        world: Where the job runs.
        slices: The facts that hold in each recurrence of a job whose data drift, the last one from then on; none:
            the world's own throughout.
    """

    def __init__(self, world: JobWorld, slices: Sequence[JobFacts] = ()) -> None:
        self.world = world
        self._slices = slices
        self.recurrences = 0
        self.lifted_thresholds = 0

    def run_recurrence(self) -> list[RunRecord]:
        """Run the job until it reaches its target; return every run that happened, the successful one last.

        Raises:
            ConvergenceError: The default batch size missed the target at once, or no try reached it.
            PolicyError: A policy raised or chose what is not on offer.
        """
        if self._slices:
            self.world.facts = slice_of(self._slices, self.recurrences)
        records: list[RunRecord] = []
        stops: list[str] = []
        accumulated_j = 0.0
        for tries in range(1, MAX_TRIES + 1):
            launch = self._launch(last=tries == MAX_TRIES)
            self.world.settle(launch)
            record = launch.record
            if record is None:
                stops.append(f"{launch.size.batch_size} (could not start)")
                continue
            accumulated_j += record.cost_j
            records.append(record)
            if record.reached:
                self.world.succeeded(record.batch_size, accumulated_j)
                self.recurrences += 1
                return records
            stops.append(f"{record.batch_size} (after {record.epochs:g} epochs)")
            self._require_default_converges(launch)
        raise self._gave_up(stops)

    def _launch(self, *, last: bool) -> Launch:
        """The last try runs the best size known, without a threshold."""
        if last and self.world.rules.lifts_last_threshold:
            self.lifted_thresholds += 1
            return self.world.launch_best(self.recurrences)
        return self.world.launch(self.recurrences)

    def _gave_up(self, stops: list[str]) -> ConvergenceError:
        remedy = "a larger beta knob stops fewer runs"
        if self.world.rules.lifts_last_threshold:
            remedy = (
                "the last try, of the best size known, was not stopped early and took all "
                f"{self.world.problem.job.max_epochs} epochs: give the job more, or an easier target"
            )
        tried = ", ".join(f"{stop} {count} times" for stop, count in Counter(stops).items())
        return ConvergenceError(
            f"{self.world.prefix}recurrence {self.recurrences + 1} missed the target in {MAX_TRIES} tries; "
            f"batch sizes tried: {tried}; {remedy}"
        )

    def _require_default_converges(self, launch: Launch) -> None:
        """The user's own batch size is assumed able to reach the target."""
        job = self.world.problem.job
        if self.recurrences > 0 or launch.size.batch_size != job.default_batch_size:
            return
        if not math.isinf(launch.threshold_j):
            return
        raise missed_default(launch.size, job)


def check_recurrences(recurrences: int) -> int:
    """Return `recurrences` if it is a number of recurrences.

    Raises:
        InputError: It is negative, or no whole number.
    """
    if not isinstance(recurrences, Integral) or recurrences < 0:
        raise InputError(f"recurrences {recurrences} is not a whole number from 0; 0 gives an empty history")
    return int(recurrences)
