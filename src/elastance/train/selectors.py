"""Which power limit of a measured profile to train under.

All of them give ties to the higher limit: it was measured first and disturbs least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from elastance.cost import EtaCost
from elastance.errors import InputError

if TYPE_CHECKING:
    from elastance.train.limit_profile import LimitProfile


class Selector(Protocol):
    """Chooses a power limit."""

    def choose(self, profile: LimitProfile) -> float:
        """Return one of the limits of `profile`, W."""
        ...


@dataclass(frozen=True)
class LeastEnergy:
    """The limit whose window took the least energy."""

    def choose(self, profile: LimitProfile) -> float:
        """Return the limit, W."""
        return min(profile.windows, key=lambda window: window.energy_j).power_limit_w


@dataclass(frozen=True)
class LeastTime:
    """The limit whose window took the least time; noise may make that a lower one than the highest."""

    def choose(self, profile: LimitProfile) -> float:
        """Return the limit, W."""
        return min(profile.windows, key=lambda window: window.time_s).power_limit_w


@dataclass(frozen=True)
class LeastEtaCost:
    """The limit with the least ``eta * energy + (1 - eta) * max_power * time`` (NSDI'23, equation 2).

    The maximum power is that of all GPUs of all ranks together, as the energy is.

    Attributes:
        eta: Preference in [0, 1]: 1 = energy only, 0 = time only.

    Raises:
        InputError: eta is outside [0, 1].
    """

    eta: float = 0.5

    def __post_init__(self) -> None:
        EtaCost(self.eta, 1.0)

    def choose(self, profile: LimitProfile) -> float:
        """Return the limit, W."""
        cost = EtaCost(self.eta, profile.max_power_w)
        return min(
            profile.windows, key=lambda window: cost.of_run(window.energy_j, window.time_s)
        ).power_limit_w


@dataclass(frozen=True)
class MaxSlowdown:
    """The lowest limit under which training takes at most `factor` times as long as under the highest.

    Attributes:
        factor: At least 1; 1.1 lets training take a tenth longer.

    Raises:
        InputError: The factor is below 1 or no number.
    """

    factor: float

    def __post_init__(self) -> None:
        if not 1.0 <= self.factor < math.inf:
            raise InputError(
                f"slowdown factor {self.factor:g}: expected at least 1 (1.1 allows a tenth more time)"
            )

    def choose(self, profile: LimitProfile) -> float:
        """Return the limit, W."""
        bound_s = self.factor * profile.windows[0].time_s
        return min(window.power_limit_w for window in profile.windows if window.time_s <= bound_s)
