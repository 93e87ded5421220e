"""The best plan is exact, places every logical worker and holds no GPU for nothing."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.scheduling import Demand, PlanBook, best_plan

TIMES = st.floats(0.01, 5.0) | st.sampled_from([0.5, 1.0, 1.5, math.inf])


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    return Demand(tuple(draw(st.lists(TIMES, min_size=1, max_size=3))), draw(st.integers(1, 9)))


def shortest_step(demand: Demand, gpus: tuple[int, ...]) -> float:
    """By trying every number of logical workers per GPU."""
    choices = itertools.product(range(demand.logical_workers + 1), repeat=len(gpus))
    return min(
        (
            max(
                (a * t for a, t, n in zip(per, demand.step_s, gpus, strict=True) if n and a), default=math.inf
            )
            for per in choices
            if sum(a * n for a, n in zip(per, gpus, strict=True)) >= demand.logical_workers
        ),
        default=math.inf,
    )


@given(demands(), st.data())
def test_the_best_plan_is_the_best(demand: Demand, data: st.DataObject) -> None:
    gpus = tuple(data.draw(st.integers(0, 4)) for _ in demand.step_s)
    plan, shortest = best_plan(demand, gpus), shortest_step(demand, gpus)
    if plan is None:
        assert math.isinf(shortest)
        return
    assert plan.step_s == shortest
    assert sum(plan.workers) == demand.logical_workers
    assert all(used <= there for used, there in zip(plan.gpus, gpus, strict=True))
    assert all(workers >= used for workers, used in zip(plan.workers, plan.gpus, strict=True))
    times = zip(plan.workers_per_gpu, demand.step_s, strict=True)
    assert max(fullest * time for fullest, time in times if fullest) == plan.step_s
    for gpu_type, count in enumerate(plan.gpus):
        if count:  # no GPU is held for nothing
            fewer = tuple(n - (of == gpu_type) for of, n in enumerate(plan.gpus))
            assert shortest_step(demand, fewer) > plan.step_s


def test_eq_1_of_the_paper_collapses() -> None:
    """With the factor N_i in (1c), perf = maxP / f_overload: 3 V100 with 4 logical workers, 2 T4 with 2 each."""
    demand = Demand((0.5, 1.0), 16)
    plan = best_plan(demand, (3, 2))
    assert plan is not None
    assert (plan.gpus, plan.workers, plan.step_s) == ((3, 2), (12, 4), 2.0)
    speeds, per_gpu = [1 / time for time in demand.step_s], plan.workers_per_gpu
    overload = max(a / c for a, c in zip(per_gpu, speeds, strict=True))
    total = sum(n * c for n, c in zip(plan.gpus, speeds, strict=True))
    waste = sum(n * (c - a / overload) for n, c, a in zip(plan.gpus, speeds, per_gpu, strict=True))
    assert total - waste == 16 / overload == 16 / plan.step_s


@given(demands().filter(lambda demand: demand.usable), st.data())
def test_proposals_are_the_fewest_gpus_for_every_shorter_step(demand: Demand, data: st.DataObject) -> None:
    gpus = tuple(data.draw(st.integers(0, 3)) for _ in demand.step_s)
    book = PlanBook(tuple(count + data.draw(st.integers(0, 4)) for count in gpus))
    plan = book.plan(demand, gpus)
    if plan is None:
        return
    found = {(of.gpu_type, of.added): of for of_type in book.scale_outs(demand, plan) for of in of_type}
    for gpu_type in demand.usable:
        shortest_s = plan.step_s
        for added in range(1, min(book.shape[gpu_type] - plan.gpus[gpu_type], plan.size) + 1):
            more = tuple(count + added * (of == gpu_type) for of, count in enumerate(plan.gpus))
            larger = best_plan(demand, more)
            assert larger is not None
            if larger.step_s < shortest_s:
                shortest_s = larger.step_s
                proposal = found.pop((gpu_type, added))
                assert (proposal.gpus, proposal.step_s) == (more, shortest_s)
                assert proposal.gain == pytest.approx((plan.step_s / shortest_s - 1) / added)
    assert not found


def test_a_larger_plan_may_release_gpus() -> None:
    book, demand = PlanBook((8, 8)), Demand((1.0, 3.0), 8)
    plan = book.plan(demand, (3, 1))
    assert plan is not None
    offered = [book.plan(demand, of.gpus) for of_type in book.scale_outs(demand, plan) for of in of_type]
    assert any(larger is not None and larger.gpus[1] == 0 for larger in offered)
    assert book.scale_outs(demand, plan) is book.scale_outs(demand, plan)
