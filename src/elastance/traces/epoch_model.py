"""The built-in model of an epoch: its time and power on one GPU type.

At batch size b and power limit p (W), with x = log2(b) scaled to [-1, 1] over the sizes on offer:

- Left alone the GPU draws D(x) = exp(sum d_k T_k(x)) watts and needs T(x) = exp(sum t_k T_k(x)) seconds, T_k being
  Chebyshev polynomials.
- The limit allows C(p) = slope p + offset watts. Power is a smooth minimum of demand and allowance,
  P = (D^-s + C^-s)^(-1/s); s is its sharpness.
- Throttling by the factor r = D / P lengthens the epoch: log t = log T(x) + a / (1 + g a) + trend (p / p_max - 1),
  where a = k exp(c x) (log r)^e. As clocks have a floor, the slowdown saturates, at exp(1 / g).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEAST_ALLOWANCE = 0.05  # share of the limit that is always allowed, so that no power is ever 0


@dataclass(frozen=True)
class FitError:
    """How far a model is from the traces it was fitted to; all as fractions (0.01 = 1 %).

    Attributes:
        time_median, time_p95: Relative error of the time per epoch over all rows on offer: median, 95th percentile.
        power_median, power_p95: The same of the mean power.
        excess_cost: What the configuration the model thinks cheapest for the default job at eta 0.5 costs above
            the truly cheapest one, both priced on the traces. For several cells together: the largest.
        excess_cost_time, excess_cost_energy: The same at eta 0 (time only) and eta 1 (energy only).
    """

    time_median: float
    time_p95: float
    power_median: float
    power_p95: float
    excess_cost: float
    excess_cost_time: float
    excess_cost_energy: float


@dataclass(frozen=True)
class CellModel:
    """Time and power of one workload on one GPU type. The formula is in the module's docstring.

    Attributes:
        workload, gpu: Names.
        batch_sizes: Sizes on offer, ascending.
        limits_w: Power limits on offer, W, ascending.
        demand: d_k, of the logarithm of the power drawn without a limit (W).
        time: t_k, of the logarithm of the time per epoch without a limit (s).
        allowance: Slope, offset (W) and sharpness of what a limit allows.
        slowdown: k, c, e and g of the slowdown by throttling.
        trend: Of the logarithm of the time per epoch, over the limit as a share of the largest one.
        errors: Against the traces.
    """

    workload: str
    gpu: str
    batch_sizes: tuple[int, ...]
    limits_w: tuple[int, ...]
    demand: tuple[float, ...]
    time: tuple[float, ...]
    allowance: tuple[float, float, float]
    slowdown: tuple[float, float, float, float]
    trend: float
    errors: FitError

    def power_limits_w(self, batch_size: int) -> tuple[int, ...]:
        """Power limits on offer at `batch_size`, W, ascending.

        Raises:
            InputError: The batch size is not on offer.
        """
        if batch_size not in self.batch_sizes:
            sizes = ", ".join(map(str, self.batch_sizes))
            raise InputError(
                f"batch size {batch_size} of {self.workload} is not on offer on {self.gpu}; there are {sizes}"
            )
        return self.limits_w

    def time_per_epoch_s(self, batch_size: int, power_limit_w: float) -> float:
        """Seconds per epoch; both arguments may lie anywhere between those on offer.

        Raises:
            InputError: The batch size or the limit is outside the range of those on offer.
        """
        return self._at(batch_size, power_limit_w)[0]

    def average_power_w(self, batch_size: int, power_limit_w: float) -> float:
        """Mean power over an epoch, W; both arguments may lie anywhere between those on offer.

        Raises:
            InputError: The batch size or the limit is outside the range of those on offer.
        """
        return self._at(batch_size, power_limit_w)[1]

    def predict(
        self, batch_sizes: NDArray[np.float64], power_limits_w: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Time per epoch (s) and mean power (W), element by element and with no check of the range."""
        x = _scaled(np.log2(batch_sizes), self.batch_sizes)
        log_demand = np.polynomial.chebyshev.chebval(x, self.demand)
        log_time = np.polynomial.chebyshev.chebval(x, self.time)
        slope, offset, sharpness = self.allowance
        allowed = np.maximum(slope * power_limits_w + offset, _LEAST_ALLOWANCE * power_limits_w)
        throttling = np.logaddexp(0.0, sharpness * (log_demand - np.log(allowed))) / sharpness
        amount, tilt, exponent, floor = self.slowdown
        slowdown = amount * np.exp(tilt * x) * throttling**exponent
        log_time += slowdown / (1.0 + floor * slowdown)
        log_time += self.trend * (power_limits_w / self.limits_w[-1] - 1.0)
        return np.exp(log_time), np.exp(log_demand - throttling)

    def _at(self, batch_size: int, power_limit_w: float) -> tuple[float, float]:
        require_within("batch size", batch_size, self.batch_sizes, f"{self.workload} on {self.gpu}")
        require_within("power limit", power_limit_w, self.limits_w, f"{self.workload} on {self.gpu}, in W")
        time_s, power_w = self.predict(np.array([float(batch_size)]), np.array([float(power_limit_w)]))
        return float(time_s[0]), float(power_w[0])


def _scaled(log2_size: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Scale log2 of batch sizes to [-1, 1] over the ascending `sizes`."""
    low, high = math.log2(sizes[0]), math.log2(sizes[-1])
    return (2.0 * log2_size - low - high) / (high - low)


def require_within(what: str, value: float, known: Sequence[int], whose: str) -> None:
    """Raise InputError if `value` is outside the range of the ascending `known`."""
    if not known[0] <= value <= known[-1]:
        raise InputError(
            f"{what} {value:g} is outside the built-in model of {whose}: {known[0]} to {known[-1]}"
        )
