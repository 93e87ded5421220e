"""AMD GPUs, through AMD SMI (amdsmi, part of ROCm 6.3 and later).

AMD SMI speaks counts of microjoules, whole watts for power and microwatts for caps; they end here. It is not
reference-counted: the first GPU opened initialises it, the last one closed shuts it down.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from elastance.devices.amdsmi_binding import (
    AMDSMI_MISSING,
    AmdSmi,
    AmdSmiUnusableError,
    call,
    load_amdsmi,
    number,
)
from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits
from elastance.devices.inventory import Candidate, Inventory
from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.devices.contract import Clock

_CHECK_S = 0.25
"""How long the energy counter is watched before it is believed."""

_PLAUSIBLE = (0.2, 5.0)
"""Energy counted over that time, as a multiple of the power drawn: a counter outside is wrong, not just coarse."""

_PERIOD_S = 1e-3
"""How often the firmware updates the counter, about."""

_WHOLE = ("SPX", "N/A", "")
"""Compute partitions in which a device is a whole GPU."""

_users = 0
_guard = threading.Lock()


def inventory(*, clock: Clock = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Inventory:
    """Return every AMD GPU that the driver lists; never raises.

    Args:
        clock: Monotonic clock, s; the counter is checked over it where the driver gives no timestamps.
        sleep: Waits while the counter is checked.
    """
    try:
        smi = load_amdsmi()
    except ImportError:
        return Inventory("amd", absence=AMDSMI_MISSING)
    except AmdSmiUnusableError as error:
        return Inventory("amd", absence=str(error))
    versions = {"amdsmi": str(getattr(smi, "__version__", "unknown"))}
    try:
        _acquire(smi)
    except DeviceError as error:
        return Inventory("amd", absence=str(error), versions=versions)
    try:
        handles = call(smi, "the AMD driver", smi.amdsmi_get_processor_handles)
        candidates = tuple(
            _candidate(smi, index, handle, clock, sleep) for index, handle in enumerate(handles)
        )
        if handles:
            with suppress(smi.AmdSmiException):
                versions["AMD driver"] = str(smi.amdsmi_get_gpu_driver_info(handles[0])["driver_version"])
    except DeviceError as error:
        return Inventory("amd", absence=str(error), versions=versions)
    finally:
        _release(smi)
    return Inventory("amd", candidates, None if candidates else "the driver lists no GPU", versions)


def _acquire(smi: AmdSmi) -> None:
    global _users
    with _guard:
        if not _users:
            call(smi, "the AMD driver", smi.amdsmi_init)
        _users += 1


def _release(smi: AmdSmi) -> None:
    global _users
    with _guard:
        _users -= 1
        if not _users:
            with suppress(smi.AmdSmiException):
                smi.amdsmi_shut_down()


def _candidate(
    smi: AmdSmi, index: int, handle: object, clock: Clock, sleep: Callable[[float], None]
) -> Candidate:
    info = DeviceInfo(f"amd:{index}", "AMD GPU", DeviceKind.GPU, index, "amd")
    try:
        uuid = str(call(smi, f"AMD GPU {index}", smi.amdsmi_get_gpu_device_uuid, handle))
        name = str(call(smi, f"AMD GPU {index}", smi.amdsmi_get_gpu_asic_info, handle)["market_name"])
    except DeviceError as error:
        return Candidate(info, partial(AmdGpu, info, clock=clock, sleep=sleep), refusal=error)
    # HIP names GPUs as ROCm does, with the prefix; AMD SMI leaves it out.
    identity = uuid if uuid.upper().startswith("GPU-") else f"GPU-{uuid}"
    info = DeviceInfo(identity, name, DeviceKind.GPU, index, "amd")
    return Candidate(info, partial(AmdGpu, info, clock=clock, sleep=sleep), _partitioned(smi, handle, info))


def _partitioned(smi: AmdSmi, handle: object, info: DeviceInfo) -> NotSupportedError | None:
    try:
        mode = str(smi.amdsmi_get_gpu_compute_partition(handle))
    except smi.AmdSmiException:  # a GPU that knows no partitions
        return None
    if mode in _WHOLE:
        return None
    return NotSupportedError(
        f"{info.name} ({info.id}) is partitioned ({mode}): the driver counts energy for whole GPUs, not for parts of"
        f" them; join it (sudo amd-smi set -g {info.index} -C SPX) or choose another GPU with --devices"
    )


class AmdGpu(Device):
    """One AMD GPU, known by its UUID.

    Opening one takes a quarter of a second: its energy counter is believed only if it moves as its power says.

    Args:
        info: Which GPU.
        clock: Monotonic clock, s.
        sleep: Waits while the counter is checked.

    Raises:
        DeviceError: The library is missing, or the GPU does not answer.
    """

    def __init__(
        self, info: DeviceInfo, *, clock: Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.info = info
        self._what = f"{info.name} ({info.id})"
        try:
            self._smi = load_amdsmi()
        except (ImportError, AmdSmiUnusableError) as error:
            raise DeviceLostError(f"{self._what}: {error}") from None
        _acquire(self._smi)
        self._held = True
        try:
            self._handle = self._find_handle()
            self.no_counter_because = self._counter_fault(clock, sleep)
        except BaseException:
            self.close()
            raise
        if self.no_counter_because is None:
            self.counter = CounterInfo(resolution_j=self._read_counter()[1] / 1e6, period_s=_PERIOD_S)

    def energy_j(self) -> float:
        """Return the energy counter, J."""
        if self.counter is None:
            return super().energy_j()
        counts, resolution_uj, _ = self._read_counter()
        return counts * resolution_uj / 1e6

    def power_w(self) -> float:
        """Return the power of the socket, W: the present one where the GPU tells it, else its running mean."""
        power = self._call(self._smi.amdsmi_get_power_info, self._handle)
        # Generations differ in which field they fill; "N/A" and 0 stand for "not this one" (a GPU never draws 0 W).
        for field in ("socket_power", "current_socket_power", "average_socket_power"):
            power_w = number(power.get(field))
            if power_w:
                return power_w
        raise self._cannot("does not tell its power")

    def power_limits(self) -> PowerLimits:
        """Return the power cap and its range."""
        cap = self._call(self._smi.amdsmi_get_power_cap_info, self._handle)
        fields = ("power_cap", "default_power_cap", "min_power_cap", "max_power_cap")
        watts = [number(cap.get(field)) for field in fields]
        if watts[0] is None or watts[3] is None:
            raise self._cannot("has no power limit")
        current, default, lowest, highest = (None if one is None else one / 1e6 for one in watts)
        assert current is not None
        assert highest is not None
        return PowerLimits(current, default or highest, lowest or 0.0, highest)

    def set_power_limit(self, power_limit_w: float) -> None:
        """Set the power cap, W; needs root."""
        try:
            self._call(self._smi.amdsmi_set_power_cap, self._handle, 0, round(power_limit_w * 1e6))
        except DevicePermissionError:
            raise DevicePermissionError(
                f"setting the power limit of {self._what} needs root: run under sudo, or let an administrator run"
                f" `sudo amd-smi set -g {self.info.index} -o {power_limit_w:.0f}`"
            ) from None

    def temperature_c(self) -> float:
        """Return the temperature of the hottest spot, °C; of the edge on GPUs without that sensor."""
        smi = self._smi
        current = smi.AmdSmiTemperatureMetric.CURRENT
        for sensor in (smi.AmdSmiTemperatureType.HOTSPOT, smi.AmdSmiTemperatureType.EDGE):
            with suppress(NotSupportedError):
                return float(self._call(smi.amdsmi_get_temp_metric, self._handle, sensor, current))
        raise self._cannot("does not tell its temperature")

    def utilization(self) -> float:
        """Return how busy the graphics engine is, 0 to 1."""
        busy = number(self._call(self._smi.amdsmi_get_gpu_activity, self._handle).get("gfx_activity"))
        if busy is None:
            raise self._cannot("does not tell how busy it is")
        return busy / 100

    def memory_bytes(self) -> tuple[int, int]:
        """Return the memory in use and in all, bytes."""
        smi, vram = self._smi, self._smi.AmdSmiMemoryType.VRAM
        used = self._call(smi.amdsmi_get_gpu_memory_usage, self._handle, vram)
        return int(used), int(self._call(smi.amdsmi_get_gpu_memory_total, self._handle, vram))

    def clock_hz(self) -> float:
        """Return the clock of the graphics engine, Hz."""
        megahertz = number(
            self._call(self._smi.amdsmi_get_clock_info, self._handle, self._smi.AmdSmiClkType.GFX).get("clk")
        )
        if megahertz is None:
            raise self._cannot("does not tell its clock")
        return megahertz * 1e6

    def close(self) -> None:
        """Let go of the driver library."""
        if self._held:
            self._held = False
            _release(self._smi)

    def _call(self, function: Any, *arguments: object) -> Any:  # noqa: ANN401 (the library's own types)
        return call(self._smi, self._what, function, *arguments)

    def _find_handle(self) -> object:
        for handle in self._call(self._smi.amdsmi_get_processor_handles):
            uuid = str(self._call(self._smi.amdsmi_get_gpu_device_uuid, handle))
            if uuid.upper().removeprefix("GPU-") == self.info.id.upper().removeprefix("GPU-"):
                return handle
        raise DeviceLostError(f"{self._what}: the driver no longer lists it")

    def _read_counter(self) -> tuple[int, float, float]:
        """Return counts, microjoules per count, and the driver's timestamp, s."""
        read = self._call(self._smi.amdsmi_get_energy_count, self._handle)
        counts = read.get("energy_accumulator", read.get("power"))  # the key until ROCm 6.2
        resolution_uj = number(read.get("counter_resolution"))
        if not isinstance(counts, int) or not resolution_uj:
            raise self._cannot("has no energy counter")
        return counts, resolution_uj, float(read.get("timestamp") or 0) / 1e9

    def _counter_fault(self, clock: Clock, sleep: Callable[[float], None]) -> str | None:
        """Return why the energy counter must not be believed; None if it moves as the power says."""
        try:
            power_w, started_s = self.power_w(), clock()
            first, resolution_uj, stamp_s = self._read_counter()
            sleep(_CHECK_S)
            last, _, later_s = self._read_counter()
        except NotSupportedError as error:
            return str(error)
        elapsed_s = later_s - stamp_s if later_s > stamp_s else clock() - started_s
        counted_w = (last - first) * resolution_uj / 1e6 / elapsed_s if elapsed_s > 0 else 0.0
        low, high = _PLAUSIBLE
        if low * power_w <= counted_w <= high * power_w:
            return None
        return (
            f"its counter says {counted_w:.3g} W while the GPU draws {power_w:.3g} W, so it is not believed"
        )
