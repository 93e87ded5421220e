"""One window of steps under one power limit: put together over the ranks, and how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import MeterError
from elastance.runs import Provenance
from elastance.train.limit_profile import LimitWindow

if TYPE_CHECKING:
    from elastance.measure import Measurement
    from elastance.train.ranks import Gather

_DOUBTFUL = 0.1  # share of a window's energy that may be uncertain before it is said


def window_over_ranks(limit_w: float, own: Measurement, steps: int, gather: Gather) -> LimitWindow:
    """Return a window over all ranks; energy is summed, the slowest rank's time counts.

    Args:
        limit_w: The power limit, W.
        own: What this rank measured.
        steps: Steps of the window.
        gather: Brings together what the ranks measured.

    Raises:
        MeterError: A rank could not measure it; the same on every rank.
    """
    problems = [device.problem for device in own.devices if device.problem is not None]
    ranks: list[tuple[float | None, float, list[str]]] = gather((own.energy_j, own.time_s, problems))
    for energy_j, time_s, why in ranks:
        if energy_j is None or energy_j <= 0.0 or why:
            raise MeterError(
                f"the window of {steps} steps ({time_s:g} s) under {limit_w:g} W could not be"
                f" measured: {'; '.join(why) or 'no energy was counted'}; more steps per window may help"
            )
    return LimitWindow(
        limit_w, sum(energy_j or 0.0 for energy_j, _, _ in ranks), max(time_s for _, time_s, _ in ranks)
    )


def doubt_of(own: Measurement) -> str | None:
    """Return in words why the energy of a window is not to be trusted; None if it is."""
    bound_j = own.uncertainty_j
    if any(device.provenance.method is Provenance.ESTIMATE for device in own.devices):
        return f"is an estimate: {own.time_s:.3g} s were too short for the energy counter"
    if own.energy_j and bound_j is not None and bound_j > _DOUBTFUL * own.energy_j:
        return f"is uncertain by {bound_j / own.energy_j:.0%}"
    return None
