"""Histories of one job, one per policy and seed, simulated in this process or in several."""

from __future__ import annotations

import math
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from elastance.errors import InputError, WorkerError
from elastance.policies import PolicyKind, Problem, build_policy, find_policy
from elastance.simulate.expectation import Expectation, default, expectations, oracle
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.rules import NormalRules, PublishedRules, Rules
from elastance.simulate.world import JobWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from elastance.runs import RunRecord
    from elastance.traces import JobFacts

_PARTS_PER_PROCESS = 8
"""Work is handed out in this many parts per process, so that progress shows and the last ones finish together."""

Progress: TypeAlias = "Callable[[int, int], None]"
"""Called with (histories done, histories in all)."""


@dataclass(frozen=True)
class Task:
    """One job to simulate, with everything but the policy and the seed.

    Attributes:
        facts: Time, power and training paths of the job.
        problem: The task as the policies know it.
        recurrences: How often the job recurs.
        published: Whether to replay the published simulator.
    """

    facts: JobFacts
    problem: Problem
    recurrences: int
    published: bool = False

    @property
    def rules(self) -> Rules:
        """Normal or published rules."""
        return PublishedRules() if self.published else NormalRules()

    @cached_property
    def table(self) -> dict[tuple[int, int], Expectation]:
        """Expectation of every configuration on offer."""
        return expectations(self.facts, self.problem.job, self.problem.cost)

    @cached_property
    def oracle(self) -> Expectation:
        """The configuration with the least expected cost."""
        return oracle(self.table)

    @cached_property
    def default(self) -> Expectation:
        """The user's own configuration."""
        return default(self.table, self.facts, self.problem.job)


@dataclass(frozen=True)
class History:
    """Every run of one policy under one seed.

    Attributes:
        policy: Name of the policy.
        seed: Seed of the world and of the policy.
        records: The runs in order, failed tries included.
        notes: What a user should know about how it came about.
    """

    policy: str
    seed: int
    records: tuple[RunRecord, ...]
    notes: tuple[str, ...] = ()

    def rows(self) -> list[list[int | float | bool]]:
        """Return ``[batch_size, power_limit_w, energy_j, time_s, reached]`` per run."""
        return [record.history_row() for record in self.records]


def simulate_history(task: Task, policy: str, seed: int) -> History:
    """Simulate one policy under one seed; a baseline is priced at its expectation instead.

    Raises:
        ElastanceError: The policy misbehaved, or the job cannot reach its target.
    """
    info = find_policy(policy)
    if info.kind is PolicyKind.BASELINE:
        fixed = task.oracle if policy == "oracle" else task.default
        return History(policy, seed, tuple(map(fixed.as_record, range(task.recurrences))))
    rules = task.rules
    world_rng, policy_rng = rules.generators(seed)
    pair = build_policy(info, task.problem, policy_rng, published=rules.published)
    job = RecurringJob(JobWorld(task.facts, task.problem, pair, world_rng, rules=rules, name=policy))
    records = tuple(record for _ in range(task.recurrences) for record in job.run_recurrence())
    notes = pair.notes
    if job.lifted_thresholds:
        notes += ("early stopping ended 19 tries of a recurrence; the last ran the best size without it",)
    return History(policy, seed, records, notes)


def simulate_histories(
    task: Task, cells: list[tuple[str, int]], jobs: int, on_progress: Progress | None
) -> dict[str, list[History]]:
    """Simulate every (policy, seed) of `cells`, in this process or in several.

    Returns:
        Policy to its histories, in the order of `cells`, whoever computed them.

    Raises:
        InputError: There is no process to do the work.
        WorkerError: A process died.
    """
    if jobs < 1:
        raise InputError(f"{jobs} jobs: at least one process has to do the work")
    done: dict[tuple[str, int], History] = {}
    if jobs == 1 or len(cells) == 1:
        for cell in cells:
            done[cell] = simulate_history(task, *cell)
            if on_progress is not None:
                on_progress(len(done), len(cells))
    else:
        for part in _in_processes(task, cells, jobs):
            done |= {(history.policy, history.seed): history for history in part}
            if on_progress is not None:
                on_progress(len(done), len(cells))
    by_policy: dict[str, list[History]] = {}
    for cell in cells:
        by_policy.setdefault(cell[0], []).append(done[cell])
    return by_policy


def _in_processes(task: Task, cells: list[tuple[str, int]], jobs: int) -> Iterator[list[History]]:
    """Yield parts of the work as processes finish them."""
    size = math.ceil(len(cells) / (jobs * _PARTS_PER_PROCESS))
    parts = [cells[start : start + size] for start in range(0, len(cells), size)]
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    workers = min(jobs, len(parts))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_parent) as pool:
        futures = [pool.submit(_simulate_part, task, part) for part in parts]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException as error:
            for worker in set(multiprocessing.active_children()).difference(others):
                worker.terminate()  # nobody waits for what it is still at
            if isinstance(error, BrokenProcessPool):
                raise WorkerError(
                    "a worker process died, perhaps for lack of memory; try fewer --jobs"
                ) from None
            raise


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches the whole process group; the parent alone answers it, and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _simulate_part(task: Task, cells: list[tuple[str, int]]) -> list[History]:
    return [simulate_history(task, *cell) for cell in cells]
