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


def test_proposals_ask_for_one_type_and_release_what_they_do_not_need() -> None:
    book, demand = PlanBook((8, 8)), Demand((1.0, 3.0), 8)
    plan = book.plan(demand, (3, 1))
    assert plan is not None
    found = [proposal for of_type in book.scale_outs(demand, plan) for proposal in of_type]
    assert found
    for proposal in found:
        other = 1 - proposal.gpu_type
        assert proposal.plan.gpus[proposal.gpu_type] == plan.gpus[proposal.gpu_type] + proposal.added
        assert proposal.plan.gpus[other] <= plan.gpus[other]
        assert proposal.plan.step_s < plan.step_s
        assert proposal.added <= plan.size
        assert proposal.gain == pytest.approx((plan.step_s / proposal.plan.step_s - 1) / proposal.added)
    assert any(proposal.plan.gpus[1] == 0 for proposal in found)
    assert book.scale_outs(demand, plan) is book.scale_outs(demand, plan)
