"""What one back end found: the devices it could open, those it must refuse, and why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elastance.devices.contract import Device, DeviceInfo
    from elastance.errors import DeviceError


@dataclass(frozen=True)
class Candidate:
    """A device that a driver lists; it holds nothing until it is opened.

    Attributes:
        info: Which device it is.
        open: Opens it; raises a `DeviceError` if that fails.
        refusal: Why its energy cannot be told, e.g. because it is partitioned; None if it can.
    """

    info: DeviceInfo
    open: Callable[[], Device]
    refusal: DeviceError | None = None

    def opened(self) -> Device:
        """Return the device, ready to be read.

        Raises:
            DeviceError: It is refused, or does not answer.
        """
        if self.refusal is not None:
            raise self.refusal
        return self.open()


@dataclass(frozen=True)
class Inventory:
    """Everything one back end sees.

    Attributes:
        backend: ``"nvidia"``, ``"amd"`` or ``"rapl"``.
        candidates: Its devices, in the driver's order.
        absence: Why there are none; None if there are.
        versions: Versions of its driver and library, by name.
    """

    backend: str
    candidates: tuple[Candidate, ...] = ()
    absence: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
