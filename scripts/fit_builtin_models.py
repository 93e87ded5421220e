"""Fit the built-in models to the public traces and write src/elastance/traces/builtin_models.json.

Run from anywhere, with elastance installed: ``python scripts/fit_builtin_models.py [--traces DIR]``. The same traces
give the same file (up to the last digit across versions of SciPy). Only coefficients, the grid on offer, the digests of
the traces and the errors of the fit are written. Every error is computed from the rounded coefficients. The exit
status is 1 if the models are not good enough to ship (`Criteria`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import math
import os
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.optimize import least_squares, minimize
from scipy.special import ndtr

from elastance.catalog import GPUS, WORKLOADS, GpuType, Workload
from elastance.traces.builtin import BuiltinModels, CellModel, EpochModel, FitError, TargetModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "src" / "elastance" / "traces" / "builtin_models.json"
ETAS = (0.5, 0.0, 1.0)
REPEATS = 10  # training paths per batch size in the built-in train trace
LEARNING_RATES = {
    "cifar100": (0.1, None),
    "imagenet": (0.1, None),
    "squad": (4.9e-6, 32),
    "librispeech": (3e-4, 256),
    "movielens-1m": (2e-3, 1024),
    "sentiment140": (4e-7, 128),
}
NO_ERRORS = FitError(*[math.nan] * 7)


class Criteria:
    """What the models must meet to be shipped."""

    median = 0.03
    p95 = 0.12
    excess = 0.03
    cells_within_excess = 22


Paths = tuple[int | None, ...]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Rows:
    """The joined rows of a cell, as columns: batch size, limit (W), time per epoch (s), mean power (W)."""

    size: Floats
    limit: Floats
    time_s: Floats
    power_w: Floats

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(sorted({int(size) for size in self.size}))

    @property
    def limits(self) -> tuple[int, ...]:
        return tuple(sorted({int(limit) for limit in self.limit}))


@dataclass
class Traces:
    """The public traces: training paths by workload, target and size; joined rows by workload and GPU."""

    paths: dict[str, dict[float, dict[int, Paths]]]
    cells: dict[tuple[str, str], Rows]
    sha256: dict[str, str] = field(default_factory=dict)


# Reading ------------------------------------------------------------------------------------------------------------


def read_traces(directory: Path) -> Traces:
    """Read the five public tables."""
    digests: dict[str, str] = {}
    paths: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    trained: set[tuple[str, str]] = set()
    of = {(workload.dataset, workload.network, workload.optimizer): workload for workload in WORKLOADS}
    for row in read_csv(directory / "summary_train.csv", digests):
        workload = of[row["dataset"], row["network"], row["optimizer"]].name
        trained.add((workload, row["batch_size"]))
        epoch = None if row["target_epoch"] in {"", "nan"} else int(float(row["target_epoch"]))
        paths[workload][float(row["target_metric"])][int(row["batch_size"])].append(epoch)
    cells: dict[tuple[str, str], Rows] = {}
    for gpu in GPUS:
        columns: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for row in read_csv(directory / f"summary_power_{gpu.name}.csv", digests):
            known = of.get((row["dataset"], row["network"], row["optimizer"]))
            if known is not None and (known.name, row["batch_size"]) in trained:
                names = ("batch_size", "power_limit", "time_per_epoch", "average_power")
                columns[known.name].append(tuple(float(row[name]) for name in names))
        for workload, rows in columns.items():
            cells[workload, gpu.name] = Rows(*np.array(sorted(rows)).T)
    return Traces(paths, cells, digests)


def read_csv(path: Path, digests: dict[str, str]) -> list[dict[str, str]]:
    """Read a table and note its digest."""
    content = path.read_bytes()
    digests[path.name] = hashlib.sha256(content).hexdigest()
    return list(csv.DictReader(content.decode("ascii").splitlines()))


# Epochs -------------------------------------------------------------------------------------------------------------


def fit_targets(workload: Workload, traces: Traces) -> list[dict[str, Any]]:
    """Fit every target metric of a workload, from easy to hard."""
    of_workload = traces.paths[workload.name]
    records: list[dict[str, Any]] = []
    for metric in sorted(of_workload, reverse=not workload.higher_is_better):
        by_size = of_workload[metric]
        record: dict[str, Any] = {"target_metric": metric, **fit_share(by_size)}
        if record.get("share") != 0.0:
            degrees = (0, 3, 4, 5, 6) if metric == workload.target_metric else (0,)
            record |= fit_epochs(by_size, degrees)
        records.append(record)
    return records


def fit_share(by_size: Mapping[int, Paths]) -> dict[str, Any]:
    """Fit which share of the runs reaches the target, in which window of batch sizes (maximum likelihood)."""
    x = np.log2(sorted(by_size))
    reached = np.array([sum(path is not None for path in by_size[size]) for size in sorted(by_size)])
    missed = np.array([len(by_size[size]) for size in sorted(by_size)]) - reached
    if not missed.any():
        return {}
    if not reached.any():
        return {"share": 0.0}
    inside = np.flatnonzero(reached)
    ends: list[list[float | None]] = [[None], [None]]
    if missed[: inside[0] + 1].any():
        ends[0] += np.arange(x[max(inside[0] - 1, 0)] - 0.5, x[inside[-1]] + 0.05, 0.05).tolist()
    if missed[inside[-1] :].any():
        ends[1] += np.arange(x[inside[0]], x[min(inside[-1] + 1, len(x) - 1)] + 0.55, 0.05).tolist()
    share = float(reached[inside].sum() / (reached + missed)[inside].sum())
    best: tuple[float, TargetModel] | None = None
    for low, high, top in itertools.product(*ends, np.unique([1.0, share, *np.arange(0.2, 1.0, 0.1)])):
        model = TargetModel(0.0, (1.0, 0.0, 1.0, 0.0, 1.0, 0.0), (), float(top), (low, high))
        chance = np.clip([model.reaching(at) for at in x], 1e-4, 1.0 - 1e-4)
        penalty = 0.5 * sum(end is not None for end in (low, high))
        score = penalty - float(reached @ np.log(chance) + missed @ np.log(1.0 - chance))
        if best is None or score < best[0] - 1e-9:
            best = (score, model)
    assert best is not None
    record: dict[str, Any] = {}
    if best[1].share < 1.0:
        record["share"] = rounded(best[1].share, 3)
    if best[1].window != (None, None):
        record["window"] = [None if end is None else rounded(end, 4) for end in best[1].window]
    return record


def fit_epochs(by_size: Mapping[int, Paths], degrees: Sequence[int]) -> dict[str, Any]:
    """Fit the epochs of the runs that reach a target; raise the degree until the means are right."""
    sizes = sorted(by_size)
    rows = [(size, path) for size in sizes for path in by_size[size] if path is not None]
    epochs = np.array([path for _, path in rows], dtype=np.float64)
    if (epochs == epochs[0]).all():
        return {"epochs": [epochs[0] - 0.5, 0.0, 1.0, 0.0, 1.0, 0.0]}
    x = np.log2([size for size, _ in rows])
    best: tuple[float, dict[str, Any]] | None = None
    for degree in degrees:
        record = fit_shape(x, epochs, sizes, degree)
        error = mean_error(record, x, epochs, sizes)
        if best is None or error < best[0] - 0.005:
            best = (error, record)
    assert best is not None
    return best[1]


def fit_shape(x: Floats, epochs: Floats, sizes: Sequence[int], degree: int) -> dict[str, Any]:
    """Maximum likelihood of whole epochs: n of them if a log-normal variable falls in (n - 1, n]."""
    least = float(np.log(epochs.min() - 0.5))
    bounds = [(-1.0, 8.0), (-14.0, 6.0), (0.3, 4.0), (-14.0, 6.0), (0.3, 4.0), (-4.5, 0.0)]
    bounds += [(-0.5, 0.5)] * max(degree - 1, 0)

    def target(theta: Floats) -> TargetModel:
        floor, large, large_exponent, small, small_exponent, spread = theta[:6]
        values = (math.exp(floor), math.exp(large), large_exponent, math.exp(small), small_exponent)
        correction = (0.0, *theta[6:]) if degree else ()
        return TargetModel(0.0, (*values, math.exp(spread)), correction, 1.0, (None, None))

    def loss(theta: Floats) -> float:
        model = target(theta)
        middle, spread = model.log_median(x, sizes), model.epochs[-1]
        upper = ndtr((np.log(epochs) - middle) / spread)
        lower = ndtr((np.log(np.maximum(epochs - 1.0, 1e-9)) - middle) / spread)
        weak = 0.05 * ((theta[2] - 1.2) ** 2 + (theta[4] - 1.2) ** 2) + 20.0 * float(theta[6:] @ theta[6:])
        return float(weak - np.log(np.maximum(upper - lower, 1e-12)).sum() + 1e-3 * np.sum(theta[[1, 3]]))

    best = None
    for large, small in itertools.product((-3.0, 0.0), repeat=2):
        start = np.array([least, large, 1.2, small, 1.2, -2.0] + [0.0] * max(degree - 1, 0))
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
        if best is None or found.fun < best.fun - 1e-6:
            best = found
    assert best is not None
    model = target(best.x)
    record: dict[str, Any] = {"epochs": [rounded(value, 5) for value in model.epochs]}
    if degree:
        record["correction"] = [rounded(value, 4) for value in model.correction]
    return record


def mean_error(record: dict[str, Any], x: Floats, epochs: Floats, sizes: Sequence[int]) -> float:
    """Mean relative error of the mean epochs per batch size."""
    model = TargetModel(0.0, tuple(record["epochs"]), tuple(record.get("correction", ())), 1.0, (None, None))
    errors: list[float] = []
    for at in np.unique(x):
        paths = EpochModel(round(2.0**at), (model,), tuple(sizes))
        mean = np.mean([paths.quantile((i + 0.5) / REPEATS) for i in range(REPEATS)])
        errors.append(abs(mean / epochs[x == at].mean() - 1.0))
    return float(np.mean(errors))


def rounded(value: float, digits: int = 6) -> float:
    """Round to a number of significant digits."""
    return float(f"{value:.{digits}g}")
