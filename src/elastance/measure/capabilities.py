"""What a device can tell, by asking it everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import DeviceError
from elastance.measure.limits import limit_holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.devices import Device


class Capability(NamedTuple):
    """One thing a device may be able to tell or do.

    Attributes:
        name: Which: ``counter``, ``power``, ``power_limit``, ``set_power_limit``, ``temperature``, ``utilization``,
            ``memory`` or ``clock``.
        unit: Unit of the value; empty for a share or where there is none.
        value: What it says now; None if it cannot, or if there is nothing to say.
        problem: Why it cannot; None if it can.
    """

    name: str
    unit: str
    value: float | None
    problem: str | None

    @property
    def works(self) -> bool:
        """Whether the device can do it."""
        return self.problem is None


def probe_capabilities(device: Device) -> dict[str, Capability]:
    """Ask a device everything once.

    Whether its limit can be set is tried out by setting it to what it is, which changes nothing, unless a process
    holds the limit.

    Args:
        device: An open device.

    Returns:
        Capabilities by name.
    """

    def set_to_what_it_is() -> None:
        holder = limit_holder(device)
        if holder is not None:
            raise DeviceError(f"not tried: process {holder} holds the limit")
        device.set_power_limit(device.power_limits().current_w)

    probes: dict[str, tuple[str, Callable[[], float | None]]] = {
        "counter": ("J", device.energy_j),
        "power": ("W", device.power_w),
        "power_limit": ("W", lambda: device.power_limits().current_w),
        "set_power_limit": ("", set_to_what_it_is),
        "temperature": ("°C", device.temperature_c),
        "utilization": ("", device.utilization),
        "memory": ("bytes", lambda: float(device.memory_bytes()[0])),
        "clock": ("Hz", device.clock_hz),
    }
    found = {name: _probe(name, unit, ask) for name, (unit, ask) in probes.items()}
    if device.counter is None and device.no_counter_because is not None:
        found["counter"] = Capability("counter", "J", None, device.no_counter_because)
    return found


def _probe(name: str, unit: str, ask: Callable[[], float | None]) -> Capability:
    try:
        return Capability(name, unit, ask(), None)
    except DeviceError as error:
        return Capability(name, unit, None, str(error))
