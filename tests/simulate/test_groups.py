import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.catalog import find_workload
from elastance.cost import EtaCost
from elastance.errors import InputError
from elastance.job import Job
from elastance.policies import MaxPowerLimit, Outcome, PolicyPair, Problem, build_policy, find_policy
from elastance.simulate import (
    GroupHistory,
    JobWorld,
    NormalRules,
    OverlappingJob,
    PublishedRules,
    Task,
)
from elastance.simulate.recurring import MAX_TRIES
from elastance.traces import DirectorySource, JobFacts, Submission, read_groups
from made_up import make_facts, make_problem


class Listening:
    """Chooses by another policy, or the sizes it was given; keeps what it was told."""

    def __init__(self, policy: object | None = None, sizes: list[int] | None = None) -> None:
        self.policy = policy
        self.sizes = sizes or []
        self.outcomes: list[Outcome] = []

    def choose_batch_size(self) -> int:
        if self.policy is not None:
            return self.policy.choose_batch_size()  # type: ignore[attr-defined]
        return self.sizes.pop(0) if self.sizes else 32

    def observe_run(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self.policy is not None:
            self.policy.observe_run(outcome)  # type: ignore[attr-defined]


def scripted(
    sizes: list[int], submissions: list[Submission], facts: JobFacts
) -> tuple[GroupHistory, Listening]:
    problem = make_problem(facts)
    policy = Listening(sizes=sizes)
    world = JobWorld(facts, problem, PolicyPair(policy, MaxPowerLimit(problem)), np.random.default_rng(1))
    return OverlappingJob(world, submissions).run(), policy


def zeus(
    problem: Problem, facts: JobFacts, submissions: Sequence[Submission], *, seed: int, published: bool
) -> GroupHistory:
    rules = PublishedRules() if published else NormalRules()
    world_rng, policy_rng = rules.generators(seed)
    pair = build_policy(find_policy("zeus"), problem, policy_rng, published=published)
    return OverlappingJob(JobWorld(facts, problem, pair, world_rng, rules=rules), submissions).run()


def test_results_come_in_order_of_completion_and_are_scaled() -> None:
    facts = make_facts({16: (3,), 32: (5,)})
    submissions = [Submission(0, 100, 1.0), Submission(10, 20, 0.5), Submission(200, 210, 2.0)]
    history, policy = scripted([32, 16, 32], submissions, facts)
    assert [record.recurrence for record in history.records] == [1, 0, 2]
    assert [outcome.trial for outcome in policy.outcomes] == [1, 0, 2]
    assert history.overlapping == 1
    small, large = facts.sizes[16].epoch_at[200], facts.sizes[32].epoch_at[200]
    assert [record.energy_j for record in history.records] == pytest.approx(
        [0.5 * 3 * small[1], 5 * large[1], 2.0 * 5 * large[1]]
    )
    costs = [outcome.cost_j for outcome in policy.outcomes]
    assert costs[1] == costs[2], "the policy never sees the runtime ratio"


def test_a_miss_is_retried_when_it_ends_for_as_long_again() -> None:
    facts = make_facts({32: (5,), 128: (None,)})
    submissions = [Submission(0, 10), Submission(20, 30), Submission(35, 36)]
    history, policy = scripted([32, 128, 32, 32], submissions, facts)
    # The retry of the second runs from 30 to 40, so the third ends first.
    assert [(r.recurrence, r.batch_size, r.reached) for r in history.records] == [
        (0, 32, True), (1, 128, False), (2, 32, True), (1, 32, True),
    ]  # fmt: skip
    assert [outcome.trial for outcome in policy.outcomes] == [0, 1, 3, 2]


def test_after_twenty_tries_a_submission_is_given_up_and_the_group_goes_on() -> None:
    facts = make_facts({32: (5, None, None, None), 128: (None,)})
    problem = make_problem(facts)
    found = None
    for seed in range(200):
        policy = Listening(sizes=[32, *[128] * MAX_TRIES * 2])
        pair = PolicyPair(policy, MaxPowerLimit(problem))
        world = JobWorld(facts, problem, pair, np.random.default_rng(seed))
        history = OverlappingJob(world, [Submission(10 * i, 10 * i + 5) for i in range(3)]).run()
        if history.given_up and not all(record.recurrence == 0 for record in history.records):
            found = history
            break
    assert found is not None
    for number in range(3):
        tries = [record for record in found.records if record.recurrence == number]
        assert len(tries) <= MAX_TRIES
        assert any(record.reached for record in tries) != (number in found.given_up)


@pytest.mark.parametrize(
    ("submissions", "message"),
    [
        ([], "without submissions"),
        ([Submission(5, 4)], "submission 1 ends at 4 before it starts"),
        ([Submission(5, 6), Submission(4, 6)], "submission 2 starts before the one ahead"),
        ([Submission(5, math.nan)], "submission 1 ends at nan"),
        ([Submission(5, 6, 0.0)], "runtime ratio 0.0 is not positive"),
    ],
)
def test_groups_that_make_no_sense(submissions: list[Submission], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scripted([], submissions, make_facts({32: (5,)}))


@given(
    gaps=st.lists(st.floats(0, 50), min_size=1, max_size=30),
    durations=st.lists(st.floats(0, 200), min_size=30, max_size=30),
    seed=st.integers(0, 1000),
    published=st.booleans(),
)
def test_every_submission_ends_once(
    gaps: list[float], durations: list[float], seed: int, published: bool
) -> None:
    facts = make_facts({8: (9, 10), 16: (6, 7), 32: (5, 6), 64: (8, 12), 128: (None,)})
    starts = np.cumsum(gaps).tolist()
    submissions = [Submission(s, s + d, 1.5) for s, d in zip(starts, durations, strict=False)]
    history = zeus(make_problem(facts), facts, submissions, seed=seed, published=published)
    reached = [record.recurrence for record in history.records if record.reached]
    assert sorted([*reached, *history.given_up]) == list(range(len(submissions)))
    assert history == zeus(make_problem(facts), facts, submissions, seed=seed, published=published)


@pytest.fixture(scope="module")
def source(public_traces: Path) -> DirectorySource:
    return DirectorySource(public_traces)


def workload_problem(source: DirectorySource, name: str) -> tuple[Problem, JobFacts]:
    job = Job.of_workload(find_workload(name))
    facts = source.job_facts(job, "v100")
    size = max(size for size in facts.sizes if size <= job.default_batch_size)
    job = Job(job.dataset, job.network, job.optimizer, job.target_metric, job.max_epochs, size)
    return Problem(job, facts.power_limits_w, EtaCost(0.5, facts.max_power_w), 2.0), facts


@pytest.fixture(scope="module")
def groups(reference: Path) -> dict[str, tuple[str, tuple[Submission, ...]]]:
    return {of.name: (of.dataset, of.submissions) for of in read_groups(reference / "groups.csv").groups}


def test_every_recorded_group_is_replayed_bit_for_bit(
    source: DirectorySource, groups: dict[str, tuple[str, tuple[Submission, ...]]], reference: Path
) -> None:
    recorded = json.loads((reference / "groups.json").read_text())["groups"]
    assert len(recorded) == len(groups) == 18
    for expected in recorded:
        name = expected["group"]
        dataset, submissions = groups[name]
        problem, facts = workload_problem(source, dataset)
        assert problem.job.default_batch_size == expected["b0"]
        history = zeus(problem, facts, submissions, seed=zlib.adler32(name.encode()), published=True)
        assert [record.history_row() for record in history.records] == expected["history"], name


def test_a_run_that_never_starts_looked_free_and_no_longer_does(source: DirectorySource) -> None:
    job = Job("movielens-1m", "ncf", "adam", 0.3, 100, 1024)
    facts = source.job_facts(job, "v100")
    problem = Problem(job, facts.power_limits_w, EtaCost(0.5, facts.max_power_w), 2.0)
    submissions = [Submission(10 * i, 10 * i + 5) for i in range(12)]
    never_ran = {}
    for rules in (PublishedRules(), NormalRules()):
        world_rng, policy_rng = rules.generators(1)
        pair = build_policy(find_policy("zeus"), problem, policy_rng, published=rules.published)
        listening = Listening(pair.batch_size)
        world = JobWorld(facts, problem, PolicyPair(listening, pair.power_limit), world_rng, rules=rules)
        history = OverlappingJob(world, submissions).run()
        dearest = max(record.cost_j for record in history.records)
        never_ran[rules.published] = [
            (outcome.batch_size, outcome.cost_j > dearest)
            for outcome in listening.outcomes
            if not outcome.started
        ]
        if rules.published:
            free = [outcome.cost_j for outcome in listening.outcomes if not outcome.started]
            assert free == [0.0, 0.0]
    assert never_ran[True] == [(256, False), (1024, False)]
    assert never_ran[False]
    assert all(dearer for _, dearer in never_ran[False])


def test_constant_overlap_no_longer_starves_exploration(source: DirectorySource) -> None:
    problem, facts = workload_problem(source, "librispeech")
    submissions = [Submission(10 * i, 10 * i + 25) for i in range(60)]
    tried: dict[bool, set[int]] = {}
    for published in (True, False):
        history = zeus(problem, facts, submissions, seed=1, published=published)
        tried[published] = {record.batch_size for record in history.records}
    assert tried[True] == {192}
    assert len(tried[False]) >= 10


def test_normal_mode_is_at_least_as_good_in_total(
    source: DirectorySource, groups: dict[str, tuple[str, tuple[Submission, ...]]]
) -> None:
    """Relative to the default, over all recorded groups of a workload; values of a replay with the same rule."""
    replayed = {"cifar100": 0.432, "librispeech": 0.835}
    total = {True: 0.0, False: 0.0}
    energy: dict[str, list[float]] = {}
    for name, (dataset, submissions) in groups.items():
        problem, facts = workload_problem(source, dataset)
        default = Task(facts, problem, 0).default
        ratios = math.fsum(submission.runtime_ratio for submission in submissions)
        for published in (True, False):
            history = zeus(problem, facts, submissions, seed=zlib.adler32(name.encode()), published=published)
            total[published] += math.fsum(r.cost_j for r in history.records) / (ratios * default.cost_j)
            if not published:
                sums = energy.setdefault(dataset, [0.0, 0.0])
                sums[0] += math.fsum(r.energy_j for r in history.records)
                sums[1] += ratios * default.energy_j
    assert total[False] <= total[True]
    for dataset, expected in replayed.items():
        assert energy[dataset][0] / energy[dataset][1] == pytest.approx(expected, abs=0.03)
