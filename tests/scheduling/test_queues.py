"""The queues against the schedulers that look at every job; a class made of one of these is asked as any other is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.scheduling import Fifo, FifoBackfill, Srtf, Tiresias, YarnCs, queue_of
from elastance.simulate.cluster import ClusterHistory, ClusterPower, ClusterShape, ClusterTask, ClusterWorld
from made_up_cluster import clusters_and_priced_tasks, make_task

GANGS = (YarnCs, Fifo, FifoBackfill, Srtf, Tiresias)


def histories(
    scheduler: type, shape: ClusterShape, tasks: list[ClusterTask], **options
) -> list[ClusterHistory]:
    """What becomes of the tasks when the scheduler is followed, and when it is asked about all jobs every time."""
    asked = type("Asked", (scheduler,), {})
    assert queue_of(scheduler(), shape.counts) is not None
    assert queue_of(asked(), shape.counts) is None
    power = ClusterPower.assumed(shape.types)
    return [ClusterWorld(tasks, shape, made(), power, **options).run() for made in (scheduler, asked)]


@pytest.mark.parametrize("scheduler", GANGS)
@given(cluster_and_tasks=clusters_and_priced_tasks(), slow=st.sampled_from([1.0, 2.5]))
@settings(max_examples=60)
def test_small_clusters(
    scheduler: type, cluster_and_tasks: tuple[ClusterShape, list[ClusterTask]], slow: float
) -> None:
    followed, asked = histories(
        scheduler, *cluster_and_tasks, slowdown=lambda name, _: slow if "3" in name else 1.0
    )
    assert followed == asked


@pytest.mark.parametrize("scheduler", GANGS)
@pytest.mark.parametrize("seed", range(4))
def test_long_queues(scheduler: type, seed: int) -> None:
    """Hundreds of jobs of all sizes, many of them alike, for much more work than the cluster has GPUs for."""
    rng = np.random.default_rng(seed)
    shape = ClusterShape(("v100", "p100"), (16, 8))
    tasks: list[ClusterTask] = []
    for number in range(250):
        preferred = int(rng.integers(2))
        tasks.append(
            make_task(
                f"job-{number}",
                float(rng.choice([60.0 * rng.integers(200), rng.uniform(0.0, 12000.0)])),
                workers=int(2 ** rng.integers(0, 4)),
                step_s=(1.0, 1.5),
                preferred=preferred,
                steps=float(rng.choice([100.0, 300.0, 2500.0, rng.lognormal(6.0, 2.0)])),
            )
        )
    followed, asked = histories(scheduler, shape, tasks)
    assert followed == asked
    if scheduler in (Srtf, Tiresias):
        assert sum(job.restarts for job in followed.jobs) > 50
