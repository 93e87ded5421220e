"""A group of overlapping submissions of one recurring job, on the clock of a trace.

Overlap follows the trace: a submission runs from its start to its end there, whatever the simulated run takes; what
it takes is scaled by the submission's own runtime ratio. A run's fate is decided when it is launched, with the
threshold known then; the policy hears of it when it ends.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError
from elastance.simulate.recurring import MAX_TRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.runs import RunRecord
    from elastance.simulate.world import JobWorld, Launch
    from elastance.traces import Submission


@dataclass(frozen=True)
class GroupHistory:
    """What became of a group.

    Attributes:
        records: Every run that happened, in order of completion, scaled by its submission's runtime ratio; the
            `recurrence` of a record is the number of its submission.
        given_up: Numbers of the submissions that never reached the target.
        overlapping: How many submissions started while another was running.
    """

    records: tuple[RunRecord, ...]
    given_up: tuple[int, ...]
    overlapping: int


class _Flight(NamedTuple):
    """A run in flight; the earliest end comes first, then the earliest launch."""

    end_s: float
    order: int
    number: int
    tries: int
    spent_j: float
    launch: Launch


class OverlappingJob:
    """Runs the submissions of one group; `run` may be called once.

    In normal mode the policy is asked for every run and decides itself what to do while a trial of its exploration
    is out, a submission is tried at most 20 times, and its cost is that of all its tries. The published rules
    give every submission that overlaps another the best size known, retry for ever, and count single runs.

    Args:
        world: Where the job runs.
        submissions: In order of their starts.

    Raises:
        InputError: There are none, they are not in order, or one ends before it starts.
    """

    def __init__(self, world: JobWorld, submissions: Sequence[Submission]) -> None:
        if not submissions:
            raise InputError("a group without submissions")
        for number, submission in enumerate(submissions):
            if not submission.end_s >= submission.start_s:
                raise InputError(f"submission {number + 1} ends at {submission.end_s} before it starts")
            if not 0.0 < submission.runtime_ratio < math.inf:
                raise InputError(
                    f"submission {number + 1}: runtime ratio {submission.runtime_ratio} is not positive"
                )
            if number and submission.start_s < submissions[number - 1].start_s:
                raise InputError(f"submission {number + 1} starts before the one ahead of it")
        self._world = world
        self._submissions = submissions
        self._flights: list[_Flight] = []
        self._launched = 0
        self._records: list[RunRecord] = []
        self._given_up: list[int] = []

    def run(self) -> GroupHistory:
        """Run every submission.

        Raises:
            PolicyError: A policy raised or chose what is not on offer.
        """
        overlapping = 0
        for number, submission in enumerate(self._submissions):
            self._reap(submission.start_s)
            overlapping += bool(self._flights)
            self._launch(number, submission.end_s, tries=1, spent_j=0.0)
        self._reap(math.inf)
        return GroupHistory(tuple(self._records), tuple(self._given_up), overlapping)

    def _launch(self, number: int, end_s: float, *, tries: int, spent_j: float) -> None:
        world = self._world
        if world.rules.overlapping_runs_use_best and self._flights:
            launch = world.launch_best(number, world.threshold_j)
        elif tries == MAX_TRIES and world.rules.lifts_last_threshold:
            launch = world.launch_best(number)
        else:
            launch = world.launch(number)
        heapq.heappush(self._flights, _Flight(end_s, self._launched, number, tries, spent_j, launch))
        self._launched += 1

    def _reap(self, now_s: float) -> None:
        """Let every run that has ended by now be known, and retry those that missed."""
        while self._flights and self._flights[0].end_s <= now_s:
            self._settle(heapq.heappop(self._flights))

    def _settle(self, flight: _Flight) -> None:
        world, submission, record = self._world, self._submissions[flight.number], flight.launch.record
        whole = world.rules.counts_whole_submission
        world.settle(flight.launch, never_ran_cost_j=None if whole else 0.0)
        spent_j = flight.spent_j
        if record is not None:
            spent_j += record.cost_j
            ratio = submission.runtime_ratio
            self._records.append(
                record._replace(
                    energy_j=record.energy_j * ratio,
                    time_s=record.time_s * ratio,
                    cost_j=record.cost_j * ratio,
                )
            )
            if record.reached:
                world.succeeded(record.batch_size, spent_j if whole else record.cost_j)
                return
        if whole and flight.tries == MAX_TRIES:
            self._given_up.append(flight.number)
            return
        again_s = flight.end_s + (submission.end_s - submission.start_s)
        self._launch(flight.number, again_s, tries=flight.tries + 1, spent_j=spent_j)
