import pytest

from elastance.errors import PolicyError
from elastance.scheduling import EasyScaleHomo, Fifo, Plan, Srtf, Stateless, gang_plan
from elastance.simulate.cluster import Activity, ClusterPower, ClusterShape, ClusterWorld
from made_up_cluster import make_task

SHAPE = ClusterShape(("v100", "p100"), (4, 2))
POWER = ClusterPower((10.0, 5.0), (110.0, 55.0))


def run(tasks, scheduler, **options):
    return ClusterWorld(tasks, SHAPE, scheduler, POWER, **options).run()


def test_a_gang_that_waits_for_another() -> None:
    first = make_task("a", 5.0, step_s=(1.0, 2.0), steps=30)
    second = make_task("b", 7.0, step_s=(0.5, 2.0), steps=10)
    history = run([second, first], Fifo(), rescale_s=20.0)
    late, early = history.jobs
    assert (early.start_s, early.end_s, early.alone_s) == (5.0, 55.0, 50.0)
    assert (late.start_s, late.end_s, late.jct_s) == (55.0, 80.0, 73.0)
    assert [(phase.job, phase.activity, phase.start_s, phase.end_s) for phase in history.phases] == [
        (1, Activity.RESTARTING, 5.0, 25.0),
        (1, Activity.TRAINING, 25.0, 55.0),
        (0, Activity.RESTARTING, 55.0, 75.0),
        (0, Activity.TRAINING, 75.0, 80.0),
    ]
    assert [phase.power_w for phase in history.phases] == [40.0, 440.0, 40.0, 440.0]


def test_preemption_keeps_what_was_trained_and_costs_a_restart() -> None:
    long = make_task("long", 0.0, step_s=(1.0, 1.0), steps=100)
    short = make_task("short", 50.0, step_s=(1.0, 1.0), steps=10)
    history = run([long, short], Srtf(), rescale_s=20.0)
    assert history.jobs[1].end_s == 50.0 + 20.0 + 10.0
    assert history.jobs[0].end_s == 80.0 + 20.0 + (100.0 - 30.0)
    assert history.jobs[0].restarts == 1


def test_a_gpu_that_waits_for_the_slowest_draws_less() -> None:
    # Two V100 with one logical worker each, 1 s; one P100 with one, 2 s: V100s are busy half of the time.
    assert POWER.training_power_w((2, 1), (2, 1), (1.0, 2.0), 2.0) == 2 * 60.0 + 55.0


class Fixed(Stateless):
    def __init__(self, **plans) -> None:
        self._plans = plans

    def allocate(self, state):
        return self._plans


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ({}, "leaves 1 jobs waiting for ever, the first is a"),
        ({"b": Plan((1, 0), (4, 0), 4.0)}, "gave GPUs to b, which is not a job"),
        ({"a": Plan((1, 0), (3, 0), 3.0)}, "does not place its 4 logical workers"),
        ({"a": Plan((2, 0), (4, 0), 1.0)}, "does not place its 4 logical workers"),
        ({"a": Plan((5, 0), (5, 0), 1.0)}, "does not place"),
        ({"a": Plan((4, 0), (3, 1), 1.0)}, "does not place"),  # one on a type without a GPU
        ({"a": Plan((3, 1), (3, 1), 1.0)}, "on GPUs it may use"),  # it may not mix
        ({"a": "everything"}, "scheduler Fixed: AttributeError"),
    ],
)
def test_allocations_that_make_no_sense(plans: dict[str, Plan], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        run([make_task("a", step_s=(1.0, 1.0), may_mix=False)], Fixed(**plans))


def test_no_gpu_is_given_twice() -> None:
    tasks = [make_task(name, workers=3, step_s=(1.0, 1.0)) for name in "ab"]
    plan = gang_plan(tasks[0].demand, 0)
    with pytest.raises(PolicyError, match=r"gave away \[6, 0\] GPUs of \[4, 2\]"):
        run(tasks, Fixed(a=plan, b=plan))


def test_a_job_that_grows_onto_slow_gpus_falls_back() -> None:
    def slowdown(name: str, plan: Plan) -> float:
        return 4.0 if name == "a" and plan.size > 2 else 1.0

    tasks = [
        make_task("a", 0.0, step_s=(1.0, 1.0), steps=1000),
        make_task("b", 0.0, workers=2, step_s=(1.0, 1.0), steps=50),
    ]
    history = run(tasks, EasyScaleHomo(), slowdown=slowdown)
    held = [
        sum(phase.gpus) for phase in history.phases if phase.job == 0 and phase.activity is Activity.TRAINING
    ]
    assert held == [2, 4, 2]
