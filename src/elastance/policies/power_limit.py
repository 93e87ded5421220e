"""Power limits: profile every limit once per batch size, then keep to the cheapest; or just the largest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from elastance.policies.contract import LimitMeasurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from elastance.cost import EtaCost
    from elastance.policies.contract import Json, Problem


class JustInTimePowerLimit:
    """Profile all limits in the first epoch of a batch size's first run; from then on use the cheapest.

    The measurements are kept, not the choice, so that they serve any eta (NSDI'23, section 4.2, equation 7).
    Ties go to the higher limit.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator | None = None) -> None:
        del rng  # nothing here is random
        self._cost = problem.cost
        self._profiles: dict[int, tuple[LimitMeasurement, ...]] = {}
        self._best: dict[int, int] = {}

    def choose_power_limit(self, batch_size: int) -> int | None:
        """Return the cheapest limit (W), or None while `batch_size` has not been profiled."""
        return self._best.get(batch_size)

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Keep the measurements of `batch_size` and derive its cheapest limit."""
        ordered = tuple(sorted(profile, key=lambda at: at.power_limit_w, reverse=True))
        cost = self._cost_for(ordered)
        self._profiles[batch_size] = ordered
        self._best[batch_size] = min(
            ordered, key=lambda at: cost.of_epoch(at.time_s, at.power_w)
        ).power_limit_w

    def profiled(self) -> Iterable[int]:
        """Return the batch sizes that have been profiled."""
        return self._profiles.keys()

    def epoch_cost_j(self, batch_size: int, power_limit_w: int) -> float | None:
        """Return the measured cost of an epoch under a limit, J; None if it was not profiled."""
        for at in self._profiles.get(batch_size, ()):
            if at.power_limit_w == power_limit_w:
                return self._cost.of_epoch(at.time_s, at.power_w)
        return None

    def profiling_epoch_cost_j(self, batch_size: int) -> float:
        """Return the cost of an epoch that gives every limit an equal share of `batch_size`'s work, J."""
        profile = self._profiles[batch_size]
        return math.fsum(self._cost.of_epoch(at.time_s, at.power_w) for at in profile) / len(profile)

    def _cost_for(self, profile: tuple[LimitMeasurement, ...]) -> EtaCost:
        return self._cost

    def state(self) -> dict[str, Json]:
        """Return the measurements of every profiled batch size."""
        return {
            "profiles": {
                str(size): [list(measurement) for measurement in profile]
                for size, profile in self._profiles.items()
            }
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Take over the measurements in `state`."""
        self._profiles.clear()
        self._best.clear()
        profiles = cast("dict[str, list[tuple[int, float, float]]]", state["profiles"])
        for size, profile in profiles.items():
            self.observe_profile(int(size), [LimitMeasurement(*measurement) for measurement in profile])


class MaxPowerLimit:
    """Always the largest limit on offer; never profiles."""

    def __init__(self, problem: Problem, rng: np.random.Generator | None = None) -> None:
        del rng  # nothing here is random
        self._limits = problem.power_limits_w

    def choose_power_limit(self, batch_size: int) -> int:
        """Return the largest limit on offer for `batch_size`, W."""
        return self._limits[batch_size][-1]

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Json]:
        """Return nothing: there is no state."""
        return {}

    def restore(self, state: dict[str, Json]) -> None:
        """Nothing to take over."""
