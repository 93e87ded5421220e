"""Make jobs of a cluster: arrivals, sizes and run times are parameters; the mix is that of the published workload."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from elastance.catalog import find_application
from elastance.errors import InputError
from elastance.files import check_writable, replacing
from elastance.traces.cluster import ClusterJob
from elastance.traces.schema import CLUSTER, SYNTHETIC_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_Value = TypeVar("_Value")

MOST_JOBS = 5_000_000
"""More than this is taken for a slip of the keyboard."""

LONGEST_S = 1e7
"""Bound on gaps, periods and run times, s."""

LARGEST_SIGMA = 3.0
"""Bound on the spread: at 3 one run in six takes over twenty times the median."""

DIURNAL_SWING = 0.8
"""Arrivals of a day swing by this share around their mean."""

APPLICATION_MIX = {
    "electra": (20, (4, 8), True),
    "bert": (15, (4, 8, 16), True),
    "resnet50": (14, (32, 64, 128), False),
    "yolov3": (7, (2, 4, 8), False),
    "ncf": (4, (1024, 4096), True),
    "swintransformer": (3, (16, 32), True),
    "shufflenetv2": (3, (64, 128), False),
    "vgg19": (2, (32, 64), False),
}
"""Application to rows in the published workload, batch sizes there, and whether its jobs may mix GPU types."""

WORKER_MIX = {32: 38, 16: 18, 8: 11, 4: 1}
"""Logical workers to rows in the published workload."""

GPU_MIX = {"v100": 52, "p100": 13, "t4": 3}
"""Preferred GPU type to rows in the published workload."""

MOST_WORKERS = {"v100": 32, "p100": 16, "t4": 16}
"""GPUs of each type in the published cluster; a job has no more logical workers, so that its gang fits."""


class Arrivals(StrEnum):
    """When jobs are submitted."""

    POISSON = "poisson"
    """Independently, at a constant rate."""
    DIURNAL = "diurnal"
    """At a rate that swings over a day."""
    BURST = "burst"
    """Several at once, the bursts independently."""


@dataclass(frozen=True)
class ClusterParameters:
    """What synthetic jobs look like.

    Attributes:
        jobs: How many.
        arrivals: When they are submitted.
        mean_gap_s: Mean time between submissions, s.
        runtime_median_s: Median time a job takes alone, with a GPU of its preferred type per logical worker, s.
        runtime_sigma: Standard deviation of the logarithm of that time.
        burst: Jobs of a burst.
        period_s: Length of a day, s.

    Raises:
        InputError: A number is out of range.
    """

    jobs: int = 60
    arrivals: Arrivals = Arrivals.POISSON
    mean_gap_s: float = 75.0
    runtime_median_s: float = 60.0
    runtime_sigma: float = 1.1
    burst: int = 10
    period_s: float = 86400.0

    def __post_init__(self) -> None:
        if not 1 <= self.jobs <= MOST_JOBS:
            raise InputError(f"{self.jobs} jobs: expected a number from 1 to {MOST_JOBS:,}")
        if self.burst < 1:
            raise InputError(f"bursts of {self.burst} jobs: at least one is needed")
        for what, value_s in (
            ("mean gap", self.mean_gap_s),
            ("median run time", self.runtime_median_s),
            ("period", self.period_s),
        ):
            if not (math.isfinite(value_s) and 0.001 <= value_s <= LONGEST_S):
                raise InputError(f"{what} {value_s:g} s is not between 0.001 s and {LONGEST_S:.0e} s")
        if not 0.0 <= self.runtime_sigma <= LARGEST_SIGMA:
            raise InputError(f"run-time sigma {self.runtime_sigma:g} is not in [0, {LARGEST_SIGMA:g}]")


def draw_cluster_jobs(parameters: ClusterParameters, seed: int) -> tuple[ClusterJob, ...]:
    """Draw jobs, in order of submission; same seed, same jobs. Every name begins with `SYNTHETIC_PREFIX`.

    Raises:
        InputError: The seed is negative.
    """
    if seed < 0:
        raise InputError(f"seed {seed} is negative; seeds are whole numbers from 0")
    rng = np.random.default_rng(seed)
    count = parameters.jobs
    submit_s = _submissions(parameters, rng)
    runtime_s = parameters.runtime_median_s * np.exp(parameters.runtime_sigma * rng.standard_normal(count))
    applications = _drawn(rng, {name: rows for name, (rows, _, _) in APPLICATION_MIX.items()}, count)
    gpus = _drawn(rng, GPU_MIX, count)
    workers = _drawn(rng, WORKER_MIX, count)
    which_size = rng.random(count)
    width = len(str(count - 1))
    jobs: list[ClusterJob] = []
    for number in range(count):
        _, sizes, may_mix = APPLICATION_MIX[applications[number]]
        batch_size = sizes[int(which_size[number] * len(sizes))]
        logical_workers = min(workers[number], MOST_WORKERS[gpus[number]])
        step_s = find_application(applications[number]).step_s(batch_size, gpus[number])
        steps = max(1, round(float(runtime_s[number]) / step_s))
        jobs.append(
            ClusterJob(
                name=f"{SYNTHETIC_PREFIX}{seed}-{number:0{width}d}",
                submit_s=float(submit_s[number]),
                application=applications[number],
                logical_workers=logical_workers,
                batch_size=batch_size,
                samples=float(steps * batch_size * logical_workers),
                may_mix_types=may_mix,
                preferred_gpu=gpus[number],
            )
        )
    return tuple(jobs)


def synthesize_cluster(path: Path, parameters: ClusterParameters, *, seed: int) -> dict[str, Any]:
    """Write synthetic jobs as a cluster trace, and a manifest that says so; return the manifest.

    Raises:
        InputError: The seed is negative, the name does not end in ``.csv``, or the file cannot be written.
    """
    if path.suffix != ".csv":
        raise InputError(f"{path}: the name must end in .csv")
    check_writable(path)
    jobs = draw_cluster_jobs(parameters, seed)
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(CLUSTER.columns)
            for job in jobs:
                answer = "yes" if job.may_mix_types else "no"
                cells = {**vars(job), "may_mix_types": answer}
                writer.writerow([cells[column] for column in CLUSTER.columns])
        document = {
            "synthetic": True,
            "made_by": "elastance data synthesize cluster",
            "seed": seed,
            "parameters": asdict(parameters),
            "jobs": len(jobs),
            "sha256": hashlib.sha256(temporary.read_bytes()).hexdigest(),
        }
        with replacing(path.with_name(f"{path.name}.manifest.json")) as beside:
            beside.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    return document


def _submissions(parameters: ClusterParameters, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return when jobs are submitted, s, ascending, to the millisecond."""
    count, gap_s = parameters.jobs, parameters.mean_gap_s
    if parameters.arrivals is Arrivals.BURST:
        bursts = -(-count // parameters.burst)
        at_s = np.cumsum(rng.standard_exponential(bursts)) * gap_s * parameters.burst
        times_s = np.repeat(at_s, parameters.burst)[:count]
    else:
        times_s = np.cumsum(rng.standard_exponential(count)) * gap_s
        if parameters.arrivals is Arrivals.DIURNAL:
            times_s = _swinging(times_s, parameters.period_s)
    return np.round(times_s, 3)


def _swinging(times_s: NDArray[np.float64], period_s: float) -> NDArray[np.float64]:
    """Bend time so that arrivals at a constant rate come at one that swings by `DIURNAL_SWING` over a period.

    With the rate 1 - swing cos(2 pi t / period), as many arrive by t as at a constant rate by t - swing period /
    (2 pi) sin(2 pi t / period); its inverse is found by bisection.
    """
    reach_s = DIURNAL_SWING * period_s / (2.0 * math.pi)
    low, high = times_s - reach_s, times_s + reach_s
    for _ in range(60):
        middle = (low + high) / 2.0
        early = middle - reach_s * np.sin(2.0 * math.pi * middle / period_s) < times_s
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return np.maximum(high, 0.0)


def _drawn(rng: np.random.Generator, mix: dict[_Value, int], count: int) -> list[_Value]:
    values, weights = list(mix), np.array(list(mix.values()), dtype=np.float64)
    return [
        values[index] for index in rng.choice(len(values), size=count, p=weights / weights.sum()).tolist()
    ]
