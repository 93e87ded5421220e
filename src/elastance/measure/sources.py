"""How one device's readings become the energy of every window that is open over it.

A source reads its device at both edges of each window and, by the sampler, in between. Every reading adds the energy
since the last one to all open windows, so that windows may nest and overlap and cost nothing beyond their edges.

**Uncertainty** is a bound, not a standard deviation:

- Counter: ``resolution + period * power``, as at each edge the counter is up to one update period old. Power is
  ``energy / (time - period)``, the most it can have been; below two periods a reading at the end if that is larger. A
  period nobody knows counts as 0.1 s.
- Integral: between two samples the power may have jumped any time, ``gap * |difference| / 2``. In a gap longer than
  three intervals, and in a window with no sample inside, nothing is known: all energy counted there is uncertain.
- Estimate (power at the end times duration): all of it.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import DeviceError
from elastance.measure.measurement import DeviceEnergy, EnergyProvenance
from elastance.measure.trapezoid import trapezoid_j
from elastance.runs import Provenance

if TYPE_CHECKING:
    from elastance.devices import Clock, CounterInfo, Device

ASSUMED_PERIOD_S = 0.1
"""Update period of a counter or power reading that does not tell its own, s."""

_CHECKPOINT_S = 1.0  # how much of a window a device that disappears may take with it
_PLAUSIBLE_W = 2000.0  # no device draws more; says how soon a counter can wrap
_LONG_GAP = 3  # intervals
_SHORT_WINDOW = 2  # periods

_log = logging.getLogger(__name__)


class Step(NamedTuple):
    """What happened between two readings of a device.

    Attributes:
        energy_j: Energy consumed, J; None if the two do not tell.
        uncertainty_j: Bound on its error, J, where that grows with every step.
        wrapped: Whether the counter began again.
        problem: Why the two do not tell.
    """

    energy_j: float | None
    uncertainty_j: float = 0.0
    wrapped: bool = False
    problem: str | None = None


class Track:
    """What one window has seen of one device so far."""

    __slots__ = (
        "began_s",
        "energy_j",
        "failure",
        "first_s",
        "last_s",
        "max_gap_s",
        "problem",
        "samples",
        "uncertainty_j",
        "wraps",
    )

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.first_s: float | None = None
        self.last_s = began_s
        self.energy_j = 0.0
        self.uncertainty_j = 0.0
        self.samples = 0
        self.wraps = 0
        self.max_gap_s = 0.0
        self.problem: str | None = None
        self.failure: str | None = None

    def add(self, now_s: float, step: Step | None) -> None:
        """Take in a reading and, unless it is the first, what happened since the last one."""
        if self.first_s is None or step is None:
            self.first_s = now_s
        else:
            gap_s = now_s - self.last_s
            if gap_s > self.max_gap_s:
                self.max_gap_s = gap_s
            self.energy_j += step.energy_j or 0.0
            self.uncertainty_j += step.uncertainty_j
            self.wraps += step.wrapped
            self.problem = self.problem or step.problem
        self.last_s = now_s
        self.samples += 1
        self.failure = None


class EnergySource(ABC):
    """One device, read for all open windows. Not safe to call from several threads at once: its meter sees to that.

    Args:
        device: The device.
        clock: Tells the time, s.

    Attributes:
        cadence_s: How often the device should be read while a window is open, s.
        due_s: When it should be read next.
        failure: Why the last reading failed; None if it did not.
    """

    method: Provenance

    def __init__(self, device: Device, clock: Clock, cadence_s: float) -> None:
        self.device = device
        self.cadence_s = cadence_s
        self.due_s = 0.0
        self.failure: str | None = None
        self._info = device.info
        self._made_by = device.info.provenance
        self._resolution_j = device.counter.resolution_j if device.counter is not None else None
        self._clock = clock
        self._last_s = 0.0
        self._last_value: float | None = None
        self._open: list[Track] = []
        self._warned = False

    def begin(self) -> Track:
        """Begin a window: read the device."""
        self.sample()
        if self.failure is None:
            track = Track(self._last_s)
            track.add(self._last_s, None)
        else:
            track = Track(self._clock())
            track.failure = self.failure
        self._open.append(track)
        return track

    def end(self, track: Track, *, estimate: bool) -> DeviceEnergy:
        """End a window: read the device and say what the window measured."""
        self.sample()
        self.cancel(track)
        return self._result(track, estimate=estimate)

    def cancel(self, track: Track) -> None:
        """Forget a window."""
        self._open.remove(track)

    def sample(self) -> None:
        """Read the device for all open windows; a failure is remembered, not raised."""
        now_s = self._clock()
        self.due_s = now_s + self.cadence_s
        try:
            value = self._read()
        except Exception as error:  # whatever a back end raises, a training run must survive it
            self.failure = (
                str(error) if isinstance(error, DeviceError) else f"{type(error).__name__}: {error}"
            )
            if not self._warned:
                _log.warning("%s; what it consumes meanwhile is missing", self.failure)
                self._warned = True
            for track in self._open:
                track.failure = self.failure
            return
        self.failure = None
        if self._open:
            step = self._since(self._last_s, self._last_value, now_s, value)
            for track in self._open:
                track.add(now_s, step)
        self._last_s, self._last_value = now_s, value

    def _since(self, before_s: float, before: float | None, now_s: float, now: float) -> Step | None:
        if before is None:
            return None
        step = self._step(now_s - before_s, before, now)
        if now_s < before_s:
            return step._replace(
                problem=f"the clock ran back by {before_s - now_s:g} s; it must be monotonic"
            )
        return step

    @abstractmethod
    def _read(self) -> float:
        """Read the device."""

    @abstractmethod
    def _step(self, elapsed_s: float, before: float, now: float) -> Step:
        """Say what happened between two readings."""

    @abstractmethod
    def _doubt(self, track: Track, time_s: float) -> tuple[float | None, list[str]]:
        """Return the uncertainty of a window, J, and what a reader should know."""

    def _result(self, track: Track, *, estimate: bool) -> DeviceEnergy:
        if track.first_s is None or (track.samples == 1 and track.failure is not None):
            return self._no_reading(track)
        time_s = max(0.0, track.last_s - track.first_s)
        uncertainty_j, notes = self._doubt(track, time_s)
        problem = track.problem
        if track.failure is not None:
            problem = f"read for the first {time_s:.3g} s only: {track.failure}"
        elif track.first_s > track.began_s:
            problem = problem or f"read for the last {time_s:.3g} s only"
        energy_j, method = track.energy_j, self.method
        if estimate and problem is None and self._too_short(time_s, energy_j):
            power_w = self._power_w()
            if power_w is not None:
                energy_j = uncertainty_j = power_w * time_s
                method = Provenance.ESTIMATE
                notes = ["estimated: power at the end times duration"]
        if energy_j == 0.0 and self.method is Provenance.COUNTER:  # no device draws nothing
            problem = problem or f"no reading: the counter did not move in {time_s:.3g} s"
            return self._energy(track, None, time_s, method, None, problem, tuple(notes))
        return self._energy(track, energy_j, time_s, method, uncertainty_j, problem, tuple(notes))

    def _no_reading(self, track: Track) -> DeviceEnergy:
        return self._energy(track, None, 0.0, self.method, None, f"no reading: {track.failure}")

    def _energy(
        self,
        track: Track,
        energy_j: float | None,
        time_s: float,
        method: Provenance,
        uncertainty_j: float | None,
        problem: str | None,
        notes: tuple[str, ...] = (),
    ) -> DeviceEnergy:
        max_gap_s = track.max_gap_s if self.method is Provenance.INTEGRAL else None
        provenance = EnergyProvenance(
            self._made_by or method,
            method,
            track.samples,
            max_gap_s,
            self._resolution_j,
            uncertainty_j,
            track.wraps,
        )
        return DeviceEnergy(self._info, energy_j, time_s, provenance, problem, tuple(notes))

    def _too_short(self, time_s: float, energy_j: float) -> bool:
        return False

    def _power_w(self) -> float | None:
        try:
            return self.device.power_w()
        except Exception:  # it only bounds an uncertainty: without it there is none
            return None


class CounterSource(EnergySource):
    """Differences of an energy counter, which may wrap; read now and then so that no wrap is missed."""

    method = Provenance.COUNTER

    def __init__(self, device: Device, counter: CounterInfo, clock: Clock, interval_s: float) -> None:
        wraps_at_j = counter.wraps_at_j
        soonest_s = _CHECKPOINT_S if wraps_at_j is None else wraps_at_j / _PLAUSIBLE_W / 2.0
        super().__init__(device, clock, max(interval_s, min(_CHECKPOINT_S, soonest_s)))
        self._counter = counter
        self._period_s = ASSUMED_PERIOD_S if counter.period_s is None else counter.period_s
        self._short_note = f"shorter than the counter's update period, {self._period_s:g} s"

    def _read(self) -> float:
        return self.device.energy_j()

    def _step(self, elapsed_s: float, before: float, now: float) -> Step:
        if now >= before:
            return Step(now - before)
        if self._counter.wraps_at_j is None:
            return Step(
                None, problem=f"the counter fell from {before:g} J to {now:g} J: was the driver reloaded?"
            )
        return Step(now - before + self._counter.wraps_at_j, wrapped=True)

    def _doubt(self, track: Track, time_s: float) -> tuple[float | None, list[str]]:
        notes: list[str] = []
        if track.wraps:
            notes.append(f"the counter began again {track.wraps} time(s)")
        wraps_at_j = self._counter.wraps_at_j
        if wraps_at_j is not None and track.max_gap_s > wraps_at_j / _PLAUSIBLE_W:
            notes.append(
                f"the counter was not read for {track.max_gap_s:.3g} s and may have begun again unnoticed"
            )
        power_w = track.energy_j / (time_s - self._period_s) if time_s > self._period_s else None
        if time_s < _SHORT_WINDOW * self._period_s:
            reading_w = self._power_w()
            power_w = max((w for w in (power_w, reading_w) if w is not None), default=None)
        if time_s < self._period_s:
            notes.append(self._short_note)
        if power_w is None:
            return None, notes
        return self._counter.resolution_j + self._period_s * power_w, notes

    def _too_short(self, time_s: float, energy_j: float) -> bool:
        return time_s < self._period_s or energy_j == 0.0


class IntegralSource(EnergySource):
    """Polled power, integrated by trapezoids."""

    method = Provenance.INTEGRAL

    def __init__(self, device: Device, clock: Clock, interval_s: float) -> None:
        super().__init__(device, clock, interval_s)

    def _read(self) -> float:
        return self.device.power_w()

    def _step(self, elapsed_s: float, before: float, now: float) -> Step:
        energy_j = trapezoid_j(max(0.0, elapsed_s), before, now)
        if elapsed_s > _LONG_GAP * self.cadence_s:
            return Step(energy_j, energy_j)
        return Step(energy_j, max(0.0, elapsed_s) * abs(now - before) / 2.0)

    def _doubt(self, track: Track, time_s: float) -> tuple[float | None, list[str]]:
        if track.samples <= 2:
            return track.energy_j, ["no sample between its edges"]
        if track.max_gap_s > _LONG_GAP * self.cadence_s:
            return track.uncertainty_j, [f"no sample for {track.max_gap_s:.3g} s"]
        return track.uncertainty_j, []


def make_source(device: Device, clock: Clock, interval_s: float) -> EnergySource:
    """Return the best source a device has: its counter, else its power every `interval_s` seconds."""
    if device.counter is None:
        return IntegralSource(device, clock, interval_s)
    return CounterSource(device, device.counter, clock, interval_s)
