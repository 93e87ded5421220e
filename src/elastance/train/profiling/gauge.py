"""The first rank's GPUs in a profiled script: windows of steps, and power limits that are put back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from elastance.devices import DeviceKind, find_devices
from elastance.errors import MeterError
from elastance.measure import EnergyMeter, Measurement, PowerLimitHold
from elastance.measure.sources import ASSUMED_PERIOD_S
from elastance.runs import Provenance
from elastance.train.profiling.windows import TRIALS, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.profiling.plan import Plan

_SEGMENT = "segment"
_COUNTER_PERIODS = 10
_LEAST_PERIOD_S = 1e-3  # of simulated counters that are always up to date


def least_window_s(devices: Iterable[Device], spread: float) -> float:
    """Return how long a window must be, s: ten update periods of the slowest energy counter, or more.

    What a counter shows is up to one period old. Trials that all miss the same part of it agree and are wrong; so
    they must be long enough that one period is no larger a share of them together than the spread that is wanted.
    """
    periods = [one.counter.period_s if one.counter is not None else None for one in devices]
    slowest_s = max(ASSUMED_PERIOD_S if period is None else period for period in periods)
    return max(_COUNTER_PERIODS, 1.0 / (TRIALS * spread)) * max(slowest_s, _LEAST_PERIOD_S)


class Gauge:
    """What the first rank measures with.

    Args:
        plan: Names the GPUs.
        devices: The GPUs; None finds those the plan names.
        sync: Waited for at the edges of windows; ``"auto"`` is PyTorch if that is imported.
        clock: Monotonic clock, s.

    Attributes:
        gpus: The GPUs.
        hold: Sets their power limit, and puts it back.

    Raises:
        DeviceError: A GPU cannot be opened.
    """

    def __init__(self, plan: Plan, devices: Sequence[Device] | None, sync: Sync | None, clock: Clock) -> None:
        if sync == "auto":
            sync = "torch" if "torch" in sys.modules else None
        self._found = find_devices(plan.devices, clock=clock) if devices is None else ()
        self.gpus = [one for one in devices or self._found if one.info.kind is DeviceKind.GPU]
        self.hold = PowerLimitHold(self.gpus)
        self._meter = EnergyMeter(self.gpus, sync=sync, clock=clock)
        self._is_open = False
        self._measured: list[Measurement] = []

    def begin(self) -> None:
        """Begin a segment of steps."""
        self._meter.begin(_SEGMENT)
        self._is_open = True

    def cancel(self) -> None:
        """Drop the segment."""
        if self._is_open:
            self._meter.cancel(_SEGMENT)
        self._is_open = False

    def end(self, steps: int, *, must_read: bool) -> Window:
        """End a segment of steps.

        Args:
            steps: How many they were.
            must_read: Whether its energy is needed.

        Raises:
            MeterError: The energy is needed and there is no complete reading.
        """
        self._is_open = False
        measured = self._meter.end(_SEGMENT)
        if not must_read:
            self._measured.clear()
        elif not measured.energy_j or not measured.complete:
            problems = [one.problem for one in measured.devices if one.problem is not None]
            raise MeterError(
                f"{steps} steps ({measured.time_s:.3g} s) could not be measured:"
                f" {'; '.join(problems) or 'no energy was counted'}"
            )
        else:
            self._measured.append(measured)
        return Window(steps, measured.time_s, measured.energy_j or 0.0)

    def provenance(self) -> tuple[Provenance, Provenance, float | None]:
        """Return source and method of what was measured since the warm-up, and the largest doubt about it, J."""
        last = [one.provenance for one in self._measured[-1].devices]
        bounds = [one.uncertainty_j for one in self._measured]
        known = [bound for bound in bounds if bound is not None]
        return (
            _weakest([one.source for one in last]),
            _weakest([one.method for one in last]),
            max(known) if len(known) == len(bounds) else None,
        )

    def close(self) -> None:
        """Put the limits back, and let go of the GPUs."""
        kind, error, trace = sys.exc_info()
        self.hold.__exit__(kind, error, trace)
        self._meter.close()
        for device in self._found:
            device.close()


def _weakest(sources: Sequence[Provenance]) -> Provenance:
    """Return the source that says least of all; it stands for a sum."""
    return max(sources, key=list(Provenance).index)
