"""CPU packages and their memory, through the kernel's powercap files (RAPL; Intel since Sandy Bridge, AMD since Zen).

Layout and meaning: the kernel's Documentation/power/powercap. Only packages and their memory are read: cores and
uncore are parts of a package, and the platform zone (psys) contains the packages; adding them up would count twice.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind
from elastance.devices.inventory import Candidate, Inventory
from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.devices.contract import Clock

VARIABLE = "ELASTANCE_POWERCAP"
"""Environment variable that names another directory than `POWERCAP`, e.g. the host's, mounted into a container."""

POWERCAP = Path("/sys/class/powercap")

_RESOLUTION_J = 61e-6
"""2**-14 J, the usual energy unit (Intel SDM 3B, 15.10.1); memory zones may be finer."""

_PERIOD_S = 1e-3
"""About how often the counter is updated (Intel SDM 3B, 15.10.3)."""

_SHORTEST_S = 0.02
"""A power below this interval would say more about the counter's updates than about the CPU."""


def inventory(
    *, clock: Clock = time.monotonic, root: Path | None = None, sleep: Callable[[float], None] = time.sleep
) -> Inventory:
    """Return every CPU package and memory zone; never raises.

    Args:
        clock: Monotonic clock, s; power is a difference of the counter over it.
        root: The powercap directory; default: $ELASTANCE_POWERCAP or /sys/class/powercap.
        sleep: Waits, where two readings would follow each other too closely.
    """
    root = root or Path(os.environ.get(VARIABLE) or POWERCAP)
    versions = {"kernel": platform.release()}
    zones = _zones(root)
    candidates: list[Candidate] = []
    for zone in zones:
        info = _describe(zone, len(candidates))
        if info is not None and info.id not in {candidate.info.id for candidate in candidates}:
            candidates.append(Candidate(info, partial(RaplZone, info, zone, clock=clock, sleep=sleep)))
    candidates.sort(key=lambda candidate: candidate.info.kind is DeviceKind.DRAM)
    return Inventory("rapl", tuple(candidates), None if candidates else _why_none(root), versions)


def _zones(root: Path) -> list[Path]:
    """Return the directories of all zones, packages before what is inside them.

    /sys/class/powercap lists all zones side by side, the directory it links to (/sys/devices/virtual/powercap) nests
    them under intel-rapl. The same counters read over memory-mapped registers (intel-rapl-mmio) are left out.
    """
    found: dict[Path, Path] = {}
    for pattern in ("intel-rapl:*", "intel-rapl/intel-rapl:*", "intel-rapl/intel-rapl:*/intel-rapl:*"):
        for zone in sorted(root.glob(pattern)):
            found.setdefault(zone.resolve(), zone)
    return sorted(
        found.values(), key=lambda zone: [int(part) for part in zone.name.split(":")[1:] if part.isdigit()]
    )


def _describe(zone: Path, index: int) -> DeviceInfo | None:
    """Return which device a zone is; None for zones that are part of another or contain others."""
    name = _name(zone)
    if name.startswith("package-"):
        label = name.removeprefix("package-")
        return DeviceInfo(f"rapl:{name}", f"CPU package {label}", DeviceKind.CPU, index, "rapl")
    if name != "dram":
        return None
    package = _name(zone.with_name(zone.name.rpartition(":")[0])) or _name(zone.parent)
    label = package.removeprefix("package-")
    return DeviceInfo(
        f"rapl:{package}-dram", f"memory of CPU package {label}", DeviceKind.DRAM, index, "rapl"
    )


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _why_none(root: Path) -> str:
    if not root.is_dir():
        return f"there is no {root}: this kernel has no powercap support, or a virtual machine hides it"
    if any(entry.name.startswith("intel-rapl") for entry in root.iterdir()):
        return (
            f"the zones of {root} are masked in this container: start it with -v"
            f" /sys/devices/virtual/powercap:/host/powercap:ro -e {VARIABLE}=/host/powercap"
        )
    return f"{root} lists no CPU package: `sudo modprobe intel_rapl_msr` loads the driver, where the CPU has RAPL"


class RaplZone(Device):
    """The energy counter of one CPU package, or of its memory.

    Args:
        info: Which zone.
        path: Its directory.
        clock: Monotonic clock, s.
        sleep: Waits, where two readings would follow each other too closely.

    Raises:
        DevicePermissionError: The user may not read the counter.
        DeviceLostError: It cannot be read.
    """

    power_from_counter = True

    def __init__(
        self, info: DeviceInfo, path: Path, *, clock: Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.info = info
        self._energy_file = path / "energy_uj"
        self._clock = clock
        self._sleep = sleep
        wraps_at_j = self._read(path / "max_energy_range_uj") / 1e6
        self.counter = CounterInfo(_RESOLUTION_J, _PERIOD_S, wraps_at_j)
        self._wraps_at_j = wraps_at_j
        self._guard = threading.Lock()
        self._last = (clock(), self.energy_j())
        self._last_power_w: float | None = None

    def energy_j(self) -> float:
        """Return the counter, J; it wraps at `CounterInfo.wraps_at_j`, within minutes on a large busy CPU."""
        return self._read(self._energy_file) / 1e6

    def power_w(self) -> float:
        """Return the mean power since the previous call, W; waits 20 ms if there was none long enough ago."""
        with self._guard:
            before_s, before_j = self._last
            if self._clock() - before_s < _SHORTEST_S:
                if self._last_power_w is not None:
                    return self._last_power_w
                self._sleep(_SHORTEST_S)
            now_s, now_j = self._clock(), self.energy_j()
            if now_s <= before_s:
                raise DeviceError(f"{self.info.name}: the clock did not advance between two readings")
            used_j = now_j - before_j if now_j >= before_j else now_j - before_j + self._wraps_at_j
            self._last = (now_s, now_j)
            self._last_power_w = used_j / (now_s - before_s)
            return self._last_power_w

    def _read(self, path: Path) -> int:
        what = f"{self.info.name} ({self.info.id})"
        try:
            text = path.read_text("ascii")
        except PermissionError:
            raise DevicePermissionError(
                f"{what}: no permission to read {path} (root only since Linux 5.10, as it can leak secrets):"
                f" `sudo chmod a+r {path.parent}/energy_uj` grants it until the next boot, a udev rule for good"
            ) from None
        except OSError as error:
            raise DeviceLostError(f"{what}: {path} cannot be read: {error.strerror}") from None
        try:
            return int(text)
        except ValueError:
            raise DeviceLostError(
                f"{what}: {path} holds {text!r:.40}, expected a whole number of microjoules"
            ) from None
