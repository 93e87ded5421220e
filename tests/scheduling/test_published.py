import json

import pytest

from elastance.scheduling import Demand, PublishedEasyScale, PublishedJob, PublishedYarnCs
from elastance.scheduling.published_plans import heterogeneous_plans, homogeneous_plans

SHAPE = (32, 16, 16)
BERT = Demand((0.651, 0.8895, 0.9879), 32)


def job(name: str, *, preferred: int = 0, mixes: bool = True, demand: Demand = BERT) -> PublishedJob:
    return PublishedJob(name, demand, preferred, mixes)


def test_one_job_at_a_time() -> None:
    held = PublishedYarnCs(SHAPE).allocate([job("b"), job("a")])
    assert {name: holding.gpus for name, holding in held.items()} == {"b": (32, 0, 0)}


def test_plans_on_one_type_are_said_to_waste_nothing() -> None:
    plans = {plan.gpus[0]: plan for plan in homogeneous_plans(Demand(BERT.step_s, 16), 0, SHAPE)}
    assert plans[9].waste == 0.0
    assert plans[9].speedup > plans[8].speedup
    assert plans[9].step_s == plans[8].step_s == 2 * 0.651


def test_the_slowest_plan_on_the_same_gpus_is_kept_and_absent_types_count() -> None:
    plans = heterogeneous_plans(BERT, SHAPE)
    assert 1000 < len(plans) < 1300  # the artifact has up to 1,200
    assert [plan.speedup for plan in plans] == sorted((plan.speedup for plan in plans), reverse=True)
    phantom = [
        plan
        for plan in plans
        if plan.step_s > max(a * t for a, t, n in zip(plan.threads, BERT.step_s, plan.gpus, strict=True) if n)
    ]
    assert phantom


def test_new_jobs_start_on_the_slowest_gpu_and_jobs_only_grow() -> None:
    scheduler = PublishedEasyScale(SHAPE, mixes_types=True)
    first = scheduler.allocate([job("a"), job("b", mixes=False)])
    assert first["a"].gpus == (0, 0, 1)
    assert first["b"].gpus == (1, 0, 0)
    before = first
    for _ in range(6):
        after = scheduler.allocate([job("a"), job("b", mixes=False)])
        for name in ("a", "b"):
            assert all(old <= new for old, new in zip(before[name].gpus, after[name].gpus, strict=True))
            assert sum(after[name].gpus) <= 2 * sum(before[name].gpus)
        before = after
    assert sum(before["a"].gpus) > 8
    assert sum(before["b"].gpus) > 8


@pytest.mark.parametrize("mixes", [True, False])
def test_a_restored_scheduler_continues_identically(mixes: bool) -> None:
    scheduler, restored = (PublishedEasyScale(SHAPE, mixes_types=mixes) for _ in range(2))
    for _ in range(3):
        scheduler.allocate([job("a"), job("b")])
    restored.restore(json.loads(json.dumps(scheduler.state())))
    assert restored.allocate([job("a"), job("b"), job("c")]) == scheduler.allocate(
        [job("a"), job("b"), job("c")]
    )
