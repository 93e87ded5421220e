"""One policy on one group of overlapping submissions: every run it took, kept small."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from elastance.policies import PolicyKind, build_policy, find_policy
from elastance.simulate.groups import OverlappingJob
from elastance.simulate.world import JobWorld
from elastance.traces.group_table import find_overlapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from elastance.runs import RunRecord
    from elastance.simulate.histories import Task
    from elastance.traces import Group

RUN_FIELDS = np.dtype(
    [
        ("submission", np.int32),
        ("batch_size", np.int32),
        ("power_limit_w", np.int32),
        ("energy_j", np.float64),
        ("time_s", np.float64),
        ("cost_j", np.float64),
        ("reached", np.bool_),
    ]
)
"""What is kept of a run: 37 bytes, as there may be millions of them."""


class Totals(NamedTuple):
    """What some groups took, all tries included.

    Attributes:
        groups, submissions: How many.
        overlapping: Submissions that started while another of their group was running.
        runs: How often a submission was started, first tries and retries.
        given_up: Submissions that never reached the target.
        energy_j, time_s, cost_j: Sums over the runs, J, s and J.
    """

    groups: int
    submissions: int
    overlapping: int
    runs: int
    given_up: int
    energy_j: float
    time_s: float
    cost_j: float

    @classmethod
    def of(cls, parts: Sequence[Totals]) -> Totals:
        """Return the sum; energies are added exactly and rounded once, so their order does not matter."""
        counts = (sum(part[field] for part in parts) for field in range(5))
        sums = (math.fsum(part[field] for part in parts) for field in range(5, 8))
        return cls(*(int(count) for count in counts), *sums)


@dataclass(frozen=True)
class GroupRun:
    """What became of a group under one policy and seed.

    Attributes:
        group: Its name.
        dataset: Of the workload that stands for it.
        policy: Name of the policy.
        seed: Seed of the repetition.
        runs: One row of `RUN_FIELDS` per run, in order of completion.
        totals: What they add up to.
        notes: What a user should know about how it came about.
    """

    group: str
    dataset: str
    policy: str
    seed: int
    runs: NDArray[Any]
    totals: Totals
    notes: tuple[str, ...] = ()

    def rows(self) -> list[list[int | float | bool]]:
        """Return ``[batch_size, power_limit_w, energy_j, time_s, reached]`` per run."""
        fields = ("batch_size", "power_limit_w", "energy_j", "time_s", "reached")
        return [list(row) for row in zip(*(self.runs[field].tolist() for field in fields), strict=True)]


def group_seed(group: str, seed: int) -> int:
    """Return the seed of a group in repetition `seed`; the published one (a checksum of the name) in repetition 0."""
    return zlib.adler32(group.encode()) + (seed << 32)


def run_group(task: Task, group: Group, policy: str, seed: int) -> GroupRun:
    """Simulate one policy on one group; a baseline is priced at its expectation instead.

    Args:
        task: The job that stands for the group; how often it recurs is the group's own affair.
        group: Its submissions.
        policy: Name as in `elastance.policies.find_policy`.
        seed: Repetition; groups have independent random streams within it.

    Raises:
        ElastanceError: The policy misbehaved, or the submissions make no sense.
    """
    info = find_policy(policy)
    if info.kind is PolicyKind.BASELINE:
        return _expected_run(task, group, policy, seed)
    rules = task.rules
    world_rng, policy_rng = rules.generators(group_seed(group.name, seed))
    pair = build_policy(info, task.problem, policy_rng, published=rules.published)
    world = JobWorld(task.facts, task.problem, pair, world_rng, rules=rules, name=policy)
    history = OverlappingJob(world, group.submissions).run()
    runs = np.array([_kept(record) for record in history.records], dtype=RUN_FIELDS)
    return _summed(group, policy, seed, runs, history.overlapping, len(history.given_up), pair.notes)


def _kept(record: RunRecord) -> tuple[int, int, int, float, float, float, bool]:
    return (
        record.recurrence,
        record.batch_size,
        record.power_limit_w,
        record.energy_j,
        record.time_s,
        record.cost_j,
        record.reached,
    )


def _expected_run(task: Task, group: Group, policy: str, seed: int) -> GroupRun:
    """Every submission takes what is expected of a fixed configuration, times its own runtime ratio."""
    fixed = task.oracle if policy == "oracle" else task.default
    starts, ends, ratios = np.array(group.submissions, dtype=float).T
    order = np.argsort(ends, kind="stable")
    runs = np.zeros(len(order), dtype=RUN_FIELDS)
    runs["submission"] = order
    runs["batch_size"], runs["power_limit_w"], runs["reached"] = fixed.batch_size, fixed.power_limit_w, True
    for field, value in (("energy_j", fixed.energy_j), ("time_s", fixed.time_s), ("cost_j", fixed.cost_j)):
        runs[field] = value * ratios[order]
    overlapping = int(find_overlapping(np.zeros(len(order), np.int64), starts, ends).sum())
    return _summed(group, policy, seed, runs, overlapping, 0, ())


def _summed(
    group: Group,
    policy: str,
    seed: int,
    runs: NDArray[Any],
    overlapping: int,
    given_up: int,
    notes: tuple[str, ...],
) -> GroupRun:
    sums = (math.fsum(runs[field].tolist()) for field in ("energy_j", "time_s", "cost_j"))
    totals = Totals(1, len(group.submissions), overlapping, len(runs), given_up, *sums)
    return GroupRun(group.name, group.dataset, policy, seed, runs, totals, notes)
