import math

import pytest

from elastance.errors import InputError
from elastance.scheduling import (
    ClusterPower,
    Demand,
    EnergyElastic,
    LimitResponse,
    Plan,
    PlanBook,
    PowerCap,
    require_cap,
)
from elastance.scheduling.capping import Chosen, _tightened, could_run, frugal_plan
from elastance.scheduling.limits import LimitedPlan
from made_up_cluster import TYPES, make_job, make_state

POWER = ClusterPower.assumed(TYPES)
IDLE_W = 4 * 40.0 + 2 * 30.0 + 2 * 10.0
DEMAND = Demand((1.0, 1.5, 2.0), 4)


def test_the_frugal_plan_is_on_the_gpus_that_draw_least() -> None:
    book = PlanBook((4, 2, 2))
    one, three = (frugal_plan(DEMAND, fewest, book, POWER) for fewest in (1, 3))
    assert one is not None
    assert one.gpus == (0, 0, 1)
    assert three is not None
    assert three.gpus == (1, 0, 2)  # a V100 at 150 W has less beyond idling than a P100 at 175 W
    assert frugal_plan(DEMAND, 9, book, POWER) is None


def test_a_cap_below_idling() -> None:
    with pytest.raises(InputError, match="power cap of 200 W from 60 s on is below the 240 W"):
        require_cap(PowerCap((0.0, 60.0), (900.0, 200.0)), [], PlanBook((4, 2, 2)), POWER)


def test_a_cap_under_which_a_job_would_never_run() -> None:
    book = PlanBook((4, 2, 2))
    jobs = [("a", DEMAND.only(0), 2)]
    require_cap(PowerCap.constant(IDLE_W + 220.0), jobs, book, POWER)
    with pytest.raises(InputError, match="job a could never run, which takes 460 W"):
        require_cap(PowerCap.constant(IDLE_W + 219.0), jobs, book, POWER)
    state = make_state([], cap=PowerCap((0.0, 9.0), (9e9, IDLE_W + 219.0)))
    assert not could_run(DEMAND.only(0), 2, state)
    assert could_run(DEMAND.only(0), 1, state)
    assert could_run(DEMAND.only(0), 2, make_state([]))
    assert not could_run(DEMAND.only(0), 5, make_state([]))


def test_limits_are_tightened_where_that_slows_least_per_watt() -> None:
    jobs = [make_job("a", may_mix=False), make_job("b", may_mix=False, preferred=1, workers=2)]
    free = EnergyElastic(0.0).allocate(make_state(jobs))
    power_w = IDLE_W + sum(POWER.most_excess_w(plan) for plan in free.values())
    capped = EnergyElastic(0.0).allocate(make_state(jobs, cap=PowerCap.constant(power_w - 10.0)))
    assert {name: plan.gpus for name, plan in capped.items()} == {
        name: plan.gpus for name, plan in free.items()
    }
    slower = [name for name in free if capped[name].step_s > free[name].step_s]
    assert slower == ["a"]  # 15 W less of four V100 slow by 1.5 %, 12.5 W less of two P100 by 4.8 %


def test_the_tightest_limit_counts_even_if_it_takes_more_energy() -> None:
    # Under 100 W a step takes three times as long: more energy, but the cap leaves nothing else.
    response = LimitResponse((250.0, 100.0), (240.0, 100.0), (1.0, 6.0))
    job = make_job("a", step_s=(1.0,), workers=1)
    job = job._replace(demand=Demand((1.0,), 1, responses=(response,)))
    state = make_state([job], (1,), cap=PowerCap.constant(100.0))
    plan = EnergyElastic(1.0).allocate(state)["a"]
    assert plan.limits_w == (100.0,)
    assert math.isclose(plan.step_s, 6.0)


def ways(*excess_w: float) -> Chosen:
    """Ways to limit a plan that draw so much, each a little slower than the one before."""
    return Chosen(
        tuple(
            LimitedPlan(Plan((1,), (1,), 1.0 + number, (of,)), 1.0, of) for number, of in enumerate(excess_w)
        ),
        0,
    )


def test_the_tightest_limits_may_take_the_whole_budget() -> None:
    # Taking the differences off the sum leaves 0.6000000000000005, more than the 0.6 that the tightest limits take.
    chosen = {str(number): ways(1.1 + 0.1 * number, 0.1) for number in range(6)}
    budget_w = 0.6
    found = _tightened(chosen, budget_w)
    assert [of.number for of in found.values()] == [1] * 6
