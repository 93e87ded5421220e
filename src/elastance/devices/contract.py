"""The contract of a device that can say what it consumes.

A back end implements what its hardware has; everything else raises `NotSupportedError`, never returns zero. SI units
only: millijoules and milliwatts end where a back end begins.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import NotSupportedError

if TYPE_CHECKING:
    from elastance.runs import Provenance

Clock = Callable[[], float]
"""A monotonic clock, s; what a test replaces."""


class DeviceKind(StrEnum):
    """What consumes the energy."""

    GPU = "gpu"
    CPU = "cpu"
    """One CPU package."""
    DRAM = "dram"
    """The memory of one CPU package."""


@dataclass(frozen=True)
class DeviceInfo:
    """Which device this is.

    Attributes:
        id: Identity that survives a reboot and any order of enumeration: the UUID of a GPU.
        name: The vendor's product name.
        kind: What it is.
        index: The driver's own number, from 0.
        backend: What reads it: ``"nvidia"``, ``"amd"``, ``"rapl"``, ``"simulated"``, ``"replay"``.
        provenance: ``MODEL`` for a simulated device, ``REPLAY`` for a recording; None for real hardware.
    """

    id: str
    name: str
    kind: DeviceKind
    index: int
    backend: str
    provenance: Provenance | None = None


class CounterInfo(NamedTuple):
    """How far an energy counter can be trusted.

    Attributes:
        resolution_j: Its smallest step, J.
        period_s: How often it is updated, s; None if unknown.
        wraps_at_j: Where it begins again at zero, J; None if it does not.
    """

    resolution_j: float
    period_s: float | None = None
    wraps_at_j: float | None = None


class PowerLimits(NamedTuple):
    """The power limit of a device and what it may be set to, all in W.

    Attributes:
        current_w: Limit now.
        default_w: Limit after a reset.
        min_w, max_w: Range of what can be set.
    """

    current_w: float
    default_w: float
    min_w: float
    max_w: float


class Device(ABC):
    """A device that consumes energy and says how much.

    Every method may raise a `DeviceError`: `NotSupportedError` if the device cannot tell, `DevicePermissionError` if
    the user may not ask, `DeviceLostError` if it is gone. They are safe to call from several threads.

    Attributes:
        info: Which device this is.
        counter: Properties of its energy counter; None if it has none and its power must be polled.
        no_counter_because: Why there is no counter, where the reason is known.
        power_from_counter: Whether `power_w` is a difference of the counter, so that one cannot check the other.
    """

    info: DeviceInfo
    counter: CounterInfo | None = None
    no_counter_because: str | None = None
    power_from_counter: bool = False

    def energy_j(self) -> float:
        """Return the energy counter, J; it counts from an arbitrary origin and may wrap."""
        raise self._cannot("has no energy counter")

    @abstractmethod
    def power_w(self) -> float:
        """Return the power drawn now, W."""

    def power_limits(self) -> PowerLimits:
        """Return the power limit and its range."""
        raise self._cannot("has no power limit")

    def set_power_limit(self, power_limit_w: float) -> None:
        """Set the power limit, W; callers use `elastance.measure`, which restores it."""
        raise self._cannot("has no power limit that could be set")

    def temperature_c(self) -> float:
        """Return the temperature, °C."""
        raise self._cannot("does not tell its temperature")

    def utilization(self) -> float:
        """Return the share of the time it was busy lately, 0 to 1."""
        raise self._cannot("does not tell how busy it is")

    def memory_bytes(self) -> tuple[int, int]:
        """Return the memory in use and in all, bytes."""
        raise self._cannot("does not tell its memory use")

    def clock_hz(self) -> float:
        """Return the clock of its compute units, Hz."""
        raise self._cannot("does not tell its clock")

    def close(self) -> None:  # noqa: B027 (most have nothing to let go)
        """Let go of what the device holds; it is not used afterwards."""

    def _cannot(self, what: str) -> NotSupportedError:
        return NotSupportedError(f"{self.info.name} ({self.info.id}) {what}")
