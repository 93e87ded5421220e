"""Many tasks and policies over the same seeds, in one pool of processes; only what is measured is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import ConvergenceError, PolicyError
from elastance.policies import PolicyKind, find_policy
from elastance.simulate.histories import measure_history, simulate_history, simulate_seeds
from elastance.simulate.measures import Measures, Spread, cost_per_recurrence
from elastance.simulate.processes import PARTS_PER_PROCESS, check_jobs, in_processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from elastance.simulate.histories import History, Progress, Task

    _Measured: TypeAlias = "tuple[Measures, tuple[float, ...]]"

_MOST_AT_ONCE = 25
"""Histories per part at most, so that progress shows."""


class Trial(NamedTuple):
    """One policy on one task.

    Attributes:
        task: What to simulate.
        policy: Name as in `elastance.policies.find_policy`.
    """

    task: Task
    policy: str


@dataclass(frozen=True)
class TrialResult:
    """One trial over its seeds.

    Attributes:
        trial: What was simulated.
        seeds: Those that finished, in the order they were asked for.
        measures: What each history amounts to.
        costs_j: Cost of each recurrence of each history, all its tries included, J.
        failures: Seeds that did not finish, each with the reason.
    """

    trial: Trial
    seeds: tuple[int, ...]
    measures: tuple[Measures, ...]
    costs_j: tuple[tuple[float, ...], ...]
    failures: Mapping[int, str] = field(default_factory=dict[int, str])

    def values(self, quantity: str) -> list[float]:
        """Return a numeric field of `Measures`, one value per seed that finished and has it."""
        values = [getattr(measures, quantity) for measures in self.measures]
        return [value for value in values if value is not None]

    def spread(self, quantity: str) -> Spread:
        """Return mean and confidence interval over seeds of a numeric field of `Measures`."""
        return Spread.of(self.values(quantity))


class _Part(NamedTuple):
    number: int
    trial: Trial
    seeds: tuple[int, ...]
    keep_failures: bool


def run_trials(
    trials: Sequence[Trial],
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    keep_failures: bool = False,
    on_progress: Progress | None = None,
) -> list[TrialResult]:
    """Simulate every trial under every seed and measure the histories.

    Args:
        trials: What to simulate.
        seeds: Seeds of each.
        jobs: Worker processes; the result does not depend on it.
        keep_failures: Whether a history that cannot finish (the published policy sometimes cannot) is counted
            instead of raised.
        on_progress: Called as histories are finished.

    Returns:
        One result per trial, in the order of `trials`.

    Raises:
        ElastanceError: A history could not finish, or something is wrong with a task.
    """
    total = len(trials) * len(seeds)
    size = max(1, min(_MOST_AT_ONCE, math.ceil(total / (check_jobs(jobs) * PARTS_PER_PROCESS))))
    parts = [
        _Part(number, trial, tuple(seeds[start : start + size]), keep_failures)
        for number, trial in enumerate(trials)
        for start in range(0, len(seeds), size)
    ]
    answers: dict[int, TrialResult] = {}
    done = 0
    for index, answer in in_processes(_simulate, parts, jobs):
        answers[index] = answer
        done += len(parts[index].seeds)
        if on_progress is not None:
            on_progress(done, total)
    of_trial: list[list[TrialResult]] = [[] for _ in trials]
    for index, part in enumerate(parts):
        of_trial[part.number].append(answers[index])
    return [_joined(trial, answered) for trial, answered in zip(trials, of_trial, strict=True)]


def _simulate(part: _Part) -> TrialResult:
    trial, failures = part.trial, dict[int, str]()
    if find_policy(trial.policy).kind is PolicyKind.BASELINE:
        histories = [simulate_history(trial.task, trial.policy, part.seeds[0])]  # the same under every seed
        measured = [_measured(histories[0], trial.task)] * len(part.seeds)
        return _result(trial, part.seeds, measured, failures)
    if part.keep_failures:
        histories = list(_finished(part, failures))
    else:
        histories = simulate_seeds(trial.task, trial.policy, part.seeds)
    seeds = tuple(history.seed for history in histories)
    return _result(trial, seeds, [_measured(history, trial.task) for history in histories], failures)


def _finished(part: _Part, failures: dict[int, str]) -> Iterator[History]:
    """Yield the histories that finish; note the others in `failures`."""
    for seed in part.seeds:
        try:
            yield simulate_history(part.trial.task, part.trial.policy, seed)
        except (ConvergenceError, PolicyError) as error:
            failures[seed] = str(error)


def _measured(history: History, task: Task) -> _Measured:
    costs_j = cost_per_recurrence(history.records, task.recurrences)
    return measure_history(task, history), tuple(costs_j)


def _result(
    trial: Trial, seeds: tuple[int, ...], measured: Sequence[_Measured], failures: Mapping[int, str]
) -> TrialResult:
    measures, costs = zip(*measured, strict=True) if measured else ((), ())
    return TrialResult(trial, seeds, measures, costs, failures)


def _joined(trial: Trial, parts: Sequence[TrialResult]) -> TrialResult:
    return TrialResult(
        trial,
        tuple(seed for part in parts for seed in part.seeds),
        tuple(measures for part in parts for measures in part.measures),
        tuple(costs for part in parts for costs in part.costs_j),
        {seed: reason for part in parts for seed, reason in part.failures.items()},
    )
