from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.catalog import Determinism
from elastance.errors import InputError
from elastance.scheduling import EasyScaleHeter, EnergyElastic, Plan, PowerCap
from elastance.simulate.cluster import (
    Activity,
    ClusterHistory,
    ClusterPower,
    ClusterShape,
    ClusterTask,
    ClusterWorld,
    Timeline,
    over_cap_s,
    parse_power_cap,
)
from made_up_cluster import clusters_and_priced_tasks, make_task


@st.composite
def caps_over_time(draw: st.DrawFn, shape: ClusterShape, power: ClusterPower, min_gpus: int) -> PowerCap:
    """A curve that may leave room for nothing, but in the end leaves some for every job."""
    idle_w = power.idle_power_w(shape.counts)
    # What the `min_gpus` GPUs that draw most take: enough for any job.
    most = sorted(
        (busy for busy, count in zip(power.busy_w, shape.counts, strict=True) for _ in range(count))
    )
    enough_w = idle_w + sum(most[-min_gpus:])
    times = sorted(draw(st.sets(st.floats(1.0, 900.0), max_size=5)))
    powers = [idle_w + draw(st.floats(0.0, 2500.0)) for _ in times]
    return PowerCap((0.0, *times), (*powers, enough_w + draw(st.floats(0.0, 500.0))))


@given(st.data())
@settings(max_examples=150)
def test_a_cap_is_never_exceeded_and_every_job_ends(data: st.DataObject) -> None:
    shape, tasks = data.draw(clusters_and_priced_tasks())
    power = ClusterPower.assumed(shape.types)
    cap = data.draw(caps_over_time(shape, power, max(task.min_gpus for task in tasks)))
    eta = data.draw(st.floats(0.0, 1.0))
    seed = data.draw(st.none() | st.integers(0, 2**32))

    def slowdown(job: str, plan: Plan) -> float:
        """Make jobs fall back to what they had, on some seeds."""
        return (
            1.0
            if seed is None
            else float(np.random.default_rng((seed, *job.encode(), *plan.gpus)).uniform(1, 3))
        )

    def run():
        return ClusterWorld(tasks, shape, EnergyElastic(eta), power, cap=cap, slowdown=slowdown).run()

    history = run()
    assert over_cap_s(Timeline.of(history), cap) == 0.0
    steps = [sum(phase.steps for phase in history.phases if phase.job == of) for of in range(len(tasks))]
    assert steps == pytest.approx([task.steps for task in tasks])
    check_levels(history, tasks)
    assert run() == history


def check_levels(history: ClusterHistory, tasks: list[ClusterTask]) -> None:
    """A job at D1 stays on one type, and only one that may mix at D2 is on several, or moves."""
    for number, (job, task) in enumerate(zip(history.jobs, tasks, strict=True)):
        held = {
            of
            for phase in history.phases
            if phase.job == number
            for of, count in enumerate(phase.gpus)
            if count
        }
        assert (job.determinism is None) == (task.at_d1 is None)
        if job.determinism is Determinism.D1 or not task.may_mix_types:
            assert len(held) == 1
        if not task.may_mix_types:
            assert held == {task.preferred}


def run(tasks: list[ClusterTask], cap: PowerCap | None, scheduler: object = None):
    shape = ClusterShape(("v100",), (4,))
    power = ClusterPower.assumed(shape.types)
    return ClusterWorld(tasks, shape, scheduler or EnergyElastic(0.0), power, cap=cap).run()  # type: ignore[arg-type]


def test_a_change_of_limits_does_not_restart_a_job() -> None:
    tasks = [make_task("a", step_s=(1.0,), steps=100)]
    history = run(tasks, PowerCap((0.0, 50.0), (1200.0, 600.0)))
    assert history.jobs[0].restarts == 0
    assert [(phase.activity, phase.start_s, phase.power_w) for phase in history.phases] == [
        (Activity.RESTARTING, 0.0, 160.0),
        (Activity.TRAINING, 20.0, 1200.0),
        (Activity.TRAINING, 50.0, 600.0),
    ]
    assert history.jobs[0].end_s == pytest.approx(50.0 + 70.0 * (1.0 + 0.52))


def test_a_cluster_that_may_only_wait_goes_on_when_the_cap_rises() -> None:
    history = run(
        [make_task("a", step_s=(1.0,), steps=100)], PowerCap((0.0, 50.0, 500.0), (1200.0, 160.0, 1200.0))
    )
    assert history.jobs[0].restarts == 1
    assert history.jobs[0].end_s == 500.0 + 20.0 + 70.0


def test_a_scheduler_that_knows_of_no_cap_is_found_out() -> None:
    cap = PowerCap((0.0, 50.0), (1200.0, 600.0))
    history = run([make_task("a", step_s=(1.0,), steps=100)], cap, EasyScaleHeter())
    assert over_cap_s(Timeline.of(history), cap) == 70.0


@pytest.mark.parametrize(
    ("text", "power_w"),
    [("12kW", 12e3), ("9500", 9500.0), (" 9500 W ", 9500.0), ("1.5MW", 1.5e6), (700.0, 700.0)],
)
def test_constant_caps(text: str | float, power_w: float) -> None:
    assert parse_power_cap(text) == PowerCap.constant(power_w)


def test_a_curve(tmp_path: Path) -> None:
    path = tmp_path / "cap.csv"
    path.write_text("time_s,power_w\n0,9000\n3600,6000\n")
    cap = parse_power_cap(str(path))
    assert [cap.at(time_s) for time_s in (0.0, 3599.0, 3600.0, 1e9)] == [9000.0, 9000.0, 6000.0, 6000.0]
    assert (cap.next_change_s(0.0), cap.next_change_s(3600.0)) == (3600.0, float("inf"))


@pytest.mark.parametrize("text", ["12 horses", "-5kW", "0", "12kWh", "nan", "no-such.csv", ""])
def test_caps_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expected a power such as 12kW"):
        parse_power_cap(text)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "no line of a curve"),
        ("time,watts\n0,1\n", "line 1: expected the header time_s,power_w"),
        ("time_s,power_w\n", "no line of a curve"),
        ("time_s,power_w\n5,100\n", "line 2: the curve begins at 5 s"),
        ("time_s,power_w\n0,100\n0,200\n", "line 3: time 0 s is not after 0 s"),
        ("time_s,power_w\n0,100\n9\n", "line 3: expected two numbers"),
        ("time_s,power_w\n0,12kW\n", "line 2: expected two numbers"),
        ("time_s,power_w\n0,-1\n", "above 0 W"),
        ("time_s,power_w\n0,nan\n", "above 0 W"),
    ],
)
def test_curves_that_are_malformed(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "cap.csv"
    path.write_text(lines)
    with pytest.raises(InputError, match=message):
        parse_power_cap(str(path))
