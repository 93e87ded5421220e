import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.errors import InfeasibleError
from elastance.splitting import Goal, Gpu, Plan, SplitProblem, exact, fastest_plan, registered_methods, solve
from elastance.splitting.enumeration import enumerate_splits
from elastance.splitting.exact import search
from made_up_splits import (
    Tried,
    allowed_plans,
    best_by_enumeration,
    made_up_points,
    objective,
    points,
    problems,
)


def tried(plan: Plan) -> Tried:
    return Tried(plan.cost_j, plan.time_s, plan.energy_j, plan.shares)


@settings(max_examples=150)
@given(problems())
def test_no_plan_is_better_than_the_exact_one(case) -> None:
    problem, measured = case
    best = best_by_enumeration(problem, measured)
    solution = exact(problem)
    found, least = objective(problem, tried(solution.plan)), objective(problem, best)
    # What decides between equals is looked at only among the plans that a search comes across.
    all_of_it = len(problem.gpus) <= 2 or problem.goal is Goal.TIME
    assert found[: 1 + all_of_it] == pytest.approx(least[: 1 + all_of_it], rel=1e-9)
    assert solution.optimal
    assert solution.lower_bound == pytest.approx(solution.plan.cost_j, rel=1e-9)
    assert solution.lower_bound <= best.cost * (1 + 1e-9)


@settings(max_examples=150)
@given(problems(most_gpus=2))
def test_the_search_finds_what_enumeration_finds(case) -> None:
    """Branch and bound is for more than two GPUs, but right for fewer as well."""
    problem, _ = case
    assert search(problem).plan.cost_j == pytest.approx(enumerate_splits(problem).plan.cost_j, rel=1e-9)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(points(), min_size=2, max_size=2), st.integers(50, 300), st.sampled_from([0.2, 0.5, 0.9]))
def test_the_search_finds_it_among_many_splits_too(measured, batch: int, eta: float) -> None:
    gpus = tuple(Gpu.of_points("g", of, idle_power_w=10.0) for of in measured)
    problem = SplitProblem(gpus, batch, eta=eta)
    assert search(problem).plan.cost_j == pytest.approx(enumerate_splits(problem).plan.cost_j, rel=1e-9)


@settings(max_examples=60)
@given(problems(most_gpus=2))
def test_the_runner_up_of_two_is_the_second_best(case) -> None:
    problem, measured = case
    solution = exact(problem)
    others = [
        objective(problem, plan)[0]
        for plan in allowed_plans(problem, measured)
        if problem.evaluate(plan.shares).shares != solution.plan.shares
    ]
    assert (solution.runner_up is None) == (not others)
    if solution.runner_up is not None:
        assert solution.runner_up_exact
        assert solution.runner_up.shares != solution.plan.shares
        assert problem.order(solution.runner_up)[0] == pytest.approx(min(others), rel=1e-9)


@settings(max_examples=60)
@given(problems())
def test_a_plan_gives_out_the_whole_batch_and_conserves_energy(case) -> None:
    problem, _ = case
    plan = exact(problem).plan
    assert sum(load.batch_size for load in plan.loads) == problem.global_batch_size
    assert all(load.batch_size % problem.granularity == 0 for load in plan.loads)
    assert all(load.time_s + load.idle_s <= plan.time_s * (1 + 1e-12) for load in plan.loads)
    assert plan.energy_j == pytest.approx(sum(load.energy_j + load.idle_energy_j for load in plan.loads))
    assert not plan.extrapolated


@pytest.mark.slow
@settings(max_examples=40)
@given(problems())
def test_no_method_beats_the_exact_one(case) -> None:
    problem, _ = case
    problem = replace(problem, max_slowdown=None, micro_batches=True)
    best = exact(problem).plan
    for info in registered_methods():
        if info.kind != "published":
            plan = solve(info, problem).plan
            assert problem.order(best)[0] <= problem.order(plan)[0] * (1 + 1e-9), info.name


def test_identical_gpus_share_alike() -> None:
    gpu = Gpu.of_points("g", made_up_points(), idle_power_w=5.0)
    for count, batch in itertools.product((2, 3, 5), (30, 60)):
        plan = exact(SplitProblem((gpu,) * count, batch, goal=Goal.TIME)).plan
        assert plan.time_s == pytest.approx(fastest_plan(SplitProblem((gpu,) * count, batch)).time_s)


def test_a_slow_gpu_is_released_if_synchronisation_costs_more_than_it_saves() -> None:
    fast = Gpu.of_points("fast", made_up_points(10.0))
    slow = Gpu.of_points("slow", made_up_points(0.1))
    plan = exact(SplitProblem((fast, slow, slow), 8, sync_s=0.5)).plan
    assert [load.batch_size for load in plan.loads] == [8, 0, 0]
    assert [load.power_limit_w for load in plan.loads][1:] == [None, None]
    assert plan.energy_j == plan.loads[0].energy_j


def test_what_does_not_fit_is_said_in_numbers() -> None:
    gpu = Gpu.of_points("g", made_up_points(), memory_cap=3)
    with pytest.raises(InfeasibleError, match=r"global batch 7 does not fit: .* 3 \+ 3 samples, 6"):
        SplitProblem((gpu, gpu), 7, micro_batches=False)
    assert exact(SplitProblem((gpu, gpu), 6, micro_batches=False)).plan.time_s > 0
    assert [load.micro_batches for load in exact(SplitProblem((gpu,), 7)).plan.loads] == [3]


def test_progress_is_told() -> None:
    gpus = tuple(Gpu.of_points(f"g{i}", made_up_points(1.0 + i / 3), idle_power_w=5.0) for i in range(3))
    told: list[tuple[float, float]] = []
    solution = exact(SplitProblem(gpus, 100), lambda bound, best: told.append((bound, best)))
    assert told
    assert all(best >= solution.plan.cost_j * (1 - 1e-12) for _, best in told)
    assert all(bound <= solution.plan.cost_j for bound, _ in told)
