"""What a window measured, and how far it can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elastance.devices import DeviceInfo
    from elastance.runs import Provenance


class EnergyProvenance(NamedTuple):
    """Where an energy comes from. The model of uncertainty is in `elastance.measure.sources`.

    Attributes:
        source: ``COUNTER``, ``INTEGRAL`` or ``ESTIMATE`` for hardware; ``MODEL`` or ``REPLAY`` for a device that is
            simulated or replayed.
        method: How it was found, for those too: ``COUNTER``, ``INTEGRAL`` or ``ESTIMATE``.
        samples: Readings of the device within the window, both edges included.
        max_gap_s: Longest time between two samples of an integral, s; None for a counter, which loses nothing between
            two readings.
        resolution_j: Smallest step of the counter, J; None without one.
        uncertainty_j: Bound on the error, J; None if nothing can be said.
        wraps: How often the counter began again within the window; the energy takes that into account.
    """

    source: Provenance
    method: Provenance
    samples: int
    max_gap_s: float | None
    resolution_j: float | None
    uncertainty_j: float | None
    wraps: int = 0


class DeviceEnergy(NamedTuple):
    """The energy of one device within a window.

    Attributes:
        device: Which device.
        energy_j: Energy, J; None, never 0, if there is no reading.
        time_s: The time this energy was consumed in, s: shorter than the window if the device could not be read at an
            edge.
        provenance: Where the energy comes from.
        problem: Why the energy is missing or that of a part of the window only; None if it is complete.
        notes: What else a reader should know.
    """

    device: DeviceInfo
    energy_j: float | None
    time_s: float
    provenance: EnergyProvenance
    problem: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def mean_power_w(self) -> float | None:
        """Mean power, W; None without a reading or without time."""
        return self.energy_j / self.time_s if self.energy_j is not None and self.time_s > 0.0 else None


class Measurement(NamedTuple):
    """What a window measured.

    Attributes:
        name: Name of the window.
        time_s: Its duration, s.
        devices: Every device of the meter.
    """

    name: str
    time_s: float
    devices: tuple[DeviceEnergy, ...]

    @property
    def energy_j(self) -> float | None:
        """Energy of all devices that gave a reading, J; None, never 0, if none did."""
        known = [device.energy_j for device in self.devices if device.energy_j is not None]
        return sum(known) if known else None

    @property
    def mean_power_w(self) -> float | None:
        """Mean power of all devices together, W; None without a reading or without time."""
        energy_j = self.energy_j
        return energy_j / self.time_s if energy_j is not None and self.time_s > 0.0 else None

    @property
    def uncertainty_j(self) -> float | None:
        """Bound on the error of the energy, J: the sum of the devices'; None if one of them has none."""
        bounds = [device.provenance.uncertainty_j for device in self.devices if device.energy_j is not None]
        known = [bound for bound in bounds if bound is not None]
        return sum(known) if known and len(known) == len(bounds) else None

    @property
    def complete(self) -> bool:
        """Whether every device was read over the whole window."""
        return all(device.problem is None for device in self.devices)
