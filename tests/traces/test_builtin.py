"""The built-in models: what any such model must hold, and how near these are to the public traces."""

import csv
import json
import math
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.catalog import GPUS, WORKLOADS, find_gpu, find_workload
from elastance.errors import InputError, UnknownNameError
from elastance.traces.builtin import MODELS_FILE, load_models
from elastance.traces.convergence_model import EpochModel

CELLS = [(workload.name, gpu.name) for workload in WORKLOADS for gpu in GPUS]
DEFAULT_RECURRENCES = {
    "cifar100": (140, 180, 160, 108),
    "imagenet": (70, 108, 64, 24),
    "squad": (98, 126, 96, 60),
    "librispeech": (210, 108, 176, 108),
    "movielens-1m": (182, 216, 208, 156),
    "sentiment140": (70, 50, 80, 48),
}
"""N = 2 * sizes * limits of the public traces, by GPU in the catalogue's order."""


def numbers(value) -> list[float]:
    match value:
        case dict():
            return [number for part in value.values() for number in numbers(part)]
        case list():
            return [number for part in value for number in numbers(part)]
        case float():
            return [value]
        case _:
            return []


def expected_epochs(paths, max_epochs: int) -> float:
    lengths = [min(path or max_epochs, max_epochs) for path in paths]
    reached = sum(path is not None and path <= max_epochs for path in paths)
    return sum(lengths) / reached if reached else math.inf


def runs_of(rows):
    """Target epochs of each run, from easy to hard."""
    for (dataset, size, _run), of_run in groupby(rows, key=lambda row: (row[0], row[2], row[5])):
        harder = 1 if find_workload(dataset).higher_is_better else -1
        ordered = sorted(of_run, key=lambda row: harder * row[6])
        yield dataset, size, [math.inf if row[7] is None else row[7] for row in ordered]


# What ships --------------------------------------------------------------------------------------------------------


def test_only_coefficients_ship():
    content = MODELS_FILE.read_bytes()
    assert len(content) < 40_000
    assert len(numbers(json.loads(content))) < 1_417  # joined power rows alone, each with two values


def test_every_cell_offers_the_grid_of_the_public_traces():
    for workload, counts in DEFAULT_RECURRENCES.items():
        for gpu, count in zip(GPUS, counts, strict=True):
            cell = load_models().cell(workload, gpu.name)
            limits = {limit for size in cell.batch_sizes for limit in cell.power_limits_w(size)}
            assert 2 * len(cell.batch_sizes) * len(limits) == count
            assert max(limits) == gpu.max_power_w


def test_shipped_errors_meet_the_criteria():
    models = load_models()
    assert max(models.errors.time_median, models.errors.power_median) <= 0.03
    assert max(models.errors.time_p95, models.errors.power_p95) <= 0.12
    assert sum(models.cell(*cell).errors.excess_cost <= 0.03 for cell in CELLS) >= 22


# Time and power ----------------------------------------------------------------------------------------------------


@given(st.sampled_from(CELLS), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_time_and_power_are_positive_and_finite(cell, along_size, along_limit):
    model = load_models().cell(*cell)
    sizes, limits = model.batch_sizes, model.limits_w
    size = round(sizes[0] * (sizes[-1] / sizes[0]) ** along_size)
    limit = limits[0] + along_limit * (limits[-1] - limits[0])
    assert 0.0 < model.time_per_epoch_s(size, limit) < 1e6
    assert 20.0 < model.average_power_w(size, limit) < 1.3 * limits[-1]


def test_a_batch_size_or_limit_outside_the_model_is_refused():
    model = load_models().cell("squad", "a40")
    with pytest.raises(
        InputError, match="batch size 4 is outside the built-in model of squad on a40: 8 to 56"
    ):
        model.time_per_epoch_s(4, 200)
    with pytest.raises(InputError, match="power limit 301 is outside"):
        model.average_power_w(32, 301)
    with pytest.raises(InputError, match="batch size 9 of squad is not on offer on a40"):
        model.power_limits_w(9)


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError):
        load_models().cell("squad", "h200")
    with pytest.raises(UnknownNameError):
        load_models().target_metrics("mnist")
    with pytest.raises(UnknownNameError):
        next(load_models().power_rows("h200"))


@pytest.mark.parametrize("gpu", [gpu.name for gpu in GPUS])
def test_power_rows_are_the_models_own_values(gpu):
    rows = list(load_models().power_rows(gpu))
    assert len({row[:5] for row in rows}) == len(rows)
    for dataset, network, size, optimizer, limit, time_s, power_w in rows[:: len(rows) // 20]:
        workload = find_workload(dataset)
        assert (network, optimizer) == (workload.network, workload.optimizer)
        cell = load_models().cell(dataset, gpu)
        assert time_s == pytest.approx(cell.time_per_epoch_s(size, limit), rel=1e-12)
        assert power_w == pytest.approx(cell.average_power_w(size, limit), rel=1e-12)


def test_noise_is_drawn_from_the_generator():
    models = load_models()
    plain = np.array([row[5:] for row in models.power_rows("v100")])
    noisy = [
        np.array([r[5:] for r in models.power_rows("v100", np.random.default_rng(7), 0.05)]) for _ in "ab"
    ]
    assert np.array_equal(*noisy)
    assert np.log(noisy[0] / plain).std() == pytest.approx(0.05, rel=0.1)
    with pytest.raises(InputError, match="needs a random generator"):
        next(models.power_rows("v100", noise=0.05))


# Epochs ------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_a_run_meets_no_target_before_an_easier_one(data):
    workload = data.draw(st.sampled_from(WORKLOADS))
    model = load_models().convergence[workload.name]
    size = data.draw(st.integers(model.batch_sizes[0], model.batch_sizes[-1]))
    u = data.draw(st.floats(1e-9, 1.0 - 1e-9))
    path = EpochModel(size, model.targets, model.batch_sizes).path(u)
    epochs = [math.inf if epoch is None else epoch for epoch in path]
    assert len(epochs) == len(model.targets)
    assert epochs == sorted(epochs)
    assert min(epochs) >= 1


@given(st.data())
def test_quantiles_rise_and_misses_are_on_top(data):
    workload = data.draw(st.sampled_from(WORKLOADS))
    metric = data.draw(st.sampled_from(load_models().target_metrics(workload.name)))
    size = data.draw(st.sampled_from(load_models().convergence[workload.name].batch_sizes))
    model = load_models().epochs(workload.name, size, metric)
    low, high = sorted(data.draw(st.tuples(st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 1 - 1e-6))))
    quantiles = [math.inf if q is None else q for q in map(model.quantile, (low, high))]
    assert quantiles == sorted(quantiles)
    assert 0.0 <= model.never <= 1.0
    assert (model.quantile(high) is None) == (high >= 1.0 - model.never)
    assert model.mean >= 1.0


def test_a_quantile_outside_0_to_1_and_an_unknown_target_are_refused():
    model = load_models().epochs("squad", 32, 84.0)
    for u in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="is not between 0 and 1"):
            model.quantile(u)
    with pytest.raises(
        InputError, match=r"target metric 84.25 of squad has no built-in model; there are 82.5, 83"
    ):
        load_models().epochs("squad", 32, 84.25)
    with pytest.raises(InputError, match="batch size 64 is outside"):
        load_models().epochs("squad", 64, 84.0)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_epochs_of_train_rows_never_fall_as_targets_get_harder(seed):
    rng = None if seed is None else np.random.default_rng(seed)
    rows = list(load_models().train_rows(4, rng=rng))
    assert len({(*row[:4], row[5], row[6]) for row in rows}) == len(rows)
    for _, _, epochs in runs_of(rows):
        assert epochs == sorted(epochs)


def test_train_rows_are_deterministic_and_cover_every_target():
    models = load_models()
    assert list(models.train_rows(3)) == list(models.train_rows(3))
    drawn = [list(models.train_rows(3, rng=np.random.default_rng(5))) for _ in range(2)]
    assert drawn[0] == drawn[1]
    metrics = defaultdict(set)
    for row in models.train_rows(1):
        metrics[row[0]].add(row[6])
    for workload in WORKLOADS:
        assert tuple(sorted(metrics[workload.name])) == models.target_metrics(workload.name)
        assert workload.target_metric in metrics[workload.name]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_default_batch_sizes_always_reach_the_default_target(workload):
    for gpu in GPUS:
        sizes = load_models().cell(workload.name, gpu.name).batch_sizes
        size = max(size for size in sizes if size <= workload.batch_size)
        model = load_models().epochs(workload.name, size, workload.target_metric)
        epochs = [model.quantile((i + 0.5) / 10) for i in range(10)]
        assert math.isfinite(expected_epochs(epochs, workload.max_epochs))


def test_sentiment140_always_needs_three_epochs():
    for size in load_models().convergence["sentiment140"].batch_sizes:
        model = load_models().epochs("sentiment140", size, 0.84)
        assert (model.never, model.mean) == (0.0, 3.0)


# Against the public traces -----------------------------------------------------------------------------------------


def read(path: Path):
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture(scope="module")
def train(public_traces):
    """Training paths by dataset, target metric and size; learning rates by dataset and size."""
    paths = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    rates = defaultdict(dict)
    for row in read(public_traces / "summary_train.csv"):
        epoch = None if row["target_epoch"] in {"", "nan"} else int(float(row["target_epoch"]))
        paths[row["dataset"]][float(row["target_metric"])][int(row["batch_size"])].append(epoch)
        rates[row["dataset"]][int(row["batch_size"])] = float(row["learning_rate"])
    return paths, rates


@pytest.fixture(scope="module")
def joined(public_traces, train):
    """Columns size, limit, time and power of the joined rows, by dataset and GPU."""
    names = ("batch_size", "power_limit", "time_per_epoch", "average_power")
    cells = {}
    for gpu in GPUS:
        rows = list(read(public_traces / f"summary_power_{gpu.name}.csv"))
        for workload in WORKLOADS:
            sizes = train[0][workload.name][workload.target_metric]
            cells[workload.name, gpu.name] = np.array(
                [
                    [float(row[name]) for name in names]
                    for row in rows
                    if (row["dataset"], row["optimizer"]) == (workload.dataset, workload.optimizer)
                    and int(row["batch_size"]) in sizes
                ]
            ).T
    return cells


def test_errors_of_time_and_power(joined):
    errors = {
        cell: np.abs(np.array(load_models().cell(*cell).predict(*rows[:2])) / rows[2:] - 1.0)
        for cell, rows in joined.items()
    }
    for quantity in np.concatenate(list(errors.values()), axis=1):
        assert np.median(quantity) <= 0.03
        assert np.quantile(quantity, 0.95) <= 0.12
    for cell, of_cell in errors.items():
        stated = load_models().cell(*cell).errors
        median, p95 = np.quantile(of_cell, (0.5, 0.95), axis=1)
        assert (*median, *p95) == pytest.approx(
            (stated.time_median, stated.power_median, stated.time_p95, stated.power_p95), rel=1e-3, abs=1e-5
        )
        assert median.max() <= 0.04
        assert p95.max() <= 0.12


@pytest.mark.parametrize(("eta", "least"), [(0.5, 22), (0.0, 20), (1.0, 20)])
def test_the_model_chooses_like_the_traces(joined, train, eta, least):
    within = 0
    for (name, gpu), (sizes, limits, time_s, power_w) in joined.items():
        workload, max_power = find_workload(name), find_gpu(gpu).max_power_w
        real = train[0][name][workload.target_metric]
        built = {}
        for size in set(sizes):
            model = load_models().epochs(name, int(size), workload.target_metric)
            paths = [model.quantile((i + 0.5) / 10) for i in range(10)]
            built[size] = expected_epochs(paths, workload.max_epochs)
        modelled_s, modelled_w = load_models().cell(name, gpu).predict(sizes, limits)
        believed = modelled_s * (eta * modelled_w + (1 - eta) * max_power) * [built[size] for size in sizes]
        true = time_s * (eta * power_w + (1 - eta) * max_power)
        true *= [expected_epochs(real[int(size)], workload.max_epochs) for size in sizes]
        within += true[np.argmin(believed)] <= 1.03 * true.min()
    assert within >= least


def test_expected_epochs_to_the_default_target(train):
    for workload in WORKLOADS:
        errors = []
        for size, paths in train[0][workload.name][workload.target_metric].items():
            model = load_models().epochs(workload.name, size, workload.target_metric)
            built = expected_epochs([model.quantile((i + 0.5) / 10) for i in range(10)], workload.max_epochs)
            real = expected_epochs(paths, workload.max_epochs)
            assert math.isinf(built) == math.isinf(real)
            if math.isfinite(real):
                errors.append(abs(built / real - 1.0))
        assert np.median(errors) <= 0.04
        assert max(errors) <= 0.12


def test_learning_rates_are_those_of_the_train_trace(train):
    for workload in WORKLOADS:
        for size, rate in train[1][workload.name].items():
            assert load_models().learning_rate(workload.name, size) == rate
