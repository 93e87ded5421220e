import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InfeasibleError, NoPlanError, PolicyError, UnknownNameError
from elastance.splitting import (
    Goal,
    Gpu,
    MethodKind,
    Share,
    SplitProblem,
    exact,
    fastest_units,
    find_method,
    pareto_front,
    registered_methods,
    registry,
    solve,
)
from made_up_splits import made_up_points, points

FAST = Gpu.of_points("fast", made_up_points(4.0, (100, 200)), idle_power_w=5.0)
SLOW = Gpu.of_points("slow", made_up_points(1.0, (50, 60, 70)), idle_power_w=5.0)


def shares(name: str, problem: SplitProblem) -> tuple[Share, ...]:
    return solve(find_method(name), problem).plan.shares


def test_even_hands_out_equal_shares_at_full_power() -> None:
    assert shares("even", SplitProblem((FAST, SLOW, SLOW), 20)) == ((7, 200), (7, 70), (6, 70))
    assert shares("even", SplitProblem((FAST, SLOW), 24, granularity=8)) == ((16, 200), (8, 70))


def test_proportional_follows_throughput() -> None:
    assert shares("proportional", SplitProblem((FAST, SLOW), 50)) == ((40, 200), (10, 70))


@given(st.lists(points(), min_size=2, max_size=3), st.integers(1, 12))
def test_time_balanced_is_the_fastest_at_full_power(measured, batch: int) -> None:
    problem = SplitProblem(tuple(Gpu.of_points("g", of) for of in measured), batch)
    plan = solve(find_method("time-balanced"), problem).plan
    full = tuple(gpu.at_limits(gpu.power_limits_w[-1:]) for gpu in problem.gpus)
    fastest = exact(replace(problem, gpus=full, goal=Goal.TIME)).plan
    assert plan.time_s == pytest.approx(fastest.time_s)
    used = [(load, gpu) for load, gpu in zip(plan.loads, problem.gpus, strict=True) if load.batch_size]
    assert all(load.power_limit_w == gpu.max_power_w for load, gpu in used)


@given(st.lists(points(), min_size=2, max_size=3), st.integers(2, 12), st.sampled_from(list(Goal)))
def test_even_best_limits_is_the_best_of_all_limits(measured, batch: int, goal: Goal) -> None:
    from itertools import product

    problem = SplitProblem(
        tuple(Gpu.of_points("g", of, idle_power_w=9.0) for of in measured), batch, goal=goal
    )
    plan = solve(find_method("even-best-limits"), problem).plan
    sizes = [load.batch_size for load in plan.loads]
    every = product(*(gpu.power_limits_w for gpu in problem.gpus))
    best = min(problem.order(problem.evaluate(list(zip(sizes, limits, strict=True)))) for limits in every)
    assert problem.order(plan)[0] == pytest.approx(best[0])


def test_the_heuristic_slows_the_fastest_kind_down() -> None:
    found = shares("heuristic", SplitProblem((SLOW, FAST, FAST), 40))
    assert {limit for size, limit in found[1:] if size} == {100}


def test_units_that_do_not_fit_are_counted() -> None:
    import numpy as np

    times = np.array([0.0, 1.0, 2.0, np.inf])
    assert fastest_units([times, times], 4) == (2.0, [2, 2])
    assert fastest_units([times, times * 3], 3) == (3.0, [2, 1])
    with pytest.raises(InfeasibleError, match="only 4 of 5 units fit"):
        fastest_units([times, times], 5)


def test_a_method_without_a_plan_says_so() -> None:
    tight = replace(SLOW, micro_batch=2)
    problem = SplitProblem((FAST, tight), 10, micro_batches=False)
    with pytest.raises(
        NoPlanError, match="even: 5 samples do not fit on slow, which holds 2 at once"
    ) as error:
        solve(find_method("even"), problem)
    assert error.value.exit_status == 1
    late = SplitProblem((FAST, SLOW), 40, max_slowdown=1.1)
    with pytest.raises(NoPlanError, match=r"even: its plan takes .* times as long as the fastest"):
        solve(find_method("even"), late)
    assert solve(find_method("exact"), late).optimal
    with pytest.raises(NoPlanError, match="two GPUs only, not 3"):
        solve(find_method("zeus2-even"), SplitProblem((FAST, SLOW, SLOW), 12))
    with pytest.raises(NoPlanError, match="gives both GPUs samples"):
        solve(find_method("zeus2-brute-force"), SplitProblem((FAST, SLOW), 1))


def test_a_users_own_function_is_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give everything to the first."""
    module = ModuleType("mine")
    module.first = lambda problem: [(problem.global_batch_size, 100), (0, 0)]  # type: ignore[attr-defined]
    module.wrong = lambda problem: [(1, 100), (1, 50)]  # type: ignore[attr-defined]
    module.broken = lambda problem: 1 // 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    problem = SplitProblem((FAST, SLOW), 10)
    assert shares("mine:first", problem) == ((10, 100), (0, 0))
    with pytest.raises(NoPlanError, match="mine:wrong: the shares 1 \\+ 1 do not add up"):
        shares("mine:wrong", problem)
    with pytest.raises(PolicyError, match="mine:broken: ZeroDivisionError"):
        shares("mine:broken", problem)
    with pytest.raises(PolicyError, match="module mine has no 'other'"):
        find_method("mine:other")
    with pytest.raises(PolicyError, match="importing nowhere_at_all"):
        find_method("nowhere_at_all:it")
    with pytest.raises(UnknownNameError, match="did you mean exact"):
        find_method("exakt")


def test_other_packages_offer_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint("theirs", "elastance.splitting.baselines:even", registry.ENTRY_POINTS),
        EntryPoint("gone", "elastance.splitting.nowhere:even", registry.ENTRY_POINTS),
        EntryPoint("exact", "elastance.splitting.baselines:even", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: entries)
    problem = SplitProblem((FAST, SLOW), 20)
    assert shares("theirs", problem) == shares("even", problem)
    assert find_method("exact").function is exact
    with pytest.raises(PolicyError, match="cannot be loaded"):
        find_method("gone")


def test_every_method_says_what_it_does() -> None:
    infos = registered_methods()
    assert len({info.name for info in infos}) == len(infos) >= 9
    assert all(info.summary.endswith(".") for info in infos)
    assert {info.kind for info in infos} == set(MethodKind)


@given(st.lists(points(), min_size=1, max_size=2), st.integers(1, 8))
def test_nothing_is_beyond_the_front_of_two(measured, batch: int) -> None:
    problem = SplitProblem(tuple(Gpu.of_points("g", of) for of in measured), batch)
    front = pareto_front(problem)
    assert front.complete
    ordered = [(plan.time_s, plan.energy_j) for plan in front.plans]
    assert ordered == sorted(ordered)
    assert [energy for _, energy in ordered] == sorted((energy for _, energy in ordered), reverse=True)
    assert ordered[0][0] == pytest.approx(exact(replace(problem, goal=Goal.TIME)).plan.time_s)
    assert ordered[-1][1] == pytest.approx(exact(replace(problem, goal=Goal.ENERGY)).plan.energy_j)
    for eta in (0.3, 0.7):
        best = exact(replace(problem, eta=eta)).plan
        least = min(
            eta * plan.energy_j + (1 - eta) * problem.max_power_w * plan.time_s for plan in front.plans
        )
        assert least == pytest.approx(best.cost_j)


def test_the_front_of_three_is_a_part() -> None:
    front = pareto_front(SplitProblem((FAST, SLOW, SLOW), 40))
    assert not front.complete
    energies = [plan.energy_j for plan in front.plans]
    assert len(front.plans) > 3
    assert energies == sorted(energies, reverse=True)
