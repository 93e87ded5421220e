import json

import pytest

from elastance.errors import InputError
from elastance.scheduling import EnergyElastic, Plan, PowerCap
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
