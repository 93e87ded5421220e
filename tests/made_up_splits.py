"""Small made-up GPUs, and the best plan by trying every one in plain Python."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import strategies as st

from elastance.splitting import Goal, Gpu, SplitProblem

Points = list[tuple[int, int, float, float]]


class Tried(NamedTuple):
    """A plan that was tried: cost, time, energy, shares."""

    cost: float
    time_s: float
    energy_j: float
    shares: tuple[tuple[int, int], ...]


def made_up_points(speed: float = 1.0, limits: tuple[int, ...] = (100, 150), cap: int = 8) -> Points:
    """A GPU that takes longer and draws less under a lower limit."""
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= cap]
    return [
        (size, limit, (1.0 + size) / speed * (limits[-1] / limit) ** 0.5, (1.0 + size) / speed * 0.8 * limit)
        for limit in limits
        for size in sizes
    ]


@st.composite
def points(draw: st.DrawFn) -> Points:
    """Two to four limits, two or three sizes, times and energies without any order."""
    limits = draw(st.lists(st.integers(50, 300), min_size=2, max_size=4, unique=True))
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True))
    number = st.integers(1, 40).map(lambda n: n / 4)
    return [(size, limit, draw(number), 100 * draw(number)) for limit in limits for size in sizes]


@st.composite
def problems(draw: st.DrawFn, most_gpus: int = 4) -> tuple[SplitProblem, list[Points]]:
    """A small problem with any goal and constraint, and the points of its GPUs."""
    kinds: list[tuple[Gpu, Points]] = []
    for index in range(draw(st.integers(1, 3))):
        measured = draw(points())
        gpu = Gpu.of_points(
            f"gpu{index}",
            measured,
            idle_power_w=draw(st.sampled_from([0.0, 10.0, 40.0])),
            memory_cap=draw(st.sampled_from([None, None, 2, 3])),
        )
        kinds.append((gpu, measured))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most_gpus))
    granularity = draw(st.sampled_from([1, 1, 2]))
    units = draw(st.integers(1, 7 if len(chosen) < 4 else 5))
    room = sum((gpu.micro_batch or 0) // granularity for gpu, _ in chosen)
    problem = SplitProblem(
        tuple(gpu for gpu, _ in chosen),
        units * granularity,
        eta=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        goal=draw(st.sampled_from(list(Goal))),
        granularity=granularity,
        max_slowdown=draw(st.sampled_from([None, None, 1.0, 1.2, 2.0])),
        micro_batches=draw(st.booleans()) or room < units,
        sync_s=draw(st.sampled_from([0.0, 0.0, 0.7])),
        keep_idle=draw(st.booleans()),
        price_released=draw(st.booleans()),
    )
    return problem, [measured for _, measured in chosen]


def best_by_enumeration(problem: SplitProblem, measured: list[Points]) -> Tried:
    """Try every split under every combination of limits, one by one."""
    return min(allowed_plans(problem, measured), key=lambda plan: objective(problem, plan))


def allowed_plans(problem: SplitProblem, measured: list[Points]) -> list[Tried]:
    """Every plan that is fast enough."""
    plans = list(_every_plan(problem, measured))
    if problem.max_slowdown is not None:
        fastest = min(plan.time_s for plan in plans)
        plans = [plan for plan in plans if plan.time_s <= problem.max_slowdown * fastest * (1 + 1e-12)]
    return plans


def objective(problem: SplitProblem, plan: Tried) -> tuple[float, float]:
    return {
        Goal.COST: (plan.cost, plan.time_s),
        Goal.TIME: (plan.time_s, plan.energy_j),
        Goal.ENERGY: (plan.energy_j, plan.time_s),
    }[problem.goal]


def _every_plan(problem: SplitProblem, measured: list[Points]):
    step, total = problem.granularity, problem.global_batch_size
    shares = range(0, total + 1, step)
    for split in itertools.product(shares, repeat=len(measured) - 1):
        if sum(split) > total:
            continue
        sizes = (*split, total - sum(split))
        if not problem.micro_batches and any(
            size > gpu.micro_batch for size, gpu in zip(sizes, problem.gpus, strict=True)
        ):
            continue
        for limits in itertools.product(*(sorted({limit for _, limit, *_ in of}) for of in measured)):
            yield _priced(problem, measured, tuple(zip(sizes, limits, strict=True)))


def _priced(problem: SplitProblem, measured: list[Points], shares: tuple[tuple[int, int], ...]) -> Tried:
    taken = [
        _taken(of, size, limit, gpu.micro_batch)
        for of, (size, limit), gpu in zip(measured, shares, problem.gpus, strict=True)
    ]
    used = [size > 0 for size, _ in shares]
    time_s = max(time for time, _ in taken) + (problem.sync_s if sum(used) > 1 else 0.0)
    energy_j = sum(
        energy + (gpu.idle_power_w * (time_s - time) if on or problem.keep_idle else 0.0)
        for (time, energy), gpu, on in zip(taken, problem.gpus, used, strict=True)
    )
    everybody = problem.price_released or problem.goal is Goal.TIME
    max_power = sum(
        max(limit for _, limit, *_ in of) for of, on in zip(measured, used, strict=True) if on or everybody
    )
    eta = {Goal.COST: problem.eta, Goal.TIME: 0.0, Goal.ENERGY: 1.0}[problem.goal]
    return Tried(eta * energy_j + (1 - eta) * max_power * time_s, time_s, energy_j, shares)


def _taken(of: Points, size: int, limit: int, cap: int) -> tuple[float, float]:
    """Time and energy of a share: whole micro-batches and a rest, each between two measured points."""
    time = energy = 0.0
    while size > 0:
        part = min(size, cap)
        time += _between(sorted((b, t) for b, p, t, _ in of if p == limit), part)
        energy += _between(sorted((b, e) for b, p, _, e in of if p == limit), part)
        size -= part
    return time, energy


def _between(curve: list[tuple[int, float]], at: int) -> float:
    highest = 0.0
    rising = []
    for x, y in curve:
        highest = max(highest, y)
        rising.append((x, highest))
    if at <= rising[0][0]:
        return rising[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(rising):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    raise AssertionError(at)
