"""Energy windows over several devices."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from elastance.errors import DeviceLostError, InputError, MeterError
from elastance.measure.measurement import DeviceEnergy, Measurement
from elastance.measure.sampler import Sampler
from elastance.measure.sources import make_source
from elastance.measure.sync import find_sync

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import TracebackType

    from elastance.devices import Clock, Device
    from elastance.measure.sources import EnergySource, Track
    from elastance.measure.sync import Sync


class _Window(NamedTuple):
    began_s: float
    tracks: list[Track]


class Window:
    """A window in a ``with`` block.

    Attributes:
        name: Its name.
        measurement: What it measured; None while the block runs.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.measurement: Measurement | None = None


class EnergyMeter:
    """Measures the energy of named windows, which may nest and overlap.

    Usage::

        with EnergyMeter(sync="torch") as meter:
            with meter.window("epoch") as epoch:
                train()
            print(epoch.measurement.energy_j)

    A device with an energy counter is read at the edges of a window and once a second; the power of any other is
    polled. One thread does that, which exists only while windows are open and a second longer. Windows share their
    readings. May be used from several threads, but only in the process it was made in: a child made by `os.fork` has
    no such thread, and drivers do not survive a fork.

    Args:
        devices: Devices, or what `elastance.find_devices` finds by this specification; those it finds are closed with
            the meter, those given are the caller's.
        sync: Waited for before both edges, so that queued work is counted: ``"torch"``, ``"jax"``, ``"cupy"`` or a
            function; None does not wait.
        interval_s: How often power is polled, s.
        clock: Monotonic clock, s.
        estimate_short: Whether a window too short for the counter is estimated, as power at its end times its
            duration. The result says so. Without it a window in which the counter did not move has no reading.
        background: Whether a thread reads devices within windows; without it, call `sample` as often as is needed.

    Raises:
        InputError: No device, the same one twice, or an interval that is not positive.
        NoDeviceError: No device was given and none was found.
    """

    def __init__(
        self,
        devices: Sequence[Device] | str | None = None,
        *,
        sync: Sync | None = None,
        interval_s: float = 0.1,
        clock: Clock = time.monotonic,
        estimate_short: bool = False,
        background: bool = True,
    ) -> None:
        if not 0.0 < interval_s < float("inf"):
            raise InputError(f"interval {interval_s:g} s of an energy meter: expected a positive number")
        self._sync = find_sync(sync)
        self._owned: Sequence[Device] = ()
        if devices is None or isinstance(devices, str):
            from elastance.devices.discovery import find_devices

            devices = self._owned = find_devices(devices, clock=clock)
        self.devices: tuple[Device, ...] = tuple(devices)
        identities = [device.info.id for device in self.devices]
        if not identities:
            raise InputError("an energy meter needs at least one device")
        for identity in identities:
            if identities.count(identity) > 1:
                raise InputError(f"device {identity} is given twice to an energy meter")
        self._clock = clock
        self._estimate_short = estimate_short
        self._sources: list[EnergySource] = [
            make_source(device, clock, interval_s) for device in self.devices
        ]
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()
        self._sampler = Sampler(self._tick) if background else None
        self._process = os.getpid()
        self._closed = False

    def begin(self, name: str) -> None:
        """Begin a window.

        Raises:
            MeterError: A window of this name is open, or the meter is closed or of another process.
            DeviceError: None of the devices could be read.
        """
        self._check_usable()
        if self._sync is not None:
            self._sync()
        with self._lock:
            if name in self._windows:
                raise MeterError(f"window {name!r} is open already: end or cancel it first")
            tracks = [source.begin() for source in self._sources]
            if all(track.failure is not None for track in tracks):
                for source, track in zip(self._sources, tracks, strict=True):
                    source.cancel(track)
                raise DeviceLostError(f"none of the devices can be read: {tracks[0].failure}")
            self._windows[name] = _Window(self._clock(), tracks)
        if self._sampler is not None:
            self._sampler.wake()

    def end(self, name: str) -> Measurement:
        """End a window and say what it measured.

        A device that cannot be read any more does not spoil the others: what is known of it is marked as a part.

        Raises:
            MeterError: No window of this name is open, or the meter is closed or of another process.
        """
        self._check_usable()
        if self._sync is not None and name in self._windows:
            self._sync()
        with self._lock:
            ended_s = self._clock()
            window = self._pop(name)
            devices: list[DeviceEnergy] = [
                source.end(track, estimate=self._estimate_short)
                for source, track in zip(self._sources, window.tracks, strict=True)
            ]
        return Measurement(name, max(0.0, ended_s - window.began_s), tuple(devices))

    def cancel(self, name: str) -> None:
        """Forget a window.

        Raises:
            MeterError: No window of this name is open, or the meter is closed or of another process.
        """
        self._check_usable()
        with self._lock:
            window = self._pop(name)
            for source, track in zip(self._sources, window.tracks, strict=True):
                source.cancel(track)

    @contextmanager
    def window(self, name: str) -> Generator[Window]:
        """Measure a ``with`` block; its window is ended by an exception too.

        Raises:
            MeterError: A window of this name is open, or the meter is closed or of another process.
            DeviceError: None of the devices could be read.
        """
        window = Window(name)
        self.begin(name)
        try:
            yield window
        finally:
            if name in self._windows:
                window.measurement = self.end(name)

    def sample(self) -> None:
        """Read every device now, if a window is open; for meters without a background thread."""
        self._check_usable()
        with self._lock:
            if self._windows:
                for source in self._sources:
                    source.sample()

    def close(self) -> None:
        """Forget all open windows and leave nothing behind; closing twice is fine, and so is closing in a child."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        if self._sampler is not None:
            self._sampler.stop()
        self._windows.clear()
        for device in self._owned:
            device.close()

    def __enter__(self) -> EnergyMeter:
        self._check_usable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> NoReturn:
        raise TypeError("an EnergyMeter cannot be sent to another process: make one there")

    def _pop(self, name: str) -> _Window:
        if name not in self._windows:
            known = ", ".join(map(repr, self._windows)) or "none"
            raise MeterError(f"no window {name!r} is open: begin it first; open: {known}")
        return self._windows.pop(name)

    def _check_usable(self) -> None:
        if os.getpid() != self._process:
            raise MeterError(
                f"this energy meter belongs to process {self._process}, not to its child {os.getpid()}:"
                " make one there"
            )
        if self._closed:
            raise MeterError("this energy meter is closed: make a new one")

    def _tick(self) -> float | None:
        """Read what is due; return the seconds until more is."""
        with self._lock:
            if not self._windows:
                return None
            now_s = self._clock()
            for source in self._sources:
                if source.due_s <= now_s:
                    source.sample()
            return max(0.0, min(source.due_s for source in self._sources) - self._clock())
