from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from elastance.errors import InputError
from elastance.runs import Provenance
from elastance.simulate.cluster import ClusterShape, make_tasks
from elastance.traces import builtin_step_times, read_cluster
from elastance.traces.synthesize_cluster import (
    Arrivals,
    ClusterParameters,
    draw_cluster_jobs,
    synthesize_cluster,
)


def gaps(parameters: ClusterParameters, seed: int = 1) -> np.ndarray:
    return np.diff([0.0, *(job.submit_s for job in draw_cluster_jobs(parameters, seed))])


@pytest.mark.parametrize("arrivals", Arrivals)
def test_what_is_written_is_what_was_drawn(tmp_path: Path, arrivals: Arrivals) -> None:
    parameters = ClusterParameters(jobs=40, arrivals=arrivals)
    path, again = tmp_path / "jobs.csv", tmp_path / "again.csv"
    manifest = synthesize_cluster(path, parameters, seed=5)
    workload = read_cluster(path)
    assert workload.jobs == draw_cluster_jobs(parameters, 5)
    assert workload.provenance is Provenance.MODEL
    assert workload.sha256 == manifest["sha256"]
    assert synthesize_cluster(again, parameters, seed=5)["sha256"] == manifest["sha256"]
    assert synthesize_cluster(again, parameters, seed=6)["sha256"] != manifest["sha256"]


def test_jobs_fit_the_published_cluster_and_take_what_was_asked() -> None:
    jobs = draw_cluster_jobs(ClusterParameters(jobs=4000, runtime_median_s=300.0, runtime_sigma=0.5), 2)
    cluster = ClusterShape.parse("v100=32,p100=16,t4=16")
    tasks = make_tasks(jobs, cluster, builtin_step_times())
    assert all(task.demand.logical_workers <= cluster.counts[task.preferred] for task in tasks)
    alone_s = np.array([task.alone_s(0.0) for task in tasks])
    assert np.median(alone_s) == pytest.approx(300.0, rel=0.05)
    assert np.log(alone_s).std() == pytest.approx(0.5, rel=0.05)
    shares = Counter(job.application for job in jobs)
    assert shares["electra"] / 4000 == pytest.approx(20 / 68, abs=0.03)
    assert all(
        job.may_mix_types == (job.application in {"electra", "bert", "ncf", "swintransformer"})
        for job in jobs
    )


def test_arrivals() -> None:
    poisson = gaps(ClusterParameters(jobs=5000, mean_gap_s=10.0))
    assert poisson.mean() == pytest.approx(10.0, rel=0.05)
    assert poisson.std() == pytest.approx(10.0, rel=0.07)
    burst = gaps(ClusterParameters(jobs=5000, mean_gap_s=10.0, arrivals=Arrivals.BURST, burst=25))
    assert (burst > 0).sum() == 200
    assert burst.mean() == pytest.approx(10.0, rel=0.2)


def test_days_have_quiet_and_busy_hours() -> None:
    parameters = ClusterParameters(jobs=8000, mean_gap_s=10.0, arrivals=Arrivals.DIURNAL, period_s=8000.0)
    jobs = draw_cluster_jobs(parameters, 3)
    phase = np.array([job.submit_s for job in jobs]) % 8000.0 / 8000.0
    share = np.histogram(phase, bins=4, range=(0.0, 1.0))[0] / 8000
    swing = 0.8 / (2 * np.pi)
    assert share == pytest.approx([0.25 - swing, 0.25 + swing, 0.25 + swing, 0.25 - swing], abs=0.02)
    assert (gaps(parameters, 3) >= 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 0}, "0 jobs"),
        ({"burst": 0}, "bursts of 0"),
        ({"mean_gap_s": -1.0}, "mean gap -1 s"),
        ({"runtime_sigma": 4.0}, "sigma 4"),
        ({"period_s": float("nan")}, "period nan"),
    ],
)
def test_parameters_out_of_range(arguments, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ClusterParameters(**arguments)


def test_files_and_seeds_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.csv"):
        synthesize_cluster(tmp_path / "jobs.txt", ClusterParameters(), seed=0)
    with pytest.raises(InputError, match="seed -1 is negative"):
        synthesize_cluster(tmp_path / "jobs.csv", ClusterParameters(), seed=-1)
