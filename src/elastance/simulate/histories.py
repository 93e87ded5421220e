"""Histories of one job, one per policy and seed, simulated in this process or in several."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from elastance.policies import PolicyKind, Problem, build_policy, find_policy
from elastance.simulate.expectation import Expectation, default, expectations, oracle
from elastance.simulate.lockstep import LEAST_SEEDS, Explorer, can_step_together, step_together
from elastance.simulate.measures import LAST, Measures, measure
from elastance.simulate.processes import PARTS_PER_PROCESS, check_jobs, in_processes
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.rules import NormalRules, PublishedRules, Rules
from elastance.simulate.warm_start import warm_start
from elastance.simulate.world import JobWorld
from elastance.simulate.yardstick import Baselines, Yardstick, slice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.policies import PolicyInfo, PruningThompsonSampling
    from elastance.runs import RunRecord
    from elastance.traces import JobFacts

_MOST_SEEDS = 64
"""Seeds that are simulated at once: progress shows after each such part."""

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
        slices: Facts on each slice of a data set that drifts, the first being `facts`; none if it does not.
        earlier: The same job on another GPU, where it recurred before; policies that can begin with what they
            learned there.
    """

    facts: JobFacts
    problem: Problem
    recurrences: int
    published: bool = False
    slices: tuple[JobFacts, ...] = ()
    earlier: Task | None = None

    @property
    def rules(self) -> Rules:
        """Normal or published rules."""
        return PublishedRules() if self.published else NormalRules()

    @cached_property
    def table(self) -> dict[tuple[int, int], Expectation]:
        """Expectation of every configuration on offer; with drift, on the first slice."""
        return expectations(self.facts, self.problem.job, self.problem.cost)

    @cached_property
    def oracle(self) -> Expectation:
        """The configuration with the least expected cost."""
        return oracle(self.table)

    @cached_property
    def default(self) -> Expectation:
        """The user's own configuration."""
        return default(self.table, self.facts, self.problem.job)

    @cached_property
    def baselines(self) -> tuple[Baselines, ...]:
        """What is expected on each slice; a single element without drift."""
        if not self.slices:
            return (Baselines(self.table, self.oracle, self.default),)
        return tuple(Baselines.of(facts, self.problem.job, self.problem.cost) for facts in self.slices)

    @cached_property
    def yardstick(self) -> Yardstick:
        """What the histories of this task are measured by."""
        if not self.slices:
            return Yardstick.steady(self.baselines[0], self.recurrences)
        return Yardstick.drifting(self.baselines, self.recurrences, LAST)


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
        fixed = [of.oracle if policy == "oracle" else of.default for of in task.baselines]
        return History(policy, seed, tuple(slice_of(fixed, i).as_record(i) for i in range(task.recurrences)))
    job, *_ = _begun(task, info, seed)
    notes = () if task.earlier is None else (warm_start(job.world.policies, info, task.earlier, seed),)
    records = [record for _ in range(task.recurrences) for record in job.run_recurrence()]
    return _ended(policy, seed, records, job, notes)


def simulate_seeds(task: Task, policy: str, seeds: Sequence[int]) -> list[History]:
    """Simulate one policy under several seeds; equal to `simulate_history` of each, but many are faster at once.

    Raises:
        ElastanceError: The policy misbehaved, or the job cannot reach its target.
    """
    info = find_policy(policy)
    special = task.published or task.slices or task.earlier is not None
    if info.kind is PolicyKind.BASELINE or special or len(seeds) < LEAST_SEEDS:
        return [simulate_history(task, policy, seed) for seed in seeds]
    pair = build_policy(info, task.problem, np.random.default_rng(0))
    if not can_step_together(task.problem, pair):
        return [simulate_history(task, policy, seed) for seed in seeds]
    jobs: list[RecurringJob] = []
    explorers: list[Explorer] = []
    for seed in seeds:
        job, world_rng, policy_rng = _begun(task, info, seed)
        batch_size = cast("PruningThompsonSampling", job.world.policies.batch_size)
        records: list[RunRecord] = []
        while batch_size.exploring and job.recurrences < task.recurrences:
            records += job.run_recurrence()
        jobs.append(job)
        left = task.recurrences - job.recurrences
        explorers.append(Explorer(job.world, world_rng, policy_rng, records, job.recurrences, left))
    done = [explorer.left == 0 for explorer in explorers]
    together = iter(
        step_together(task.facts, [of for of, over in zip(explorers, done, strict=True) if not over])
    )
    histories: list[History] = []
    for seed, job, explorer, over in zip(seeds, jobs, explorers, done, strict=True):
        records_of = explorer.records if over else next(together)
        histories.append(
            simulate_history(task, policy, seed)
            if records_of is None
            else _ended(policy, seed, records_of, job)
        )
    return histories


def _begun(
    task: Task, info: PolicyInfo, seed: int
) -> tuple[RecurringJob, np.random.Generator, np.random.Generator]:
    """Return the job before its first recurrence, and the generators of its world and of its policy."""
    rules = task.rules
    world_rng, policy_rng = rules.generators(seed)
    pair = build_policy(info, task.problem, policy_rng, published=rules.published)
    world = JobWorld(task.facts, task.problem, pair, world_rng, rules=rules, name=info.name)
    return RecurringJob(world, task.slices), world_rng, policy_rng


def _ended(
    policy: str, seed: int, records: list[RunRecord], job: RecurringJob, notes: tuple[str, ...] = ()
) -> History:
    notes += job.world.policies.notes
    if job.lifted_thresholds:
        notes += ("early stopping ended 19 tries of a recurrence; the last ran the best size without it",)
    return History(policy, seed, tuple(records), notes)


def measure_history(task: Task, history: History) -> Measures:
    """Measure a history of `task` against its baselines.

    Raises:
        ConvergenceError: The baselines themselves cannot reach the target.
    """
    return replace(measure(task.yardstick, history.records, task.recurrences), notes=history.notes)


def measure_seeds(task: Task, policy: str, seeds: Sequence[int]) -> list[Measures]:
    """Simulate one policy under many seeds and keep only what each history amounts to.

    Raises:
        ElastanceError: Under one of the seeds the policy misbehaved, or the job cannot reach its target.
    """
    if find_policy(policy).kind is PolicyKind.BASELINE:  # the same under every seed
        return [measure_history(task, simulate_history(task, policy, seeds[0]))] * len(seeds)
    return [measure_history(task, history) for history in simulate_seeds(task, policy, seeds)]


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
    parts = _parts(task, cells, check_jobs(jobs))
    done: dict[tuple[str, int], History] = {}
    for _, histories in in_processes(_simulate_part, parts, jobs):
        done |= {(history.policy, history.seed): history for history in histories}
        if on_progress is not None:
            on_progress(len(done), len(cells))
    by_policy: dict[str, list[History]] = {}
    for cell in cells:
        by_policy.setdefault(cell[0], []).append(done[cell])
    return by_policy


def _parts(task: Task, cells: list[tuple[str, int]], jobs: int) -> list[tuple[Task, str, list[int]]]:
    """Share the work out: seeds of one policy together, in parts small enough to show progress."""
    most = min(_MOST_SEEDS, math.ceil(len(cells) / (jobs * PARTS_PER_PROCESS))) if jobs > 1 else _MOST_SEEDS
    parts: list[tuple[Task, str, list[int]]] = []
    for policy, seed in cells:
        if not parts or parts[-1][1] != policy or len(parts[-1][2]) == most:
            parts.append((task, policy, []))
        parts[-1][2].append(seed)
    return parts


def _simulate_part(part: tuple[Task, str, list[int]]) -> list[History]:
    return simulate_seeds(*part)
