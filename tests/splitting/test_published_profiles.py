"""The numbers of the published profiles: those of the original, and those of every method on the measured curves."""

from pathlib import Path

import pytest

from elastance.simulate import GpuGroup, compare_splits, split_problem
from elastance.splitting import Goal, MethodKind, exact, pareto_front, registered_methods
from elastance.traces import read_profile

ALL = [info.name for info in registered_methods()]


def groups(directory: Path, data: str, counts: tuple[int, int] = (1, 1)) -> list[GpuGroup]:
    return [
        GpuGroup(read_profile(directory / f"{data}_{gpu}.json"), count)
        for gpu, count in zip(("a10", "t4"), counts, strict=True)
    ]


@pytest.mark.parametrize(
    ("data", "method", "shares", "cost"),
    [
        ("cifar", "zeus2-brute-force", ((1874, 100), (2222, 60)), 576.3955875),
        ("cifar", "zeus2-heuristic", ((1874, 100), (2222, 60)), 576.3955875),
        ("cifar", "zeus2-even", ((2048, 100), (2048, 60)), 645.6321829),
        ("imagenet", "zeus2-brute-force", ((1661, 100), (2435, 60)), 45226.92590),
        ("imagenet", "zeus2-heuristic", ((1661, 100), (2435, 60)), 45226.92590),
        ("imagenet", "zeus2-even", ((2048, 100), (2048, 60)), 46720.84877),
    ],
)
def test_the_published_methods_give_the_published_answers(
    published_profiles: Path, data: str, method: str, shares: tuple[tuple[int, int], ...], cost: float
) -> None:
    of = groups(published_profiles, data)
    comparison = compare_splits(of, split_problem(of, 4096), [method])
    assert comparison.chosen.plan.shares == shares
    document = comparison.to_json()
    assert document["cost"] == pytest.approx(cost, rel=1e-6)
    assert document["extrapolated"]
    assert not document["optimal"]
    assert [(gpu["batch_size"], gpu["power_limit_w"]) for gpu in document["gpus"]] == list(shares)


def test_the_published_powers_are_impossible(published_profiles: Path) -> None:
    """What extrapolation leads to: next to no power on CIFAR, twice the limit on ImageNet."""
    cifar, imagenet = (
        compare_splits(of, split_problem(of, 4096), ["zeus2-brute-force"]).chosen.published
        for of in (groups(published_profiles, data) for data in ("cifar", "imagenet"))
    )
    assert cifar is not None
    assert cifar.powers_w == pytest.approx((0.01, 0.85), abs=0.005)
    assert imagenet is not None
    assert imagenet.powers_w[1] == pytest.approx(118.6, abs=0.05)


@pytest.mark.parametrize(
    ("data", "method", "shares", "time_s", "energy_j", "cost"),
    [
        ("cifar", "exact", ((2799, 150), (1297, 70)), 4.43, 955.6, 1296.785),
        ("cifar", "zeus2-brute-force", ((1874, 100), (2222, 60)), 8.73, 1072.9, 2151.6),
        ("cifar", "even", ((2048, 300), (2048, 70)), 6.92, 1172.5, 1866.1),
        ("cifar", "time-balanced", ((2831, 300), (1265, 70)), 4.33, 1123.8, 1362.1),
        ("imagenet", "exact", ((2481, 100), (1615, 60)), 218.9, 31697, 56351.380),
        ("imagenet", "zeus2-brute-force", ((1661, 100), (2435, 60)), 331.8, 36834, 79803),
        ("imagenet", "even", ((2048, 300), (2048, 70)), 276.9, 40683, 71562),
        ("imagenet", "time-balanced", ((2513, 300), (1583, 70)), 212.8, 38807, 58780),
    ],
)
def test_the_expected_table(
    published_profiles: Path,
    data: str,
    method: str,
    shares: tuple[tuple[int, int], ...],
    time_s: float,
    energy_j: float,
    cost: float,
) -> None:
    of = groups(published_profiles, data)
    plan = compare_splits(of, split_problem(of, 4096), [method]).chosen.plan
    assert plan.shares == shares
    assert plan.time_s == pytest.approx(time_s, abs=0.05 if time_s > 100 else 0.005)
    assert plan.energy_j == pytest.approx(energy_j, abs=0.5 if energy_j > 2000 else 0.05)
    assert plan.cost_j == pytest.approx(cost, abs=0.0005 if method == "exact" else 0.5)


@pytest.mark.parametrize("idle", [(0.0, 0.0), (50.0, 20.0)])
@pytest.mark.parametrize(
    ("data", "shares"),
    [("cifar", ((2799, 150), (1297, 70))), ("imagenet", ((2481, 100), (1615, 60)))],
)
def test_the_optimum_does_not_depend_on_the_assumed_idle_power(
    published_profiles: Path, data: str, shares: tuple[tuple[int, int], ...], idle: tuple[float, float]
) -> None:
    of = [
        GpuGroup(group.profile, idle_power_w=watts)
        for group, watts in zip(groups(published_profiles, data), idle, strict=True)
    ]
    assert exact(split_problem(of, 4096)).plan.shares == shares


@pytest.mark.parametrize(("data", "cost"), [("cifar", 1240.9150556068), ("imagenet", 54340.4939647532)])
def test_three_gpus_on_a_grid(published_profiles: Path, data: str, cost: float) -> None:
    of = groups(published_profiles, data, (1, 2))
    assert exact(split_problem(of, 4096, granularity=256)).plan.cost_j == pytest.approx(cost, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["cifar", "imagenet"])
@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("goal", list(Goal))
def test_exact_is_never_worse_than_another_method(
    published_profiles: Path, data: str, counts: tuple[int, int], goal: Goal
) -> None:
    of = groups(published_profiles, data, counts)
    problem = split_problem(of, 2048, goal=goal, granularity=4)
    comparison = compare_splits(of, problem, ALL)
    for result in comparison.results:
        if result.solution is None:
            assert result.method.kind is MethodKind.PUBLISHED
            assert "two GPUs only" in result.refusal
        else:
            assert result.slack is not None
            assert result.slack >= -1e-9, result.method.name


def test_the_front_contains_the_extremes(published_profiles: Path) -> None:
    of = groups(published_profiles, "imagenet")
    problem = split_problem(of, 1024)
    front = pareto_front(problem)
    assert front.complete
    assert front.plans[0].time_s == exact(split_problem(of, 1024, goal=Goal.TIME)).plan.time_s
    assert front.plans[-1].energy_j == pytest.approx(
        exact(split_problem(of, 1024, goal=Goal.ENERGY)).plan.energy_j
    )
