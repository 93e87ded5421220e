import json

import pytest

from elastance.catalog import Determinism
from elastance.errors import InputError
from elastance.scheduling import Demand, EnergyElastic, JobState, Plan, PowerCap
from made_up_cluster import make_job, make_state


def test_eta_decides_between_time_and_energy() -> None:
    state = make_state([make_job("a", workers=4)])
    fastest = EnergyElastic(eta=0.0).allocate(state)["a"]
    thrifty = EnergyElastic(eta=1.0).allocate(state)["a"]
    assert fastest.step_s < thrifty.step_s
    assert fastest.gpus == (4, 0, 0)
    assert thrifty.limits_w[:1] < fastest.limits_w[:1]


@pytest.mark.parametrize("eta", [-0.1, 1.1, float("nan")])
def test_an_eta_that_is_none(eta: float) -> None:
    with pytest.raises(InputError, match="not between 0"):
        EnergyElastic(eta=eta)


def test_the_shortest_job_starts_first() -> None:
    jobs = [make_job(name, workers=8, steps=steps, may_mix=False) for name, steps in (("a", 900), ("b", 90))]
    assert set(EnergyElastic().allocate(make_state(jobs, (4, 0, 0)))) == {"b"}


def test_a_cap_limits_first_then_shrinks_then_pauses() -> None:
    jobs = [make_job("a", workers=4, steps=100), make_job("b", workers=4, steps=200, may_mix=False)]
    shape = (8, 0, 0)
    running = EnergyElastic().allocate(make_state(jobs, shape))
    jobs = [job._replace(plan=running[job.name], measured_step_s=running[job.name].step_s) for job in jobs]
    assert [plan.size for plan in running.values()] == [4, 4]

    def at(power_w: float):
        return EnergyElastic().allocate(make_state(jobs, shape, cap=PowerCap.constant(power_w)))

    limited = at(320.0 + 8 * 110.0)  # idle, and the tightest limit of 150 W on each
    assert [plan.gpus for plan in limited.values()] == [(4, 0, 0), (4, 0, 0)]
    assert {plan.limits_w[0] for plan in limited.values()} == {150.0}
    shrunk = at(320.0 + 6 * 110.0)
    assert {name: plan.size for name, plan in shrunk.items()} == {"a": 4, "b": 2}
    paused = at(320.0 + 4.5 * 110.0)
    assert {name: plan.size for name, plan in paused.items()} == {"a": 4}
    assert at(320.0 + 50.0) == {}


def test_restored_from_json_it_goes_on_as_before() -> None:
    jobs = [make_job("a", workers=8, steps=1e5), make_job("b", workers=2, steps=50)]
    first = EnergyElastic()
    plan = first.allocate(make_state(jobs))["a"]
    jobs = [jobs[0]._replace(plan=plan, measured_step_s=plan.step_s)]
    first.allocate(make_state(jobs))
    second = EnergyElastic()
    second.restore(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    assert second.allocate(make_state(jobs)) == first.allocate(make_state(jobs))


def test_a_cap_that_undoes_a_fallback_gives_no_gpu_twice() -> None:
    # `a` was slower after it grew, so it falls back to one V100, and `b` is promised the other.
    scheduler = EnergyElastic()
    scheduler.restore({"before_growth": {"a": [[1, 0], [4, 0], 4.0, 4.0]}, "settled": []})
    grown = Plan((2, 0), (4, 0), 2.0)
    times = (1.0, 1.5)
    a = make_job("a", workers=4, step_s=times, may_mix=False, plan=grown, measured_step_s=5.0, steps=1000)
    jobs = [a, make_job("b", workers=8, step_s=times, steps=1000)]
    roomy = EnergyElastic()
    roomy.restore(scheduler.state())
    assert {name: plan.gpus for name, plan in roomy.allocate(make_state(jobs, (2, 2))).items()} == {
        "a": (1, 0),
        "b": (1, 2),
    }
    idle_w = 2 * 40.0 + 2 * 30.0
    capped = scheduler.allocate(make_state(jobs, (2, 2), cap=PowerCap.constant(idle_w + 450.0)))
    assert sum(plan.gpus[0] for plan in capped.values()) <= 2


def priced(name: str, *, d2_factor: float, **options) -> JobState:
    job = make_job(name, **options)
    times, workers = job.demand.step_s, job.demand.logical_workers
    at_d2 = Demand(tuple(d2_factor * time_s for time_s in times), workers, Determinism.D2)
    return job._replace(demand=at_d2, at_d1=Demand(times, workers, Determinism.D1), at_d2=at_d2)


@pytest.mark.parametrize(
    ("d2_factor", "level"), [(1.0, Determinism.D2), (0.9, Determinism.D2), (2.0, Determinism.D1)]
)
def test_the_price_of_d2_decides_whether_types_mix(d2_factor: float, level: Determinism) -> None:
    job = priced("a", d2_factor=d2_factor, workers=32)
    plan = EnergyElastic(0.0).allocate(make_state([job]))["a"]
    assert plan.determinism is level
    assert (sum(count > 0 for count in plan.gpus) > 1) == (level is Determinism.D2)


def test_a_job_at_d1_grows_on_its_type_alone() -> None:
    job = priced("a", d2_factor=2.0, workers=8)
    began = EnergyElastic(0.0).allocate(make_state([job], (1, 0, 0)))["a"]
    assert began.determinism is Determinism.D1
    assert job.at_d1 is not None
    running = job._replace(
        plan=began, pinned=job.at_d1.only(0), measured_step_s=began.step_s, remaining_steps=1e5
    )
    grown = EnergyElastic(0.0).allocate(make_state([running], (2, 9, 9)))["a"]
    assert grown.gpus == (2, 0, 0)
    paused = running._replace(plan=None, measured_step_s=None)
    assert EnergyElastic(0.0).allocate(make_state([paused], (0, 9, 9))) == {}


def test_limits_are_loosened_while_others_wait() -> None:
    def limit_w(waiting: int) -> float:
        running = make_job("a", workers=4, may_mix=False, plan=Plan((4, 0, 0), (4, 0, 0), 1.0), steps=1e4)
        jobs = [running, *(make_job(f"b{number}", may_mix=False) for number in range(waiting))]
        return EnergyElastic(0.7).allocate(make_state(jobs, (4, 0, 0)))["a"].limits_w[0]

    limits_w = [limit_w(waiting) for waiting in (0, 1, 3, 9)]
    assert limits_w == sorted(limits_w)
    assert limits_w[0] < limits_w[-1]
