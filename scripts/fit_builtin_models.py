"""Fit the built-in models to the public traces and write src/elastance/traces/builtin_models.json.

Run from anywhere, with elastance installed: ``python scripts/fit_builtin_models.py [--traces DIR]``. The same traces
give the same file (with the same versions of NumPy and SciPy); nothing is drawn at random. Only coefficients, the
grid on offer, the digests of the traces and the errors of the fit are written. Every error is computed from the
rounded coefficients. The exit status is 1 if the models are not good enough to ship (`Criteria`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import math
import multiprocessing
import os
import re
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.optimize import least_squares, minimize
from scipy.special import ndtr

from elastance.catalog import GPUS, WORKLOADS, GpuType, Workload
from elastance.simulate.expectation import expected_epochs
from elastance.traces.builtin import BuiltinModels
from elastance.traces.convergence_model import EpochModel, TargetModel
from elastance.traces.epoch_model import CellModel, FitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "src" / "elastance" / "traces" / "builtin_models.json"
STEP_WORTH = (0.5, 6.0)  # log-likelihood that a step must add: default target, other targets
STEP_BEFORE = 0.5  # octaves before a batch size at which it may lie
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


def rounded(value: float, digits: int = 6) -> float:
    """Round to a number of significant digits."""
    return float(f"{value:.{digits}g}")


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
        """Batch sizes on offer, ascending."""
        return tuple(sorted({int(size) for size in self.size}))

    @property
    def limits(self) -> tuple[int, ...]:
        """Power limits on offer, W, ascending."""
        return tuple(sorted({int(limit) for limit in self.limit}))


@dataclass
class Traces:
    """The public traces: training paths by workload, target and size; joined rows by workload and GPU."""

    paths: dict[str, dict[float, dict[int, Paths]]]
    cells: dict[tuple[str, str], Rows]
    sha256: dict[str, str] = field(default_factory=dict)


# Reading ----------------------------------------------------------------------------------------------------


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
    plain = {
        name: {
            metric: {size: tuple(runs) for size, runs in sizes.items()} for metric, sizes in targets.items()
        }
        for name, targets in paths.items()
    }
    return Traces(plain, cells, digests)


def read_csv(path: Path, digests: dict[str, str]) -> list[dict[str, str]]:
    """Read a table and note its digest."""
    content = path.read_bytes()
    digests[path.name] = hashlib.sha256(content).hexdigest()
    return list(csv.DictReader(content.decode("ascii").splitlines()))


# Epochs -----------------------------------------------------------------------------------------------------


def fit_targets(workload: Workload, traces: Traces) -> list[dict[str, Any]]:
    """Fit every target metric of a workload, from easy to hard."""
    of_workload = traces.paths[workload.name]
    records: list[dict[str, Any]] = []
    for metric in sorted(of_workload, reverse=not workload.higher_is_better):
        by_size = of_workload[metric]
        record: dict[str, Any] = {"target_metric": metric, **fit_share(by_size)}
        if record.get("share") != 0.0:
            record |= fit_epochs(by_size, STEP_WORTH[metric != workload.target_metric])
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
        model = TargetModel(0.0, (1.0, 0.0, 1.0, 0.0, 1.0, 0.0), (0.0, 0.0), float(top), (low, high))
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


def fit_epochs(by_size: Mapping[int, Paths], step_worth: float) -> dict[str, Any]:
    """Fit the epochs of the runs that reach a target, with a step over batch sizes where that is clearly better."""
    sizes = sorted(by_size)
    rows = [(size, path) for size in sizes for path in by_size[size] if path is not None]
    epochs = np.array([path for _, path in rows], dtype=np.float64)
    if (epochs == epochs[0]).all():
        return {"epochs": [float(epochs[0]) - 0.5, 0.0, 1.0, 0.0, 1.0, 0.0]}
    x = np.log2([size for size, _ in rows])
    score, best = fit_shape(x, epochs, sizes, None)
    if score < 6.0 * step_worth:
        return best
    stepped = (fit_shape(x, epochs, sizes, float(step)) for step in np.log2(sizes[1:]) - STEP_BEFORE)
    step_score, step_best = min(stepped, key=lambda found: found[0])
    return step_best if step_score < score - step_worth else best


def fit_shape(
    x: Floats, epochs: Floats, sizes: Sequence[int], step: float | None
) -> tuple[float, dict[str, Any]]:
    """Maximum likelihood of whole epochs: n of them if a log-normal variable falls in (n - 1, n]."""
    least = float(np.log(epochs.min() - 0.5))
    bounds = [(-1.0, 8.0), (-14.0, 6.0), (0.3, 4.0), (-14.0, 6.0), (0.3, 4.0), (-4.5, 0.0)]
    bounds += [(-1.0, 1.0)] * (step is not None)

    def target(theta: Floats) -> TargetModel:
        floor, large, large_exponent, small, small_exponent, spread = theta[:6]
        values = (math.exp(floor), math.exp(large), large_exponent, math.exp(small), small_exponent)
        height = (0.0, 0.0) if step is None else (float(theta[6]), step)
        return TargetModel(0.0, (*values, math.exp(spread)), height, 1.0, (None, None))

    def loss(theta: Floats) -> float:
        model = target(theta)
        middle, spread = model.log_median(x, sizes), model.epochs[-1]
        upper = ndtr((np.log(epochs) - middle) / spread)
        lower = ndtr((np.log(np.maximum(epochs - 1.0, 1e-9)) - middle) / spread)
        weak = 0.05 * ((theta[2] - 1.2) ** 2 + (theta[4] - 1.2) ** 2) + 1e-3 * (theta[1] + theta[3])
        return float(weak - np.log(np.maximum(upper - lower, 1e-12)).sum())

    best = None
    for large, small in ((-3.0, -3.0), (0.0, 0.0), (0.0, -3.0)):
        start = np.array([least, large, 1.2, small, 1.2, -2.0] + [0.0] * (step is not None))
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
        if best is None or found.fun < best.fun - 1e-6:
            best = found
    assert best is not None
    model = target(best.x)
    record: dict[str, Any] = {"epochs": [rounded(value, 5) for value in model.epochs]}
    if step is not None:
        record["step"] = [rounded(value, 4) for value in model.step]
    return float(best.fun), record


# Time and power ---------------------------------------------------------------------------------------------

# (degree of the demand, degree of the time, extra weight of rows near the optimum), tried in this order
SETTINGS = (
    (4, 4, 5.0),
    (4, 5, 20.0),
    (4, 6, 5.0),
    (6, 6, 20.0),
    (4, 7, 60.0),
    (6, 7, 20.0),
    (7, 7, 60.0),
    (5, 8, 200.0),
)
NEAR = 0.04  # what counts as near the optimum: excess cost
ERROR_SCALE = 0.1  # relative errors beyond this count less than squared
SHAPE_START = np.array([0.9, 0.05, 1.0, 0.3, 0.0, 0.5, 0.1, 0.0])
SHAPE_SCALE = np.array([0.5, 0.2, 1.0, 1.0, 0.7, 1.0, 1.0, 0.2])
SHAPE_BOUNDS = (
    np.array([0.0, -1.0, -1.0, 0.0, -2.0, -0.5, 0.0, -1.0]),
    np.array([2.0, 1.0, 3.0, 20.0, 2.0, 2.0, 3.0, 1.0]),
)


def fit_cell(
    workload: Workload, gpu: GpuType, rows: Rows, epochs: Mapping[int, float], real: Mapping[int, float]
) -> CellModel:
    """Fit one cell with the first setting that meets the criteria, or the one that comes closest.

    Args:
        workload: The cell's workload.
        gpu: The cell's GPU type.
        rows: Its joined rows.
        epochs: Expected epochs of the default job by batch size, as the epoch model has them.
        real: The same as the train trace has them.
    """
    best: tuple[float, CellModel] | None = None
    for setting in SETTINGS:
        fitted = fit_setting(workload, gpu, rows, real, setting)
        errors = fit_errors(fitted, gpu, rows, epochs, real)
        cell = replace(fitted, errors=errors)
        misses = (
            max(errors.excess_cost / Criteria.excess - 1.0, 0.0) * 5.0
            + max(errors.excess_cost_time / Criteria.excess - 1.0, 0.0)
            + max(errors.excess_cost_energy / Criteria.excess - 1.0, 0.0)
            + max(errors.time_p95 / Criteria.p95 - 1.0, 0.0) * 5.0
            + max(errors.power_p95 / Criteria.p95 - 1.0, 0.0) * 5.0
            + max(errors.time_median / Criteria.median - 1.0, 0.0)
            + max(errors.power_median / Criteria.median - 1.0, 0.0)
        )
        if best is None or misses < best[0] - 0.05:
            best = (misses, cell)
        if misses == 0.0:
            break
    assert best is not None
    return best[1]


def fit_setting(
    workload: Workload, gpu: GpuType, rows: Rows, real: Mapping[int, float], setting: tuple[int, int, float]
) -> CellModel:
    """Robust weighted least squares of the logarithms of time and power."""
    demand_degree, time_degree = (min(degree, len(rows.sizes) - 1) for degree in setting[:2])
    weight = np.sqrt(1.0 + setting[2] * nearness(gpu, rows, real))
    log_time, log_power = np.log(rows.time_s), np.log(rows.power_w)
    low, high = math.log2(rows.sizes[0]), math.log2(rows.sizes[-1])
    x = (2.0 * np.log2(rows.size) - low - high) / (high - low)
    free = rows.limit >= np.quantile(rows.limit, 0.8)
    parts = (demand_degree + 1, demand_degree + time_degree + 2)

    def model(theta: Floats) -> CellModel:
        slope, offset, sharpness, amount, tilt, exponent, floor, trend = theta[parts[1] :]
        return CellModel(
            workload.name,
            gpu.name,
            rows.sizes,
            rows.limits,
            tuple(rounded(value) for value in theta[: parts[0]]),
            tuple(rounded(value) for value in theta[parts[0] : parts[1]]),
            (rounded(slope), rounded(offset * gpu.max_power_w), rounded(math.exp(sharpness))),
            (rounded(amount), rounded(tilt), rounded(math.exp(exponent)), rounded(floor)),
            rounded(trend),
            NO_ERRORS,
        )

    def residuals(theta: Floats) -> Floats:
        time_s, power_w = model(theta).predict(rows.size, rows.limit)
        prior = 0.03 * (theta[parts[1] :] - SHAPE_START) / SHAPE_SCALE
        smooth = 0.01 * np.concatenate([theta[2 : parts[0]], theta[parts[0] + 2 : parts[1]]])
        errors = (weight * (np.log(time_s) - log_time), weight * (np.log(power_w) - log_power))
        return np.concatenate([*errors, prior, smooth])

    demand = np.linalg.lstsq(chebvander(x[free], demand_degree), log_power[free] + 0.05)[0]
    time = np.linalg.lstsq(chebvander(x[free], time_degree), log_time[free])[0]
    edge = np.full(parts[1], np.inf)
    bounds = (np.concatenate([-edge, SHAPE_BOUNDS[0]]), np.concatenate([edge, SHAPE_BOUNDS[1]]))
    best = None
    for sharpness, exponent in itertools.product((1.0, 2.5), (0.0, 1.0)):
        shape = SHAPE_START.copy()
        shape[[2, 5]] = sharpness, exponent
        start = np.concatenate([demand, time, shape])
        found = least_squares(
            residuals, start, bounds=bounds, loss="soft_l1", f_scale=ERROR_SCALE, max_nfev=100, diff_step=1e-4
        )
        if best is None or found.cost < best.cost * (1.0 - 1e-6):
            best = found
    assert best is not None
    return model(best.x)


def nearness(gpu: GpuType, rows: Rows, real: Mapping[int, float]) -> Floats:
    """How near each row is to the cheapest one, 1 to 0; the larger over the preferences (half for eta 0 and 1)."""
    epochs = np.array([real[int(size)] for size in rows.size])
    near = np.zeros(len(epochs))
    for eta, share in zip(ETAS, (1.0, 0.5, 0.5), strict=True):
        cost = epochs * epoch_cost(gpu, eta, rows.time_s, rows.power_w)
        near = np.maximum(near, share * np.exp(-(cost / cost.min() - 1.0) / NEAR))
    return near


def epoch_cost(gpu: GpuType, eta: float, time_s: Floats, power_w: Floats) -> Floats:
    """Cost of an epoch, J."""
    return (eta * power_w + (1.0 - eta) * gpu.max_power_w) * time_s


# Errors -----------------------------------------------------------------------------------------------------


def relative_errors(cell: CellModel, rows: Rows) -> tuple[Floats, Floats]:
    """Relative errors of time and power, row by row."""
    time_s, power_w = cell.predict(rows.size, rows.limit)
    return np.abs(time_s / rows.time_s - 1.0), np.abs(power_w / rows.power_w - 1.0)


def fit_errors(
    cell: CellModel, gpu: GpuType, rows: Rows, epochs: Mapping[int, float], real: Mapping[int, float]
) -> FitError:
    """Errors of a cell against its rows."""
    time_s, power_w = cell.predict(rows.size, rows.limit)
    modelled = np.array([epochs[int(size)] for size in rows.size])
    true = np.array([real[int(size)] for size in rows.size])
    excess: list[float] = []
    for eta in ETAS:
        believed = modelled * epoch_cost(gpu, eta, time_s, power_w)
        priced = true * epoch_cost(gpu, eta, rows.time_s, rows.power_w)
        excess.append(float(priced[np.argmin(believed)] / priced.min() - 1.0))
    return FitError(*summary(*relative_errors(cell, rows)), *(rounded(value, 4) for value in excess))


def summary(time: Floats, power: Floats) -> tuple[float, float, float, float]:
    """Median and 95th percentile of relative errors of time, then of power."""
    quantiles = [*np.quantile(time, (0.5, 0.95)), *np.quantile(power, (0.5, 0.95))]
    return tuple(rounded(float(value), 4) for value in quantiles)


def target_errors(models: BuiltinModels, workload: Workload, traces: Traces) -> dict[str, float]:
    """Relative errors of the epochs: expected ones at the default target, means at the other targets."""
    default: list[float] = []
    others: list[float] = []
    for metric, by_size in traces.paths[workload.name].items():
        for size, paths in by_size.items():
            model = models.epochs(workload.name, size, metric)
            built = quantile_paths(model)
            real = [path for path in paths if path is not None]
            reached = [path for path in built if path is not None]
            if metric == workload.target_metric:
                expected = expected_epochs(paths, workload.max_epochs)
                if math.isfinite(expected):
                    default.append(abs(expected_epochs(built, workload.max_epochs) / expected - 1.0))
            elif real and reached:
                others.append(abs(float(np.mean(reached) / np.mean(real)) - 1.0))
    return {
        "default_median": rounded(float(np.median(default)), 4),
        "default_largest": rounded(max(default), 4),
        "others_median": rounded(float(np.median(others)), 4),
        "others_p95": rounded(float(np.quantile(others, 0.95)), 4),
    }


# Putting it together ----------------------------------------------------------------------------------------


def quantile_paths(model: EpochModel) -> Paths:
    """Training paths as in the built-in train trace."""
    return tuple(model.quantile((i + 0.5) / REPEATS) for i in range(REPEATS))


def fit_workload(workload: Workload, traces: Traces) -> tuple[dict[str, Any], list[CellModel]]:
    """Fit the epochs of a workload, then its cells."""
    rate, rate_size = LEARNING_RATES[workload.name]
    by_size = traces.paths[workload.name][workload.target_metric]
    convergence = {
        "learning_rate": rate,
        "learning_rate_batch_size": rate_size,
        "batch_sizes": sorted(by_size),
        "targets": fit_targets(workload, traces),
    }
    models = BuiltinModels.from_document(
        {
            "cells": [],
            "convergence": {workload.name: convergence},
            "errors": vars(NO_ERRORS),
            "fitted_to": {},
        }
    )
    real = {size: expected_epochs(paths, workload.max_epochs) for size, paths in by_size.items()}
    built = {
        size: expected_epochs(
            quantile_paths(models.epochs(workload.name, size, workload.target_metric)), workload.max_epochs
        )
        for size in by_size
    }
    cells = [fit_cell(workload, gpu, traces.cells[workload.name, gpu.name], built, real) for gpu in GPUS]
    convergence["errors"] = target_errors(models, workload, traces)
    return convergence, cells


def overall_errors(cells: Sequence[CellModel], traces: Traces) -> FitError:
    """Errors over the rows of all cells; the largest excess cost of a cell."""
    errors = [relative_errors(cell, traces.cells[cell.workload, cell.gpu]) for cell in cells]
    names = ("excess_cost", "excess_cost_time", "excess_cost_energy")
    largest = [max(getattr(cell.errors, name) for cell in cells) for name in names]
    return FitError(*summary(*(np.concatenate(part) for part in zip(*errors, strict=True))), *largest)


def failures(models: BuiltinModels) -> list[str]:
    """Which criteria are not met."""
    errors = models.errors
    found = [
        f"{name} {getattr(errors, name):.1%} is above {bound:.0%}"
        for name, bound in (
            ("time_median", Criteria.median),
            ("power_median", Criteria.median),
            ("time_p95", Criteria.p95),
            ("power_p95", Criteria.p95),
        )
        if getattr(errors, name) > bound
    ]
    within = sum(cell.errors.excess_cost <= Criteria.excess for cell in models.cells.values())
    if within < Criteria.cells_within_excess:
        found.append(f"only {within} cells choose within {Criteria.excess:.0%} of the optimum")
    return found


def report(models: BuiltinModels, document: dict[str, Any]) -> None:
    """Print the errors of the fit."""
    names = ("time_median", "time_p95", "power_median", "power_p95")
    excess = ("excess_cost_time", "excess_cost", "excess_cost_energy")
    print(f"{'':26}time: median, p95   power: median, p95   excess at eta 0, 0.5, 1   (%)")
    for cell in (*models.cells.values(), None):
        errors = models.errors if cell is None else cell.errors
        name = "all (excess: largest)" if cell is None else f"{cell.workload} {cell.gpu}"
        print(f"{name:26}" + "".join(f"{100 * getattr(errors, key):8.2f}" for key in (*names, *excess)))
    for key in excess:
        within = sum(getattr(cell.errors, key) <= Criteria.excess for cell in models.cells.values())
        print(f"{key} within {Criteria.excess:.0%}: {within} of {len(models.cells)} cells")
    for name, record in document["convergence"].items():
        values = ", ".join(f"{key} {100 * value:.1f}" for key, value in record["errors"].items())
        print(f"epochs of {name}, error in %: {values}")
    print(f"{count_floats(document)} coefficients")


def count_floats(document: dict[str, Any]) -> int:
    """Number of fitted numbers in the document: all but grids, digests and errors."""
    cells = sum(
        len(cell["demand"]) + len(cell["time"]) + len(cell["allowance"]) + len(cell["slowdown"]) + 1
        for cell in document["cells"]
    )
    optional = ("epochs", "step", "window")
    targets = sum(
        ("share" in target) + sum(len(target.get(key, ())) for key in optional)
        for record in document["convergence"].values()
        for target in record["targets"]
    )
    return cells + targets


def as_text(document: dict[str, Any]) -> str:
    """Format as JSON with lists of numbers and innermost objects on one line."""
    text = json.dumps(document, indent=1)
    innermost = re.compile(r"\[[^\[\]{}]*\]|\{[^{}]*\}")
    return innermost.sub(lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text) + "\n"


def main() -> int:
    """Fit, write, report; 1 if the models are not good enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("ELASTANCE_TRACES") or ROOT.parent / "shared" / "data" / "zeus"
    parser.add_argument("--traces", type=Path, default=Path(default), help="directory of the public traces")
    traces = read_traces(parser.parse_args().traces)
    # The matrices are tiny: threads would only wait for each other.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        fitted = list(pool.map(fit_workload, WORKLOADS, itertools.repeat(traces)))
    cells = [cell for _, of_workload in fitted for cell in of_workload]
    document = {
        "about": "Written by scripts/fit_builtin_models.py; formulas: epoch_model.py, convergence_model.py.",
        "fitted_to": traces.sha256,
        "errors": asdict(overall_errors(cells, traces)),
        "convergence": {
            workload.name: record for workload, (record, _) in zip(WORKLOADS, fitted, strict=True)
        },
        "cells": [asdict(cell) for cell in cells],
    }
    text = as_text(document)
    models = BuiltinModels.from_document(json.loads(text))
    report(models, json.loads(text))
    OUTPUT.write_text(text, "utf-8")
    missed = failures(models)
    for line in missed:
        print(f"not good enough: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
