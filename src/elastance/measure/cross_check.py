"""Can the energy counter be trusted? It is compared with the power that the device reports over the same time."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.devices import Clock, Device

TOLERANCE = 0.1
"""Share by which counter and power may differ: more than sampling and averaging explain at a steady load."""

_INTERVAL_S = 0.02


class _Sample(NamedTuple):
    time_s: float
    power_w: float
    counter_j: float | None


class CrossCheck(NamedTuple):
    """What the counter and the power of one device said about the same time.

    Attributes:
        counter_j: Energy by the counter, between its first and its last update that was seen, J; None without one.
        integral_j: Energy by polled power over the same time, J; over all of it where there is no counter.
        time_s: That time, s.
        samples: How often both were read.
        updates: How often the counter moved.
        update_period_s: Mean time between two updates, s; never below the time between two samples.
        problem: Why there is no comparison, or what is wrong with the counter; None if nothing is.
    """

    counter_j: float | None
    integral_j: float | None
    time_s: float
    samples: int
    updates: int = 0
    update_period_s: float | None = None
    problem: str | None = None

    @property
    def disagreement(self) -> float | None:
        """By how much the counter says more than the power, as a share of the latter; None without a comparison."""
        if self.counter_j is None or not self.integral_j:
            return None
        return self.counter_j / self.integral_j - 1.0

    @property
    def disagrees(self) -> bool:
        """Whether the two differ by more than `TOLERANCE`."""
        return self.disagreement is not None and abs(self.disagreement) > TOLERANCE


def cross_check(
    devices: Sequence[Device],
    seconds: float,
    *,
    clock: Clock = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: Callable[[float], None] = lambda _: None,
) -> list[CrossCheck]:
    """Read counters and power of some devices side by side for a while.

    Args:
        devices: Devices to check, all at once.
        seconds: For how long, s.
        clock: Monotonic clock.
        sleep: Waits between two samples.
        on_progress: Told the time passed, s.

    Returns:
        One check for each device; one that fails on the way says so in its `CrossCheck.problem`.
    """
    samples: list[list[_Sample]] = [[] for _ in devices]
    failures: list[DeviceError | None] = [None for _ in devices]
    started_s = clock()
    while True:
        for i, device in enumerate(devices):
            if failures[i] is None:
                try:
                    samples[i].append(_read(device, clock))
                except DeviceError as error:
                    failures[i] = error
        elapsed_s = clock() - started_s
        on_progress(min(elapsed_s, seconds))
        if elapsed_s >= seconds or all(failures):
            break
        sleep(_INTERVAL_S)
    return [
        CrossCheck(None, None, seconds, len(taken), problem=str(failure))
        if failure is not None
        else _compare(device, taken)
        for device, taken, failure in zip(devices, samples, failures, strict=True)
    ]


def _read(device: Device, clock: Clock) -> _Sample:
    counter_j = device.energy_j() if device.counter is not None else None
    # The power is read right after; its time is that of the counter, which is what is integrated between.
    return _Sample(clock(), device.power_w(), counter_j)


def _compare(device: Device, samples: Sequence[_Sample]) -> CrossCheck:
    counts = [sample.counter_j for sample in samples if sample.counter_j is not None]
    whole_s = samples[-1].time_s - samples[0].time_s
    if device.counter is None:
        return CrossCheck(None, _integral(samples), whole_s, len(samples))
    gained = [_gain(device, before, after) for before, after in pairwise(counts)]
    updates = [i + 1 for i, gain in enumerate(gained) if gain]
    if len(updates) < 2:
        how_often = "once" if updates else "not once"
        problem = f"the counter moved {how_often} in {whole_s:.1f} s"
        return CrossCheck(None, _integral(samples), whole_s, len(samples), len(updates), problem=problem)
    if min(gained) < 0:
        problem = "the counter ran backwards, though it is not said to wrap"
        return CrossCheck(None, _integral(samples), whole_s, len(samples), len(updates), problem=problem)
    # Between two updates it counts nothing: from update to update, its coarse steps cancel out.
    first, last = updates[0], updates[-1]
    time_s = samples[last].time_s - samples[first].time_s
    return CrossCheck(
        counter_j=sum(gained[first:last]),
        integral_j=None if device.power_from_counter else _integral(samples[first : last + 1]),
        time_s=time_s,
        samples=len(samples),
        updates=len(updates),
        update_period_s=time_s / (len(updates) - 1),
    )


def _gain(device: Device, before_j: float, after_j: float) -> float:
    wraps_at_j = device.counter.wraps_at_j if device.counter is not None else None
    gain_j = after_j - before_j
    return gain_j + wraps_at_j if gain_j < 0 and wraps_at_j is not None else gain_j


def _integral(samples: Sequence[_Sample]) -> float:
    from elastance.measure.trapezoid import PowerIntegral

    integral = PowerIntegral()
    for sample in samples:
        integral.add(sample.time_s, sample.power_w)
    return integral.energy_j
