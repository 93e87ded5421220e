"""The plain simulation is the oracle of the fast one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.catalog import WORKLOADS
from elastance.cost import EtaCost
from elastance.errors import ConvergenceError
from elastance.policies import Problem, build_policy, find_policy
from elastance.simulate import Task, simulate_history, simulate_seeds
from elastance.simulate import histories as histories_module
from elastance.simulate.inputs import facts_and_job, opened_source
from elastance.simulate.lockstep import can_step_together
from elastance.traces import JobFacts
from made_up import make_facts, make_problem


def task_of(facts: JobFacts, recurrences: int = 60, **settings: float) -> Task:
    return Task(facts, make_problem(facts, **settings), recurrences)  # type: ignore[arg-type]


EASY = make_facts({8: (9, 10, 11), 16: (6, 7), 32: (5, 5, 6), 64: (8, 12)})


def check_equal(task: Task, policy: str, seeds: list[int]) -> int:
    """Compare both; return how many seeds were left to the plain simulation."""
    plain = {seed: simulate_history(task, policy, seed) for seed in seeds}
    left: list[int] = []

    def counted(_: Task, __: str, seed: int) -> object:
        left.append(seed)
        return plain[seed]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histories_module, "simulate_history", counted)
        together = simulate_seeds(task, policy, seeds)
    assert together == [plain[seed] for seed in seeds]
    for history in together:
        for record in history.records:
            assert [type(value) for value in record] == [int, int, float, float, bool, int, float, int, bool]
    return len(left)


@pytest.mark.parametrize("policy", ["zeus", "pruning-thompson+max-power"])
@pytest.mark.parametrize("recurrences", [0, 1, 5, 9, 63, 64, 65, 300])
def test_histories_are_equal(policy: str, recurrences: int) -> None:
    assert check_equal(task_of(EASY, recurrences), policy, list(range(3, 23))) == 0


@given(
    epochs=st.dictionaries(
        st.sampled_from([4, 8, 16, 64, 128, 256]),
        st.lists(st.one_of(st.none(), st.integers(1, 40)), min_size=1, max_size=5).map(tuple),
        max_size=5,
    ),
    beta=st.sampled_from([1.01, 1.2, 2.0, 5.0, np.inf]),
    eta=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    first_seed=st.integers(0, 10**6),
)
@settings(max_examples=60)
def test_histories_are_equal_whatever_the_facts(
    epochs: dict[int, tuple[int | None, ...]], beta: float, eta: float, first_seed: int
) -> None:
    task = task_of(make_facts(dict(sorted((epochs | {32: (5, 7)}).items()))), 40, beta=beta, eta=eta)
    seeds = list(range(first_seed, first_seed + 12))
    try:
        plain = [simulate_history(task, "zeus", seed) for seed in seeds]
    except ConvergenceError:
        with pytest.raises(ConvergenceError):
            simulate_seeds(task, "zeus", seeds)
        return
    assert simulate_seeds(task, "zeus", seeds) == plain


def test_rare_cases_are_left_to_the_plain_simulation() -> None:
    """Once a lucky run took a single epoch, whole recurrences are stopped early."""
    facts = make_facts({16: (1, 15), 32: (18, 20), 64: (18, 20)})
    left = check_equal(task_of(facts, 200, beta=1.05), "zeus", list(range(60)))
    assert left > 0


def test_every_public_cell_is_equal(public_traces: object) -> None:
    source = opened_source(public_traces)  # type: ignore[arg-type]
    for number, workload in enumerate(WORKLOADS):
        facts, job = facts_and_job(source, workload, source.gpus()[number % 4])
        problem = Problem(job, facts.power_limits_w, EtaCost(0.5, facts.max_power_w))
        assert check_equal(Task(facts, problem, facts.default_recurrences), "zeus", list(range(8))) <= 1


def test_what_cannot_step_together() -> None:
    def can(policy: str, problem: Problem) -> bool:
        return can_step_together(
            problem, build_policy(find_policy(policy), problem, np.random.default_rng(1))
        )

    assert can("zeus", make_problem(EASY))
    assert not can("zeus", make_problem(EASY, window_size=5))
    assert not can("thompson", make_problem(EASY))
    assert not can("grid", make_problem(EASY))


@pytest.mark.parametrize("policy", ["oracle", "default", "grid", "thompson"])
def test_other_policies_are_simulated_one_by_one(policy: str) -> None:
    task = task_of(EASY, 20)
    seeds = list(range(10))
    assert simulate_seeds(task, policy, seeds) == [simulate_history(task, policy, seed) for seed in seeds]


def test_the_replay_of_the_published_simulator_is_never_batched() -> None:
    task = replace(task_of(EASY, 20), published=True)
    seeds = list(range(10))
    assert check_equal(task, "zeus", seeds) == len(seeds)
