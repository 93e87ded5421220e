"""What must hold of every scheduler on every workload."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.scheduling import (
    PublishedEasyScale,
    PublishedYarnCs,
    build_scheduler,
    find_scheduler,
    registered_schedulers,
)
from elastance.simulate.cluster import (
    Activity,
    ClusterHistory,
    ClusterMeasures,
    ClusterPower,
    ClusterShape,
    ClusterTask,
    ClusterWorld,
    PublishedClusterWorld,
    Timeline,
)
from made_up_cluster import clusters_and_priced_tasks, clusters_and_tasks

NAMES = [info.name for info in registered_schedulers()]
PUBLISHED = ("yarn-cs", "easyscale-homo", "easyscale-heter")


def simulate(name: str, shape: ClusterShape, tasks: list[ClusterTask], **options) -> ClusterHistory:
    scheduler = build_scheduler(find_scheduler(name))
    return ClusterWorld(tasks, shape, scheduler, ClusterPower.assumed(shape.types), **options).run()


def replay(name: str, shape: ClusterShape, tasks: list[ClusterTask]) -> ClusterHistory:
    heter = PublishedEasyScale(shape.counts, mixes_types=name == "easyscale-heter")
    scheduler = PublishedYarnCs(shape.counts) if name == "yarn-cs" else heter
    return PublishedClusterWorld(
        tasks, shape, scheduler, ClusterPower.assumed(shape.types), interval_s=30.0
    ).run()


def check(history: ClusterHistory, tasks: list[ClusterTask]) -> None:
    """GPUs are never given twice; progress, GPU time and energy add up; every job ends."""
    assert [job.name for job in history.jobs] == [task.name for task in tasks]
    steps = defaultdict(float)
    until = defaultdict(float)
    for phase in history.phases:
        task = tasks[phase.job]
        assert task.submit_s <= phase.start_s < phase.end_s
        assert until[phase.job] <= phase.start_s  # a job does one thing at a time
        until[phase.job] = phase.end_s
        assert all(0 <= useful <= held for useful, held in zip(phase.useful, phase.gpus, strict=True))
        assert sum(phase.useful) <= task.demand.logical_workers
        if not task.may_mix_types:
            assert all(not count or of == task.preferred for of, count in enumerate(phase.gpus))
        assert (phase.steps > 0) == (phase.activity is Activity.TRAINING)
        steps[phase.job] += phase.steps
    for number, (job, task) in enumerate(zip(history.jobs, tasks, strict=True)):
        assert task.submit_s <= job.start_s <= job.end_s < math.inf
        assert steps[number] == pytest.approx(task.steps)

    timeline, measures = Timeline.of(history), ClusterMeasures.of(history)
    assert (timeline.allocated >= timeline.useful).all()
    assert (timeline.allocated <= np.array(history.shape)).all()
    held_s = sum((phase.end_s - phase.start_s) * sum(phase.gpus) for phase in history.phases)
    assert measures.allocated_gpu_hours * 3600 == pytest.approx(held_s)
    idle_w, busy_w = (float(np.dot(history.shape, of)) for of in (history.power.idle_w, history.power.busy_w))
    assert (timeline.power_w >= idle_w - 1e-6).all()
    assert (timeline.power_w <= busy_w + 1e-6).all()
    assert measures.peak_power_w <= busy_w + 1e-6
    # The integral of the power curve is what jobs drew beyond idling, and the idling of the whole cluster.
    beyond_j = sum(
        (phase.end_s - phase.start_s) * (phase.power_w - np.dot(phase.gpus, history.power.idle_w))
        for phase in history.phases
    )
    assert measures.energy_j == pytest.approx(beyond_j + idle_w * measures.makespan_s)
    assert 0.0 <= measures.idle_energy_j <= measures.energy_j * (1 + 1e-9)


@pytest.mark.parametrize("name", NAMES)
@given(clusters_and_priced_tasks())
@settings(max_examples=25)
def test_normal_mode(name: str, cluster_and_tasks: tuple[ClusterShape, list[ClusterTask]]) -> None:
    shape, tasks = cluster_and_tasks
    history = simulate(name, shape, tasks)
    check(history, tasks)
    for phase in history.phases:
        assert phase.activity is not Activity.HELD
        if phase.activity is Activity.TRAINING:
            assert phase.useful == phase.gpus
    assert simulate(name, shape, tasks) == history  # the same bytes


@pytest.mark.parametrize("name", PUBLISHED)
@given(clusters_and_tasks())
@settings(max_examples=25)
def test_replay(name: str, cluster_and_tasks: tuple[ClusterShape, list[ClusterTask]]) -> None:
    shape, tasks = cluster_and_tasks
    check(replay(name, shape, tasks), tasks)


@pytest.mark.parametrize("name", ["easyscale-homo", "easyscale-heter", "srtf"])
@given(clusters_and_tasks(), st.integers(0, 2**32))
@settings(max_examples=25)
def test_when_steps_take_other_times_than_foreseen(
    name: str, cluster_and_tasks: tuple[ClusterShape, list[ClusterTask]], seed: int
) -> None:
    """Every job ends all the same, and falls back at most once after each growth."""
    shape, tasks = cluster_and_tasks

    def slowdown(job: str, plan: object) -> float:
        surprise = np.random.default_rng((seed, *job.encode(), *plan.gpus))  # type: ignore[attr-defined]
        return float(surprise.uniform(1.0, 3.0))

    history = simulate(name, shape, tasks, slowdown=slowdown)
    assert all(math.isfinite(job.end_s) for job in history.jobs)
    assert sum(phase.steps for phase in history.phases) == pytest.approx(sum(task.steps for task in tasks))
