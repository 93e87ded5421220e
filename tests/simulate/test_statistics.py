"""Normal mode over 200 seeds, against a replay of the published policy on the public traces.

How far the documented corrections of normal mode may move a cell (floor of the variance, division by n - 1,
threshold of the profiling run, independent streams): final count 15, mean gap 0.2 points, regret 0.5 oracle jobs,
last-five saving 0.7 points. Beyond that only the sampling error of 200 seeds on either side.
"""

import math
import statistics
from pathlib import Path

import pytest

from elastance.simulate import simulate_recurring
from elastance.traces import DirectorySource

SEEDS = 200

# Workload, GPU: final size = oracle's (of 200), mean gap %, regret mean and deviation, grid's and default's regret,
# energy saved in the last five %, share that breaks even %.
CELLS = """
cifar100 v100 199 0.04 9.7 1.3 248.9 184.1 74.2 100
cifar100 a40 198 0.09 10.1 1.5 324.7 263.9 66.9 100
cifar100 rtx6000 193 0.33 9.2 3.8 316.7 164.7 66.1 100
cifar100 p100 200 0.00 10.4 1.3 209.5 174.8 71.1 100
imagenet v100 173 0.30 4.6 0.7 15.5 3.7 18.9 9
imagenet a40 163 0.26 5.1 0.8 35.1 6.6 14.9 96
imagenet rtx6000 200 0.00 4.0 0.6 18.1 2.8 15.3 2
imagenet p100 200 0.00 2.0 0.2 3.6 0.8 18.0 0
squad v100 70 0.29 1.8 1.0 10.0 8.4 17.9 100
squad a40 103 0.71 3.2 1.3 32.4 5.7 17.5 94
squad rtx6000 200 0.00 1.9 0.4 15.1 15.5 24.8 100
squad p100 200 0.00 1.2 0.4 3.6 14.1 27.3 100
librispeech v100 165 0.43 8.9 2.3 88.6 85.9 38.0 100
librispeech a40 200 0.00 8.2 0.4 63.2 174.4 66.3 100
librispeech rtx6000 200 0.00 7.5 0.5 42.9 148.8 50.8 100
librispeech p100 73 0.28 4.9 1.2 19.7 5.5 11.2 68
movielens-1m v100 196 0.40 15.7 5.3 25159.6 321.6 65.2 100
movielens-1m a40 194 0.38 14.5 5.1 9572.5 321.8 60.9 100
movielens-1m rtx6000 200 0.00 21.5 3.9 34361.6 645.0 78.1 100
movielens-1m p100 200 0.00 17.4 4.1 26994.6 361.9 70.5 100
sentiment140 v100 200 0.00 1.7 0.0 8.2 4.0 20.9 100
sentiment140 a40 200 0.00 4.4 0.1 24.5 2.1 20.6 0
sentiment140 rtx6000 189 0.01 2.1 0.0 13.7 0.0 1.7 0
sentiment140 p100 200 0.00 1.0 0.0 3.9 1.6 15.2 100
"""


def sampling_error(values: list[float]) -> float:
    """Three standard errors of the difference between two means of as many values."""
    return 3 * statistics.stdev(values) * math.sqrt(2 / len(values))


@pytest.mark.slow
@pytest.mark.parametrize("line", CELLS.strip().splitlines())
def test_normal_mode_agrees_with_the_published_policy(public_traces: Path, line: str) -> None:
    workload, gpu, *numbers = line.split()
    count, gap, regret, _, grid, default, saving, break_even = map(float, numbers)
    comparison = simulate_recurring(
        workload,
        gpu,
        policies=["zeus", "grid", "default"],
        seeds=range(1, SEEDS + 1),
        traces=DirectorySource(public_traces),
    )
    zeus = comparison["zeus"].measures
    found = sum(of.final is not None and of.final[0] == comparison.task.oracle.batch_size for of in zeus)
    gaps = [100 * (of.gap or 0.0) for of in zeus]
    regrets = [of.regret_oracle_jobs for of in zeus]
    savings = [100 * (of.energy_saving or 0.0) for of in zeus]
    grids = [of.regret_oracle_jobs for of in comparison["grid"].measures]
    assert abs(found - count) <= 15
    assert statistics.mean(gaps) == pytest.approx(gap, abs=0.2 + sampling_error(gaps))
    assert statistics.mean(regrets) == pytest.approx(regret, abs=0.5 + sampling_error(regrets))
    assert statistics.mean(savings) == pytest.approx(saving, abs=0.7 + sampling_error(savings))
    assert statistics.mean(grids) == pytest.approx(grid, abs=0.06 + sampling_error(grids))
    assert comparison["default"].measures[0].regret_oracle_jobs == pytest.approx(default, abs=0.06)
    share = break_even / 100
    spread = 3 * math.sqrt(2 * max(share * (1 - share), 0.01) / SEEDS)
    assert comparison["zeus"].break_even_share == pytest.approx(share, abs=spread)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workload", "beta"), [("cifar100", 1.05), ("cifar100", 1.25), ("movielens-1m", 1.25)]
)
def test_a_low_beta_still_finishes(public_traces: Path, workload: str, beta: float) -> None:
    """The published simulator prunes every size here, or stops all twenty tries, in some of the seeds."""
    comparison = simulate_recurring(
        workload,
        "v100",
        policies=["zeus", "thompson", "grid-early-stop"],
        beta=beta,
        seeds=range(1, 101),
        traces=DirectorySource(public_traces),
    )
    for result in comparison.policies:
        for history in result.histories:
            reached = [record for record in history.records if record.reached]
            assert len(reached) == comparison.task.recurrences
    assert comparison["zeus"].notes
