"""Simulated GPUs: they draw what the built-in models say, at the time a given clock tells.

A device under load u (0 to 1) and power limit p settles at ``min(idle + u (P(max) - idle), P(p))`` watts, P being the
mean power of the six public workloads at their default batch size under a limit. The temperature follows with a lag,
and, as silicon leaks more when it is warm, so does the power: from temperature T on, the device draws
``settled (1 + leakage (T(t) - T_settled))``. Between two changes of load or limit this has an integral in closed
form, so that the energy is exact whenever it is read. Noise is in the readings of power only.

Everything is a function of clock and seed: the same clock gives the same numbers. No reading costs more than a few
microseconds.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from elastance.catalog import GPUS, WORKLOADS, find_gpu
from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits
from elastance.devices.spec import DeviceOptions, split_spec
from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError, InputError
from elastance.runs import Provenance

if TYPE_CHECKING:
    from elastance.catalog import GpuType
    from elastance.devices.contract import Clock

_OPTIONS = ("load", "noise", "seed", "period", "wrap", "counter", "lost", "denied")

IDLE_POWER_W = {"v100": 35.0, "a40": 30.0, "rtx6000": 22.0, "p100": 28.0}
"""Power of an idle GPU by type, W: round figures of the size users report, fitted to nothing."""

_CLOCK_HZ = {"v100": 1380e6, "a40": 1740e6, "rtx6000": 1770e6, "p100": 1303e6}
"""Largest clock by type, Hz (the vendor's boost clock)."""

_AMBIENT_C = 28.0
_HEATING_C_PER_W = 0.2
_LAG_S = 20.0
_LEAKAGE_PER_C = 0.001
_RESOLUTION_J = 0.001
_NOISES = 4096  # different ones
_SCATTER = (
    2654435761  # an odd number near 2**32 divided by the golden ratio: neighbours in time land far apart
)
_MOST = 1024  # devices in one specification


class _Phase(NamedTuple):
    """A time in which neither load nor limit changes; `excess_c` is how much warmer than settled it began."""

    start_s: float
    energy_j: float
    settled_w: float
    excess_c: float = 0.0

    def excess_at(self, now_s: float) -> float:
        if not self.excess_c:
            return 0.0
        return self.excess_c * math.exp(-max(0.0, now_s - self.start_s) / _LAG_S)

    def temperature_at(self, now_s: float) -> float:
        return _settled_c(self.settled_w) + self.excess_at(now_s)

    def power_at(self, now_s: float) -> float:
        return self.settled_w * (1.0 + _LEAKAGE_PER_C * self.excess_at(now_s))

    def energy_at(self, now_s: float) -> float:
        energy_j = self.energy_j + self.settled_w * (now_s - self.start_s)
        if not self.excess_c:
            return energy_j
        lag_s = _LAG_S * -math.expm1(-max(0.0, now_s - self.start_s) / _LAG_S)
        return energy_j + self.settled_w * _LEAKAGE_PER_C * self.excess_c * lag_s


def _settled_c(settled_w: float) -> float:
    return _AMBIENT_C + _HEATING_C_PER_W * settled_w


class SimulatedDevice(Device):
    """One simulated GPU, settled under its load from the start.

    Args:
        gpu: Its type; power limits can be set within the range the built-in models know.
        index: Its number, from 0; every index has noise of its own.
        clock: Tells the time, s; never runs back.
        load: Share of what a training job asks of the GPU, 0 to 1; may be changed any time.
        noise: Standard deviation of a power reading, as a share of it.
        seed: Of noise and counter.
        period_s: How often counter and power reading are updated, s; 0 = at every reading.
        wraps_at_j: Where the counter begins again, J; None = never.
        counter: Whether there is an energy counter at all.
        lost_after_s: When the device disappears, s from now; None = never.
        denied: Whether setting the power limit is not allowed.

    Attributes:
        fault: What every reading raises, if anything; for tests of what reads devices.
        denied: Whether setting the power limit is not allowed.
    """

    def __init__(
        self,
        gpu: GpuType,
        index: int = 0,
        *,
        clock: Clock = time.monotonic,
        load: float = 1.0,
        noise: float = 0.01,
        seed: int = 0,
        period_s: float = 0.05,
        wraps_at_j: float | None = None,
        counter: bool = True,
        lost_after_s: float | None = None,
        denied: bool = False,
    ) -> None:
        import numpy as np

        self.info = DeviceInfo(
            f"SIM-{gpu.name}-{index}",
            f"{gpu.model} (simulated)",
            DeviceKind.GPU,
            index,
            "simulated",
            Provenance.MODEL,
        )
        self.counter = CounterInfo(_RESOLUTION_J, period_s, wraps_at_j) if counter else None
        self.fault: DeviceError | None = None
        self.denied = denied
        self._gpu = gpu
        self._clock = clock
        self._changing = threading.Lock()
        self._load = _checked_load(load)
        self._limit_w = float(gpu.max_power_w)
        self._period_s = period_s
        self._lost_at_s = math.inf if lost_after_s is None else clock() + lost_after_s
        rng = np.random.default_rng((seed, index, *gpu.name.encode()))
        noises = rng.standard_normal(_NOISES)
        self._noises: list[float] = (1.0 + noise * (noises - noises.mean())).tolist()
        self._offset_s = float(rng.random()) * period_s
        self._phases = (_Phase(clock(), 1e4 * float(rng.random()), self._settled_w()),)

    @property
    def load(self) -> float:
        """Share of what a training job asks of the GPU, 0 to 1."""
        return self._load

    @load.setter
    def load(self, load: float) -> None:
        with self._changing:
            self._load = _checked_load(load)
            self._begin_phase()

    def energy_j(self) -> float:
        """Return the counter at its last update, J."""
        updated_s = self._updated()
        if self.counter is None:
            raise self._cannot("has no energy counter")
        energy_j = math.floor(self._phase_at(updated_s).energy_at(updated_s) / _RESOLUTION_J) * _RESOLUTION_J
        return energy_j if self.counter.wraps_at_j is None else energy_j % self.counter.wraps_at_j

    def power_w(self) -> float:
        """Return the power at the last update, with noise, W."""
        updated_s = self._updated()
        noise = self._noises[(int(updated_s * 1e6) * _SCATTER >> 16) % _NOISES]
        return round(self._phase_at(updated_s).power_at(updated_s) * noise, 3)

    def true_energy_j(self) -> float:
        """Return the energy up to now as it is, J: what counter and integral are to find."""
        return self._phases[0].energy_at(self._clock())

    def power_limits(self) -> PowerLimits:
        """Return the limit and its range."""
        self._now()
        lowest, highest = self._gpu.power_limits_w[0], self._gpu.power_limits_w[-1]
        return PowerLimits(self._limit_w, float(highest), float(lowest), float(highest))

    def set_power_limit(self, power_limit_w: float) -> None:
        """Set the power limit, W.

        Raises:
            InputError: It is outside the range.
        """
        limits = self.power_limits()
        if self.denied:
            raise DevicePermissionError(
                f"{self.info.name} ({self.info.id}): no permission to set the power limit (simulated: denied=yes)"
            )
        if not limits.min_w <= power_limit_w <= limits.max_w:
            raise InputError(
                f"power limit {power_limit_w:g} W of {self.info.name} ({self.info.id}): "
                f"expected {limits.min_w:g} to {limits.max_w:g} W"
            )
        with self._changing:
            self._limit_w = float(power_limit_w)
            self._begin_phase()

    def temperature_c(self) -> float:
        """Return the temperature, °C."""
        return self._phases[0].temperature_at(self._now())

    def utilization(self) -> float:
        """Return the load."""
        self._now()
        return self._load

    def memory_bytes(self) -> tuple[int, int]:
        """Return the memory in use and in all, bytes: a job at full load fills three quarters."""
        self._now()
        total = self._gpu.memory_gib << 30
        return int(total * (0.01 + 0.74 * self._load)), total

    def clock_hz(self) -> float:
        """Return the clock, Hz: as much below its largest as the limit slows training down."""
        self._now()
        return _CLOCK_HZ[self._gpu.name] * _training(self._gpu, self._limit_w).speed

    def _now(self) -> float:
        now_s = self._clock()
        if self.fault is not None:
            raise self.fault
        if now_s >= self._lost_at_s:
            raise DeviceLostError(f"{self.info.name} ({self.info.id}) is gone (simulated: lost)")
        return now_s

    def _updated(self) -> float:
        """When counter and power were last updated."""
        now_s = self._now()
        if self._period_s == 0.0:
            return now_s
        # From the number of the update: all readings between two updates are to be equal to the last bit.
        return (now_s - self._offset_s) // self._period_s * self._period_s + self._offset_s

    def _settled_w(self) -> float:
        idle_w = IDLE_POWER_W[self._gpu.name]
        demand_w = _training(self._gpu, self._gpu.max_power_w).power_w
        allowed_w = _training(self._gpu, self._limit_w).power_w
        return min(idle_w + self._load * (demand_w - idle_w), allowed_w)

    def _phase_at(self, now_s: float) -> _Phase:
        phases = self._phases
        if phases[0].start_s <= now_s:
            return phases[0]
        return next((phase for phase in phases if phase.start_s <= now_s), phases[-1])

    def _begin_phase(self) -> None:
        now_s, last, settled_w = self._clock(), self._phases[0], self._settled_w()
        excess_c = last.temperature_at(now_s) - _settled_c(settled_w)
        phase = _Phase(now_s, last.energy_at(now_s), settled_w, excess_c)
        # Counter and power may still have to show a time before the change: one period is kept.
        kept = [earlier for earlier in self._phases if earlier.start_s > now_s - self._period_s]
        kept += self._phases[len(kept) : len(kept) + 1]
        self._phases = (phase, *(earlier for earlier in kept if earlier.start_s < now_s))


class _Training(NamedTuple):
    power_w: float
    speed: float


def _training(gpu: GpuType, power_limit_w: float) -> _Training:
    """Mean power of the public workloads under a limit, W, and their speed as a share of that without one."""
    import numpy as np

    from elastance.traces.builtin import load_models

    models = load_models()
    limits_w = np.array([power_limit_w, float(gpu.max_power_w)])
    powers_w: list[float] = []
    speeds: list[float] = []
    for workload in WORKLOADS:
        cell = models.cell(workload.name, gpu.name)
        size = max(
            (size for size in cell.batch_sizes if size <= workload.batch_size), default=cell.batch_sizes[0]
        )
        time_s, power_w = cell.predict(np.full(2, float(size)), limits_w)
        powers_w.append(float(power_w[0]))
        speeds.append(float(time_s[1] / time_s[0]))
    return _Training(sum(powers_w) / len(powers_w), min(1.0, sum(speeds) / len(speeds)))


def _checked_load(load: float) -> float:
    if not 0.0 <= load <= 1.0:
        raise InputError(f"load {load:g} of a simulated device: expected 0 to 1")
    return float(load)


def simulated_devices(spec: str, *, clock: Clock = time.monotonic) -> tuple[SimulatedDevice, ...]:
    """Return the devices that e.g. ``sim:v100x4,a40,load=0.5,noise=0.01,seed=1`` names, numbered from 0.

    Options, of all of them: ``load`` (0 to 1; 1), ``noise`` of a power reading (share; 0.01), ``seed`` (0),
    ``period`` of counter and readings (s; 0.05), ``wrap`` of the counter (J; never), ``counter`` (yes), ``denied``
    (no): setting limits is not allowed, ``lost`` (s; never): when the last of them disappears.

    Raises:
        InputError: The specification does not read so.
        UnknownNameError: No such GPU type or option.
    """
    named, given = split_spec(spec, "sim")
    options = DeviceOptions(spec, given, _OPTIONS)
    gpus = [gpu for name in named for gpu in _counted(spec, name)]
    lost_s = options.number("lost", math.inf)
    wrap_j = options.number("wrap", 0.0)
    if "wrap" in given and wrap_j <= _RESOLUTION_J:
        raise InputError(f"{spec!r}: wrap={given['wrap']}: expected joules above {_RESOLUTION_J:g}")
    return tuple(
        SimulatedDevice(
            gpu,
            index,
            clock=clock,
            load=options.number("load", 1.0, high=1.0),
            noise=options.number("noise", 0.01, high=0.3),
            seed=int(options.number("seed", 0)),
            period_s=options.number("period", 0.05),
            wraps_at_j=wrap_j or None,
            counter=options.flag("counter", True),
            lost_after_s=lost_s if index == len(gpus) - 1 and lost_s != math.inf else None,
            denied=options.flag("denied", False),
        )
        for index, gpu in enumerate(gpus)
    )


def _counted(spec: str, name: str) -> list[GpuType]:
    """Read a GPU type with how many of them, as in v100x4."""
    if any(gpu.name == name.lower() for gpu in GPUS):
        return [find_gpu(name)]
    kind, _, count = name.lower().rpartition("x")
    if not count.isdecimal() or not kind:
        return [find_gpu(name)]
    if not 1 <= int(count) <= _MOST:
        raise InputError(f"{spec!r}: {name}: expected 1 to {_MOST} devices")
    return [find_gpu(kind)] * int(count)
