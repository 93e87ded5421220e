"""What devices draw right now, and the joules since the start: for views and exporters that never end."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from elastance.errors import DeviceError
from elastance.measure.schedule import check_interval, ticks
from elastance.measure.sources import make_source

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from elastance.devices import Clock, Device, DeviceInfo
    from elastance.measure.schedule import Wait
    from elastance.measure.sources import EnergySource
    from elastance.runs import Provenance

    Value = TypeVar("Value")

_POLL_S = 0.1
"""How often the power of a device without an energy counter is read, s."""

_HISTORY = 240
"""Readings of power kept for a view."""


class LiveReading(NamedTuple):
    """One device, now. What it does not tell, or could not, is None; never zero.

    Attributes:
        device: Which device.
        source: Where its joules come from.
        energy_j: Energy since the start, J; after a failure the part until then.
        power_w: Power, W.
        power_limit_w: Power limit, W.
        temperature_c: Temperature, °C.
        utilization: Share of the time it was busy, 0 to 1.
        memory_bytes: Memory in use and in all, bytes.
        recent_w: Power at the last readings, the newest last, W.
        failure: Why it cannot be read, or not all of its energy is known.
    """

    device: DeviceInfo
    source: Provenance
    energy_j: float | None
    power_w: float | None
    power_limit_w: float | None
    temperature_c: float | None
    utilization: float | None
    memory_bytes: tuple[int, int] | None
    recent_w: tuple[float | None, ...]
    failure: str | None


def live_readings(
    devices: Sequence[Device], interval_s: float, *, wait: Wait, clock: Clock = time.monotonic
) -> Generator[tuple[LiveReading, ...], None, None]:
    """Give the readings of all devices, at once and then every `interval_s`, until `wait` says stop.

    Devices without an energy counter are polled ten times a second in between.

    Args:
        devices: At least one.
        interval_s: Pace, s.
        wait: Waits so many seconds; True = stop.
        clock: Monotonic clock, s.

    Raises:
        InputError: The interval is shorter than 0.1 s.
    """
    check_interval(interval_s, least_s=_POLL_S)
    polls = math.ceil(interval_s / _POLL_S) if any(device.counter is None for device in devices) else 1
    meters = [_LiveDevice(make_source(device, clock, interval_s / polls)) for device in devices]
    for count, _ in enumerate(ticks(interval_s / polls, clock=clock, wait=wait)):
        if count % polls == 0:
            yield tuple(meter.read() for meter in meters)
        else:
            for meter in meters:
                meter.poll()


class _LiveDevice:
    def __init__(self, source: EnergySource) -> None:
        self._source = source
        self._track = source.begin()
        self._recent: deque[float | None] = deque(maxlen=_HISTORY)

    def poll(self) -> None:
        if self._source.device.counter is None:
            self._source.sample()

    def read(self) -> LiveReading:
        self._source.sample()
        device, track = self._source.device, self._track
        power_w = _told(device.power_w)
        self._recent.append(power_w)
        limits = _told(device.power_limits)
        return LiveReading(
            device.info,
            device.info.provenance or self._source.method,
            None if track.first_s is None else track.energy_j,
            power_w,
            None if limits is None else limits.current_w,
            _told(device.temperature_c),
            _told(device.utilization),
            _told(device.memory_bytes),
            tuple(self._recent),
            track.failure or track.problem,
        )


def _told(ask: Callable[[], Value]) -> Value | None:
    try:
        return ask()
    except DeviceError:
        return None
