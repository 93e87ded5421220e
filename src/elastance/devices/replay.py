"""Recorded devices: a power log plays from its start, again and again; a profile answers under any limit it knows."""

from __future__ import annotations

import bisect
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits
from elastance.devices.recordings import PowerSamples, read_recording
from elastance.devices.spec import DeviceOptions
from elastance.errors import DeviceLostError, InputError
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices.contract import Clock

_RESOLUTION_J = 0.001


class ReplayedLog(Device):
    """A device that draws what a power log recorded, straight between two samples; it has no counter.

    Args:
        name: What it is called: the name of the file.
        samples: The log.
        clock: Tells the time, s.
        loop: Whether the log begins again at its end; otherwise the device is lost there.
    """

    def __init__(
        self, name: str, samples: PowerSamples, *, clock: Clock = time.monotonic, loop: bool = True
    ) -> None:
        self.info = _info(f"REPLAY-{name}", name, 0)
        self._samples = samples
        self._clock = clock
        self._loop = loop
        self._start_s = clock()

    def power_w(self) -> float:
        """Return the recorded power, W."""
        times_s, powers_w = self._samples
        at_s = self._clock() - self._start_s
        if at_s > times_s[-1]:
            if not self._loop:
                raise DeviceLostError(f"{self.info.name}: the recording ended after {times_s[-1]:g} s")
            at_s = math.fmod(at_s, times_s[-1])
        return _between(times_s, powers_w, at_s)


class ReplayedGpu(Device):
    """A GPU of a power-limit profile: always in the recorded job, at the mean power measured under the limit set.

    Between two recorded limits the power lies on the straight line between theirs. The counter is exact to 1 mJ.

    Args:
        name: What it is called: the name of the file.
        gpu: Its number in the recording.
        limits_w: The recorded limits, W, ascending.
        powers_w: The mean power under each, W.
        clock: Tells the time, s.
    """

    def __init__(
        self,
        name: str,
        gpu: int,
        limits_w: Sequence[float],
        powers_w: Sequence[float],
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self.info = _info(f"REPLAY-{name}-{gpu}", f"{name}, GPU {gpu}", gpu)
        self.counter = CounterInfo(_RESOLUTION_J, 0.0)
        self._limits_w = limits_w
        self._powers_w = powers_w
        self._clock = clock
        self._changing = threading.Lock()
        # Since when, the energy until then, the power from then on, the limit: always replaced together.
        self._state = (clock(), 0.0, powers_w[-1], limits_w[-1])

    def energy_j(self) -> float:
        """Return the energy since the device was opened, J."""
        since_s, energy_j, power_w, _ = self._state
        energy_j += power_w * (self._clock() - since_s)
        return math.floor(energy_j / _RESOLUTION_J) * _RESOLUTION_J

    def power_w(self) -> float:
        """Return the mean power recorded under the limit, W."""
        return self._state[2]

    def power_limits(self) -> PowerLimits:
        """Return the limit and the range of the recorded ones."""
        return PowerLimits(self._state[3], self._limits_w[-1], self._limits_w[0], self._limits_w[-1])

    def set_power_limit(self, power_limit_w: float) -> None:
        """Set the power limit, W.

        Raises:
            InputError: It is outside the range of the recorded ones.
        """
        low, high = self._limits_w[0], self._limits_w[-1]
        if not low <= power_limit_w <= high:
            raise InputError(
                f"power limit {power_limit_w:g} W of {self.info.name}: expected {low:g} to {high:g} W, as recorded"
            )
        with self._changing:
            now_s = self._clock()
            since_s, energy_j, power_w, _ = self._state
            energy_j += power_w * (now_s - since_s)
            settled_w = _between(self._limits_w, self._powers_w, power_limit_w)
            self._state = (now_s, energy_j, settled_w, float(power_limit_w))


def replay_devices(spec: str, *, clock: Clock = time.monotonic) -> tuple[Device, ...]:
    """Return the devices that ``replay:FILE`` or ``replay:FILE,loop=no`` names.

    A power log is one device, which begins again at its end (``loop=no``: is lost there); a power-limit profile is
    one per GPU. The recording starts to play now.

    Raises:
        InputError: The file cannot be replayed, or an option is not known.
    """
    kind, _, rest = spec.partition(":")
    parts = rest.split(",")
    while len(parts) > 1 and "=" in parts[-1]:  # names of profiles have commas in them
        parts.pop()
    name = ",".join(parts)
    if kind != "replay" or not name:
        raise InputError(f"devices {spec!r}: expected replay:FILE")
    given = dict(option.split("=", 1) for option in rest[len(name) + 1 :].split(",") if option)
    loop = DeviceOptions(spec, given, ("loop",)).flag("loop", True)
    path = Path(name).expanduser()
    recording = read_recording(path)
    if isinstance(recording, PowerSamples):
        return (ReplayedLog(path.stem, recording, clock=clock, loop=loop),)
    return tuple(
        ReplayedGpu(path.stem, gpu, recording.limits_w, powers_w, clock=clock)
        for gpu, powers_w in recording.powers_w.items()
    )


def _info(identity: str, name: str, index: int) -> DeviceInfo:
    return DeviceInfo(identity, f"{name} (replayed)", DeviceKind.GPU, index, "replay", Provenance.REPLAY)


def _between(at: Sequence[float], values: Sequence[float], x: float) -> float:
    """Interpolate linearly; flat beyond the ends."""
    right = bisect.bisect_left(at, x)
    if right == 0:
        return values[0]
    if right == len(at):
        return values[-1]
    share = (x - at[right - 1]) / (at[right] - at[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])
