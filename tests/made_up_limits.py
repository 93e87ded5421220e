"""A device whose power limit outlives the process that set it, as that of hardware does: it is kept in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.devices import Device, DeviceInfo, DeviceKind, PowerLimits

if TYPE_CHECKING:
    from pathlib import Path

    from elastance.errors import DeviceError


class LimitedDevice(Device):
    """100 to 300 W; `fault` is raised by what sets the limit."""

    def __init__(self, file: Path, name: str = "GPU-made-up") -> None:
        self.info = DeviceInfo(name, "Made Up 300", DeviceKind.GPU, 0, "made-up")
        self.file = file
        self.fault: DeviceError | None = None
        if not file.exists():
            file.write_text("250.0")

    @property
    def limit_w(self) -> float:
        return float(self.file.read_text())

    def power_w(self) -> float:
        return 99.0

    def power_limits(self) -> PowerLimits:
        return PowerLimits(self.limit_w, 300.0, 100.0, 300.0)

    def set_power_limit(self, power_limit_w: float) -> None:
        if self.fault is not None:
            raise self.fault
        self.file.write_text(str(power_limit_w))
