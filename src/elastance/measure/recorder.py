"""Record the power of devices to logs, one file per device.

Time stamps count on from the system clock at the start by the monotonic clock: they never run backwards, whatever
happens to the system clock meanwhile; how far it was stepped is reported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from elastance.errors import DeviceError, DeviceLostError, ElastanceError, InputError, UnknownNameError
from elastance.measure.log_writing import COLUMNS, LogWriter, check_output
from elastance.measure.manifest import write_manifest
from elastance.measure.schedule import check_interval, ticks
from elastance.measure.trapezoid import PowerIntegral

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from elastance.devices import Clock, Device
    from elastance.measure.schedule import Wait

_STEP_S = 0.5
"""Less than this between two samples is a clock being slewed, not set."""


@dataclass
class DeviceRecording:
    """What was recorded of one device.

    Attributes:
        device: The device.
        path: Its log.
        integral: Energy, samples and gaps so far.
        missed: Samples at which the device gave no reading.
        error: Why it ended before the others; None if it did not.
    """

    device: Device
    path: Path
    integral: PowerIntegral = field(default_factory=PowerIntegral)
    missed: int = 0
    error: ElastanceError | None = None


@dataclass
class Recording:
    """What was recorded.

    Attributes:
        devices: One recording per device, in the order of the devices.
        clock_step_s: By how much the system clock was set, or the machine slept, during the recording, s.
    """

    devices: tuple[DeviceRecording, ...]
    clock_step_s: float = 0.0

    @property
    def energy_j(self) -> float:
        """Energy of all devices, J."""
        return sum(of.integral.energy_j for of in self.devices)


def record(
    devices: Sequence[Device],
    output: Path,
    *,
    wait: Wait,
    interval_s: float = 0.1,
    duration_s: float | None = None,
    columns: Sequence[str] = (),
    replace: bool = False,
    clock: Clock = time.monotonic,
    wall_clock_ns: Callable[[], int] = time.time_ns,
    on_tick: Callable[[Recording], None] | None = None,
) -> Recording:
    """Record until `duration_s` is over, `wait` says stop, or nothing is left to record.

    A device that is lost, or a file that cannot be written, ends the recording of that device only; whatever was
    recorded until then stays and can be read.

    Args:
        devices: At least one.
        output: The log; for several devices each has its own, see `recording_paths`. ``.parquet`` makes Parquet.
        wait: Waits so many seconds; True = stop now.
        interval_s: Pace, s; 0 = as fast as the devices answer.
        duration_s: For how long, s; None = until stopped.
        columns: Names from `COLUMNS` to record too.
        replace: Whether logs that are there may be overwritten.
        clock: Monotonic clock, s.
        wall_clock_ns: System clock, ns since 1970.
        on_tick: Called after every round of samples.

    Raises:
        InputError: A value is out of range, or a file cannot be written at the start.
        DeviceError: A device cannot be read at the start.
    """
    chosen = _checked(interval_s, duration_s, columns)
    paths = recording_paths(output, devices)
    for path in paths:
        check_output(path, replace=replace)
    for device in devices:
        _sample(device, chosen)  # what cannot be read at all is refused before a file is made
    recording = Recording(tuple(map(DeviceRecording, devices, paths)))
    headers = ["Power", *(COLUMNS[name].header for name in chosen)]
    writers: list[LogWriter] = []
    try:
        for of in recording.devices:
            if of.path.is_file() or not of.path.exists():  # and not a pipe
                write_manifest(of.path, of.device.info, interval_s=interval_s, columns=list(chosen))
            writers.append(LogWriter(of.path, headers))
        stamps = _Stamps(clock, wall_clock_ns)
        for _ in ticks(interval_s, clock=clock, wait=wait, duration_s=duration_s):
            for of, writer in zip(recording.devices, writers, strict=True):
                if of.error is None:
                    _add_sample(of, writer, chosen, stamps)
            recording.clock_step_s = stamps.step_s()
            if on_tick is not None:
                on_tick(recording)
            if all(of.error is not None for of in recording.devices):
                break
    finally:
        for of, writer in zip(recording.devices, writers, strict=False):  # the last may not have been opened
            try:
                writer.close()
            except ElastanceError as error:
                of.error = of.error or error
    return recording


def recording_paths(output: Path, devices: Sequence[Device]) -> list[Path]:
    """Return the log of each device: `output` for one; ``power+gpu0.csv``, ``power+gpu1.csv`` ... for several.

    The number is the driver's own, `DeviceInfo.index`; where two devices share it, the back end's name joins in.

    Raises:
        InputError: There is no device.
    """
    if not devices:
        raise InputError("there is no device to record")
    if len(devices) == 1:
        return [output]
    names = [f"{device.info.kind}{device.info.index}" for device in devices]
    if len(set(names)) < len(names):
        names = [f"{device.info.backend}-{name}" for device, name in zip(devices, names, strict=True)]
    if len(set(names)) < len(names):
        names = [f"device{number}" for number in range(len(devices))]
    return [output.with_name(f"{output.stem}+{name}{output.suffix}") for name in names]


def _checked(interval_s: float, duration_s: float | None, columns: Sequence[str]) -> tuple[str, ...]:
    check_interval(interval_s)
    if duration_s is not None and not 0.0 < duration_s < float("inf"):
        raise InputError(
            f"duration {duration_s:g} s: expected more than 0 s; leave it out to record until stopped"
        )
    for name in columns:
        if name not in COLUMNS:
            raise UnknownNameError("column", name, COLUMNS)
    return tuple(name for name in COLUMNS if name in columns)


def _sample(device: Device, columns: Sequence[str]) -> tuple[float, list[int]]:
    """Power, W, and the other columns in units of the file."""
    return device.power_w(), [COLUMNS[name].read(device) for name in columns]


def _add_sample(of: DeviceRecording, writer: LogWriter, columns: Sequence[str], stamps: _Stamps) -> None:
    time_s = stamps.clock()
    try:
        power_w, others = _sample(of.device, columns)
        writer.add(stamps.at(time_s), [round(power_w * 1e3), *others])
    except DeviceLostError as error:
        of.error = error
    except DeviceError:
        of.missed += 1
    except ElastanceError as error:
        of.error = error
    else:
        of.integral.add(time_s, power_w)


class _Stamps:
    """System time by the monotonic clock."""

    def __init__(self, clock: Clock, wall_clock_ns: Callable[[], int]) -> None:
        self.clock = clock
        self._wall_clock_ns = wall_clock_ns
        self._start_s = clock()
        self._start_ns = wall_clock_ns()
        self._ahead_s = 0.0
        self._step_s = 0.0

    def at(self, time_s: float) -> int:
        """Return the time stamp of `time_s` on the monotonic clock, ns since 1970."""
        return self._start_ns + round((time_s - self._start_s) * 1e9)

    def step_s(self) -> float:
        """Return by how much the system clock was set so far, s."""
        ahead_s = (self._wall_clock_ns() - self.at(self.clock())) / 1e9
        if abs(ahead_s - self._ahead_s) > _STEP_S:
            self._step_s += ahead_s - self._ahead_s
        self._ahead_s = ahead_s
        return self._step_s
