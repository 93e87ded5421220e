"""The built-in model of convergence: how many epochs a run needs to a target metric, or that it never gets there.

A run reaches a target metric in ``ceil(y)`` epochs. At the share v of the runs that reach it at all,
y = (n + L s^l + S s^-m) exp(h step(log2 b - x_step) + spread z(v)), with s = b / b_mid (the middle of the sizes, in
octaves), step = logistic function, z = quantile of the normal distribution. Small and large batches both need more
epochs than those between (n). The share that reaches the target falls to nothing, by the same step, at the ends of a
window of batch sizes. One quantile describes a run: all targets share it, and none is met before an easier one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STEEPNESS = 8.0  # of every logistic step over batch sizes, logits per octave
_MEAN_POINTS = 400
_NORMAL = NormalDist()


@dataclass(frozen=True)
class TargetModel:
    """Epochs to one target metric, over batch sizes. The formula is in the module's docstring.

    Attributes:
        target_metric: The target.
        epochs: n, L, l, S, m and spread.
        step: h and x_step, the latter in octaves from 1 sample per step.
        share: Share of the runs that reach the target, inside the window.
        window: log2 of the batch sizes at which half of that share is left; None: no such end.
    """

    target_metric: float
    epochs: tuple[float, float, float, float, float, float]
    step: tuple[float, float]
    share: float
    window: tuple[float | None, float | None]

    def reaching(self, log2_size: float) -> float:
        """Share of the runs that reach the target at a batch size of 2**log2_size."""
        share = self.share
        for sign, end in zip((1.0, -1.0), self.window, strict=True):
            if end is not None:
                share /= 1.0 + math.exp(min(_STEEPNESS * sign * (end - log2_size), 700.0))
        return share

    def log_median(self, log2_size: NDArray[np.float64] | float, sizes: Sequence[int]) -> NDArray[np.float64]:
        """Logarithm of y for the median run that reaches the target; `sizes` are those fitted to."""
        floor, large, large_exponent, small, small_exponent, _ = self.epochs
        octaves = np.asarray(log2_size, dtype=np.float64) - (math.log2(sizes[0]) + math.log2(sizes[-1])) / 2.0
        shape = floor + large * np.exp2(large_exponent * octaves) + small * np.exp2(-small_exponent * octaves)
        height, at = self.step
        return np.log(shape) + height * np.exp(-np.logaddexp(0.0, _STEEPNESS * (at - log2_size)))


@dataclass(frozen=True)
class EpochModel:
    """How many epochs a run at one batch size needs to one target metric: a distribution.

    Attributes:
        batch_size: Samples per optimizer step.
        targets: The target metric and all easier ones, from easy to hard.
        sizes: Batch sizes the model was fitted to.
    """

    batch_size: int
    targets: tuple[TargetModel, ...]
    sizes: tuple[int, ...]

    @cached_property
    def never(self) -> float:
        """Chance that a run never reaches the target."""
        return max(never for never, _, _ in self._distributions)

    @cached_property
    def mean(self) -> float:
        """Mean epochs of the runs that reach the target; infinite if none does."""
        if self.never >= 1.0:
            return math.inf
        quantiles = [
            self.quantile((1.0 - self.never) * (i + 0.5) / _MEAN_POINTS) for i in range(_MEAN_POINTS)
        ]
        reached = [epochs for epochs in quantiles if epochs is not None]
        return sum(reached) / len(reached)

    def quantile(self, u: float) -> int | None:
        """Epochs of the run at quantile `u`, which is in (0, 1); None = never. Slow runs have high quantiles.

        Raises:
            InputError: u is outside (0, 1).
        """
        return self.path(u)[-1]

    def path(self, u: float) -> list[int | None]:
        """Epochs of the run at quantile `u` to each of `targets`; never falls, and nothing follows a miss.

        Raises:
            InputError: u is outside (0, 1).
        """
        if not 0.0 < u < 1.0:
            raise InputError(f"quantile {u} is not between 0 and 1")
        epochs: list[int | None] = []
        least, never = 1, 0.0
        for never_reached, log_median, spread in self._distributions:
            never = max(never, never_reached)
            if u >= 1.0 - never:
                break
            among_reaching = min(u / (1.0 - never), 1.0 - 1e-12)
            log_epochs = log_median + spread * _NORMAL.inv_cdf(among_reaching)
            least = max(least, math.ceil(math.exp(log_epochs)))
            epochs.append(least)
        return epochs + [None] * (len(self.targets) - len(epochs))

    @cached_property
    def _distributions(self) -> tuple[tuple[float, float, float], ...]:
        """Of each target: chance of never reaching it, logarithm of the median, spread."""
        at = math.log2(self.batch_size)
        return tuple(
            (1.0 - target.reaching(at), float(target.log_median(at, self.sizes)), target.epochs[-1])
            for target in self.targets
        )


@dataclass(frozen=True)
class ConvergenceModel:
    """How many epochs a workload needs, for all its batch sizes and target metrics.

    Attributes:
        batch_sizes: Those of the public train trace, ascending.
        targets: From easy to hard.
        learning_rate: The one that goes with `learning_rate_batch_size`.
        learning_rate_batch_size: Samples per step; None: the learning rate is the same at every batch size.
    """

    batch_sizes: tuple[int, ...]
    targets: tuple[TargetModel, ...]
    learning_rate: float
    learning_rate_batch_size: int | None
