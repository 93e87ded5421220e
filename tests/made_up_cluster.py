"""Small made-up jobs on small made-up clusters, and strategies that draw random ones."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from elastance.catalog import Determinism
from elastance.scheduling import ClusterPower, ClusterState, Demand, JobState, Plan, PlanBook, PowerCap
from elastance.simulate.cluster import Activity, ClusterHistory, ClusterShape, ClusterTask, JobOutcome, Phase

TYPES = ("v100", "p100", "t4")


def make_state(
    jobs: list[JobState],
    shape: tuple[int, ...] = (4, 2, 2),
    *,
    rescale_s: float = 20.0,
    time_s: float = 0.0,
    cap: PowerCap | None = None,
) -> ClusterState:
    power = ClusterPower.assumed(TYPES[: len(shape)])
    return ClusterState(time_s, tuple(jobs), PlanBook(shape), rescale_s, power, cap)


def make_job(
    name: str,
    *,
    workers: int = 4,
    step_s: tuple[float, ...] = (1.0, 1.5, 2.0),
    preferred: int = 0,
    may_mix: bool = True,
    steps: float = 1000.0,
    plan: Plan | None = None,
    attained_gpu_s: float = 0.0,
    min_gpus: int = 1,
    measured_step_s: float | None = None,
    restarting: bool = False,
    submitted_s: float = 0.0,
) -> JobState:
    if plan is not None and measured_step_s is None:
        measured_step_s = plan.step_s
    return JobState(
        name, submitted_s, Demand(step_s, workers), preferred, may_mix, min_gpus, steps, attained_gpu_s, plan,
        restarting, measured_step_s,
    )  # fmt: skip


def make_task(
    name: str,
    submit_s: float = 0.0,
    *,
    workers: int = 4,
    step_s: tuple[float, ...] = (1.0, 1.5, 2.0),
    preferred: int = 0,
    may_mix: bool = True,
    steps: float = 100.0,
    min_gpus: int = 1,
) -> ClusterTask:
    return ClusterTask(
        name, submit_s, Demand(step_s, workers), preferred, may_mix, min_gpus, steps, 8 * workers
    )


def make_history() -> ClusterHistory:
    """Two jobs on two V100 and one T4: one restarts, trains and ends; the other trains meanwhile."""
    power = ClusterPower((40.0, 10.0), (300.0, 70.0))
    phases = (
        Phase(0, 10.0, 30.0, Activity.RESTARTING, (2, 0), (0, 0), 80.0, 0.0),
        Phase(0, 30.0, 50.0, Activity.TRAINING, (2, 0), (2, 0), 500.0, 20.0),
        Phase(1, 20.0, 60.0, Activity.TRAINING, (0, 1), (0, 1), 70.0, 5.0),
    )
    jobs = (
        JobOutcome("a", 5.0, 10.0, 50.0, 1, 20.0),
        JobOutcome("b", 20.0, 20.0, 60.0, 0, 80.0, Determinism.D1),
    )
    return ClusterHistory(("v100", "t4"), (2, 1), power, jobs, phases, 60.0, 4)


@st.composite
def clusters_and_tasks(draw: st.DrawFn) -> tuple[ClusterShape, list[ClusterTask]]:
    """A cluster of one to three types, and jobs that a gang scheduler could run on it too."""
    counts = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    shape = ClusterShape(TYPES[: len(counts)], tuple(counts))
    tasks: list[ClusterTask] = []
    for number in range(draw(st.integers(1, 7))):
        preferred = draw(st.integers(0, len(counts) - 1))
        workers = draw(st.integers(1, counts[preferred]))
        times = st.floats(0.05, 3.0) | st.sampled_from([0.25, 0.5, 1.0])
        tasks.append(
            make_task(
                f"job-{number}",
                draw(st.floats(0.0, 500.0) | st.sampled_from([0.0, 60.0, 120.0])),
                workers=workers,
                step_s=tuple(draw(times) for _ in counts),
                preferred=preferred,
                may_mix=draw(st.booleans()),
                steps=draw(st.floats(0.5, 400.0)),
                min_gpus=draw(st.integers(1, workers)),
            )
        )
    return shape, tasks


@st.composite
def clusters_and_priced_tasks(draw: st.DrawFn) -> tuple[ClusterShape, list[ClusterTask]]:
    """The same, with a price of D2 for most jobs."""
    shape, tasks = draw(clusters_and_tasks())
    priced: list[ClusterTask] = []
    for task in tasks:
        d1, workers = task.demand.step_s, task.demand.logical_workers
        factor = draw(st.sampled_from([1.0, 0.97, 1.05, 1.3, 3.0]))
        at_d1 = Demand(d1, workers, Determinism.D1)
        at_d2 = Demand(tuple(factor * time_s for time_s in d1), workers, Determinism.D2)
        held = draw(st.sampled_from([at_d1, at_d2, None]))
        priced.append(task if held is None else replace(task, demand=held, at_d1=at_d1, at_d2=at_d2))
    return shape, priced


def write_profile(directory: Path, gpu: str = "v100", *, synthetic: bool = False, gpus: int = 1) -> Path:
    """What `elastance profile` writes: 1000 steps, batch sizes 8 and 16, limits of 250 and 150 W."""
    directory.mkdir()
    windows = {
        "8": [
            {"power_limit": 250, "time": 400.0, "energy": 8e4},
            {"power_limit": 150, "time": 500.0, "energy": 7e4},
        ],
        "16": [
            {"power_limit": 250, "time": 800.0, "energy": 1.92e5},
            {"power_limit": 150, "time": 1000.0, "energy": 1.45e5},
        ],
    }
    text = json.dumps(windows)
    manifest = {
        "made_by": "elastance profile",
        "synthetic": synthetic,
        "gpu": {"name": gpu, "file_name": gpu, "count": gpus},
        "job": {"dataset": "d", "network": "train", "optimizer": "o"},
        "split_steps": 1000 if gpus == 1 else None,
        "files": {f"{gpu}.json": hashlib.sha256(text.encode()).hexdigest()},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    if gpus == 1:
        (directory / f"{gpu}.json").write_text(text)
    return directory
