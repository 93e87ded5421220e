import json

from elastance.scheduling import EasyScaleHeter, EasyScaleHomo, best_plan
from made_up_cluster import make_job, make_state


def plan_on(job, *gpus: int):
    plan = best_plan(job.demand, gpus)
    assert plan is not None
    return plan


def test_a_lone_job_grows_to_all_it_can_use_at_once() -> None:
    job = make_job("a", workers=10)
    assert EasyScaleHomo().allocate(make_state([job]))["a"].gpus == (4, 0, 0)
    mixed = EasyScaleHeter().allocate(make_state([job]))["a"]
    assert (mixed.gpus, mixed.workers, mixed.step_s) == ((4, 2, 0), (8, 2, 0), 2.0)


def test_who_may_not_mix_stays_on_its_type() -> None:
    job = make_job("a", workers=8, preferred=1, may_mix=False)
    assert EasyScaleHeter().allocate(make_state([job]))["a"].gpus == (0, 2, 0)


def test_growth_must_win_back_its_restart() -> None:
    def gpus_with(steps: float) -> tuple[int, ...]:
        running = make_job("a", workers=4, may_mix=False, steps=steps)
        running = running._replace(plan=plan_on(running, 2, 0, 0), measured_step_s=2.0)
        return EasyScaleHeter().allocate(make_state([running]))["a"].gpus

    assert gpus_with(21.0) == (4, 0, 0)
    assert gpus_with(19.0) == (2, 0, 0)


def test_a_running_job_gets_at_most_twice_its_gpus() -> None:
    running = make_job("a", workers=8)
    running = running._replace(plan=plan_on(running, 1, 0, 0), measured_step_s=8.0)
    assert sum(EasyScaleHeter().allocate(make_state([running]))["a"].gpus) == 2


def test_a_job_without_a_place_takes_from_one_with_more_than_its_share() -> None:
    rich = make_job("rich", workers=4, may_mix=False)
    rich = rich._replace(plan=plan_on(rich, 4, 0, 0), measured_step_s=1.0)
    poor = make_job("poor", workers=2, may_mix=False)
    plans = EasyScaleHomo().allocate(make_state([rich, poor], (4, 0, 0)))
    assert plans["rich"].gpus == (2, 0, 0)  # with three it would be no faster than with two
    assert plans["poor"].gpus == (2, 0, 0)


def test_who_has_no_more_than_a_share_gives_nothing() -> None:
    modest, rich = make_job("modest", workers=3, may_mix=False), make_job("rich", workers=6, may_mix=False)
    modest = modest._replace(
        plan=plan_on(modest, 2, 0, 0), measured_step_s=2.0
    )  # would lose least: 3 s for 2 s
    rich = rich._replace(plan=plan_on(rich, 6, 0, 0), measured_step_s=1.0)
    poor = make_job("poor", workers=1, may_mix=False)
    plans = EasyScaleHomo().allocate(make_state([modest, rich, poor], (8, 0, 0)))
    assert plans["modest"].size >= 2
    assert plans["rich"].size == 3
    assert plans["poor"].size == 1


def test_a_job_that_restarts_is_left_alone() -> None:
    job = make_job("a", workers=4, may_mix=False, restarting=True)
    job = job._replace(plan=plan_on(job, 2, 0, 0), measured_step_s=2.0)
    assert EasyScaleHomo().allocate(make_state([job]))["a"].gpus == (2, 0, 0)


def test_nobody_shrinks_below_its_minimum() -> None:
    rich = make_job("rich", workers=4, may_mix=False, min_gpus=4)
    rich = rich._replace(plan=plan_on(rich, 4, 0, 0), measured_step_s=1.0)
    plans = EasyScaleHomo().allocate(make_state([rich, make_job("poor", may_mix=False)], (4, 0, 0)))
    assert set(plans) == {"rich"}


def test_a_job_that_turns_out_slower_falls_back_and_stays() -> None:
    scheduler = EasyScaleHomo()
    job = make_job("a", workers=4, may_mix=False)
    small = plan_on(job, 2, 0, 0)
    running = job._replace(plan=small, measured_step_s=2.0)
    grown = scheduler.allocate(make_state([running]))["a"]
    assert grown.gpus == (4, 0, 0)
    disappointed = job._replace(plan=grown, measured_step_s=2.5)
    assert scheduler.allocate(make_state([disappointed]))["a"] == small
    assert scheduler.allocate(make_state([running]))["a"] == small
    content = EasyScaleHomo()
    content.allocate(make_state([running]))
    assert content.allocate(make_state([job._replace(plan=grown, measured_step_s=1.9)]))["a"] == grown


def test_a_restored_scheduler_continues_identically() -> None:
    job = make_job("a", workers=4, may_mix=False)
    scheduler, restored = EasyScaleHomo(), EasyScaleHomo()
    grown = scheduler.allocate(make_state([job._replace(plan=plan_on(job, 2, 0, 0), measured_step_s=2.0)]))[
        "a"
    ]
    restored.restore(json.loads(json.dumps(scheduler.state())))
    slower = make_state([job._replace(plan=grown, measured_step_s=9.0)])
    assert restored.allocate(slower) == scheduler.allocate(slower)
    assert restored.state() == scheduler.state()
    assert restored.state()["settled"] == ["a"]
