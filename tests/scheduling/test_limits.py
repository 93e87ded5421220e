from itertools import pairwise

import pytest

from elastance.catalog import LIMIT_MODELS
from elastance.scheduling import ClusterPower, Demand, LimitBook, best_plan, foreseen_step_s
from made_up_cluster import TYPES

POWER = ClusterPower.assumed(TYPES)


@pytest.mark.parametrize("name", LIMIT_MODELS)
def test_a_tighter_limit_never_speeds_up(name: str) -> None:
    model = LIMIT_MODELS[name]
    slowdowns = [model.slowdown(share / 100) for share in range(100, round(100 * model.lowest) - 1, -5)]
    assert slowdowns[0] == 1.0
    assert slowdowns == sorted(slowdowns)


def test_ways_to_limit_a_plan_trade_time_for_power() -> None:
    demand = Demand((1.0, 1.5, 2.0), 8)
    plan = best_plan(demand, (2, 2, 1))
    assert plan is not None
    ways = LimitBook(POWER).limited(demand, plan)
    assert ways[0].plan.step_s == plan.step_s
    assert len(ways) > 5
    for faster, slower in pairwise(ways):
        assert faster.plan.step_s < slower.plan.step_s
        assert faster.most_excess_w > slower.most_excess_w
    for way in ways:
        assert way.plan.step_s == foreseen_step_s(demand, way.plan, POWER)
        drawn_w = POWER.training_power_w(
            way.plan.gpus, way.plan.workers, demand.step_s, way.plan.step_s, way.plan.limits_w
        )
        excess_j = (drawn_w - POWER.idle_power_w(way.plan.gpus)) * way.plan.step_s
        assert excess_j == pytest.approx(way.energy_j)
        assert excess_j <= way.most_excess_w * way.plan.step_s * (1 + 1e-9)


def test_a_gpu_that_would_wait_is_limited_at_no_cost_of_time() -> None:
    # One logical worker on each GPU: the V100 takes 1 s and would wait 0.8 s for the P100.
    demand = Demand((1.0, 1.8), 2)
    plan = best_plan(demand, (1, 1))
    assert plan is not None
    assert plan.workers == (1, 1)
    fastest = LimitBook(ClusterPower.assumed(TYPES[:2])).limited(demand, plan)[0]
    assert fastest.plan.step_s == plan.step_s
    assert fastest.plan.limits_w[0] < 200.0
    assert fastest.plan.limits_w[1] == 250.0


def test_without_a_model_there_are_no_limits() -> None:
    power = ClusterPower((10.0, 5.0), (110.0, 55.0))
    demand = Demand((1.0, 2.0), 4)
    plan = best_plan(demand, (2, 1))
    assert plan is not None
    assert [way.plan.step_s for way in LimitBook(power).limited(demand, plan)] == [plan.step_s]
