"""What running a batch size once is worth: what may be learned from it, against what it costs.

The value is the knowledge gradient with correlated beliefs (Frazier, Powell and Dayanik, "The Knowledge-Gradient
Policy for Correlated Normal Beliefs", INFORMS Journal on Computing 21(4), 2009): by how much the cost of the size
believed best is expected to fall once the run's result is known. Beliefs are about logarithms of costs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NODES = np.linspace(-4.0, 4.0, 17)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()
"""Where, in standard deviations, and with what weight a result is imagined."""

_MOST_RUNS = 9.0
"""How many runs of a size are thought ahead at most. Where runs vary more than the belief about their mean is
uncertain, one may be too few to change any decision, and none would ever seem worth its price."""

UNREACHABLE = 10.0
"""How steeply the cost of a size rises whose epochs are believed to exceed those the job allows: the logarithm of its
cost, for each unit by which the logarithm of its epochs is beyond theirs. It need not be exact, only prohibitive."""

_HUGE = 40.0
"""Logarithms of cost ratios are cut here: far beyond any decision, far below overflow."""


class CostBeliefs(NamedTuple):
    """What is believed of the cost of a run, size by size.

    Attributes:
        mean: Mean of the logarithm of the cost, J, of a run that reaches the target.
        covariance: Covariance of these logarithms.
        noise_variance: Variance of the logarithm from run to run.
        log_cost: Logarithm of the expected cost of a success, misses before it included; what is uncertain is
            expected to cost more.
        log_longest: Logarithm of the cost, J, of a run of as many epochs as the job allows.
        log_profiling: Logarithm of what the next run costs on top, J, for measuring the power limits.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    noise_variance: float
    log_cost: NDArray[np.float64]
    log_longest: NDArray[np.float64]
    log_profiling: NDArray[np.float64]

    def of(self, some: Sequence[int]) -> CostBeliefs:
        """Return what is believed of some of the sizes, given by their indices."""
        at = np.array(some)
        return CostBeliefs(
            self.mean[at],
            self.covariance[at[:, None], at],
            self.noise_variance,
            self.log_cost[at],
            self.log_longest[at],
            self.log_profiling[at],
        )


def trial_values(beliefs: CostBeliefs, best: int, *, log_threshold: float, horizon: float) -> list[float]:
    """Return what running each size next is worth beyond running the best, in costs of a run of the best.

    Args:
        beliefs: What is believed.
        best: Index of the size that is run when nothing is to be learned.
        log_threshold: Logarithm of the cost at which a run is stopped, J; infinite = never.
        horizon: Runs that will profit from what is learned.
    """
    base = float(beliefs.log_cost[best])
    relative = np.minimum(beliefs.log_cost - base, _HUGE)
    variance = beliefs.covariance.diagonal()
    deviation = np.sqrt(variance + beliefs.noise_variance)
    caps = np.minimum(np.minimum(beliefs.log_longest, log_threshold) - base, _HUGE).tolist()
    means = np.minimum(beliefs.mean - base, _HUGE).tolist()
    prices = list(map(_expected_price, means, deviation.tolist(), caps))
    prices[best] = 0.0
    profiling = np.exp(np.minimum(beliefs.log_profiling - base, _HUGE)).tolist()
    beyond = beliefs.mean - beliefs.log_longest
    enough = np.clip(beliefs.noise_variance / np.maximum(variance, 1e-12), 1.0, _MOST_RUNS)
    least = math.exp(relative.min())
    attainable = relative - UNREACHABLE * np.maximum(beyond, 0.0)
    values = [-math.inf] * len(prices)
    rows = list(range(len(prices)))
    for runs in (np.ones_like(enough), enough):
        deviations = np.sqrt(variance + beliefs.noise_variance / runs)
        learned = beliefs.covariance[rows] / deviations[rows][:, None]
        expected = _expected_least(attainable, learned, beyond)
        for index, cost in zip(rows, expected, strict=True):
            value = horizon * max(least - cost, 0.0) - float(runs[index]) * prices[index] - profiling[index]
            values[index] = max(values[index], value)
        rows = [index for index, count in enumerate(enough.tolist()) if count > 1.0]
        if not rows:
            break
    return values


def _expected_least(
    attainable: NDArray[np.float64], learned: NDArray[np.float64], beyond: NDArray[np.float64]
) -> list[float]:
    """Return what the least expected cost will be once a result is known, in costs of the best.

    Args:
        attainable: Logarithm of each size's expected cost, in costs of the best, were the job allowed any epochs.
        learned: By how much belief j moves if result i is a standard deviation above what was expected, at [i, j].
        beyond: Logarithm of each size's mean over what the longest run the job allows would cost.
    """
    moved = learned[:, :, None] * _NODES
    after = (attainable - 0.5 * learned**2)[:, :, None] + moved
    if (beyond > -1.0).any():
        after += UNREACHABLE * np.maximum(beyond[:, None] + moved, 0.0)
    least: list[float] = (np.exp(np.minimum(after.min(axis=1), _HUGE)) @ _WEIGHTS).tolist()
    return least


def _expected_price(mean: float, deviation: float, cap: float) -> float:
    """Return what a run costs beyond one of the best size, which has to follow if the run is stopped.

    Args:
        mean: Mean of the logarithm of its cost, in costs of the best.
        deviation: Standard deviation of the same.
        cap: Logarithm of the cost at which it is stopped.
    """
    ahead = (cap - mean) / deviation
    finished = math.exp(min(mean + 0.5 * deviation**2, _HUGE)) * normal_cdf(ahead - deviation)
    return finished + normal_cdf(-ahead) * (math.exp(cap) + 1.0) - 1.0


def lower_bound(mean: float, variance: float, noise_variance: float, log_bound: float) -> tuple[float, float]:
    """Return the measurement (value, precision) that says the same as "above `log_bound`" of a normal belief.

    Moment matching of the truncated belief (Rasmussen and Williams 2006, equations 3.82 to 3.85, for the
    likelihood of a stopped run in a Tobit model).

    Args:
        mean: Mean of the belief.
        variance: Variance of the belief.
        noise_variance: Variance of a run around it.
        log_bound: What the run was at when it was stopped.
    """
    variance = max(variance, 1e-9)
    deviation = math.sqrt(variance + noise_variance)
    ahead = (mean - log_bound) / deviation
    # Far below the bound the ratio of density to probability tends to the distance itself.
    probability = normal_cdf(ahead)
    ratio = -ahead if ahead < -8.0 else math.exp(-0.5 * ahead**2) / math.sqrt(2.0 * math.pi) / probability
    moved_mean = mean + variance * ratio / deviation
    moved_variance = variance - (variance / deviation) ** 2 * ratio * (ahead + ratio)
    moved_variance = min(max(moved_variance, 1e-3 * variance), (1.0 - 1e-9) * variance)
    precision = 1.0 / moved_variance - 1.0 / variance
    return (moved_mean / moved_variance - mean / variance) / precision, precision


def normal_cdf(value: float) -> float:
    """Return the probability that a standard normal variable is below `value`."""
    return 0.5 * math.erfc(-value / math.sqrt(2.0))
