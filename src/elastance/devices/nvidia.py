"""NVIDIA GPUs, through NVML (nvidia-ml-py).

NVML speaks millijoules and milliwatts; they end here. The library is reference-counted by NVML itself, so each device
holds it once and lets go in `NvidiaGpu.close`.
"""

from __future__ import annotations

import importlib.metadata
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits
from elastance.devices.inventory import Candidate, Inventory
from elastance.devices.nvml_binding import NVML_MISSING, Nvml, call, load_nvml, translated
from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError, NotSupportedError

if TYPE_CHECKING:
    from elastance.devices.contract import Clock

_COUNTER = CounterInfo(resolution_j=1e-3, period_s=0.1)
"""NVML counts in mJ; it does not say how often. The longest update period of the power sensors behind it is 0.1 s
(Yang et al., "Accurate and Convenient Energy Measurements for GPUs", SC'24)."""

_MODULE_CHIPS = ("GH200", "GB200", "GB300", "Grace")
"""Superchips, whose counter and plain power reading cover the CPU and its memory too."""


def inventory(*, clock: Clock = time.monotonic) -> Inventory:
    """Return every NVIDIA GPU that the driver lists; never raises.

    Args:
        clock: Not used: NVML needs none.
    """
    try:
        nvml = load_nvml()
    except ImportError:
        return Inventory("nvidia", absence=NVML_MISSING)
    versions = {"nvidia-ml-py": _package_version()}
    try:
        call(nvml, "the NVIDIA driver", nvml.nvmlInit)
    except DeviceError as error:
        return Inventory("nvidia", absence=str(error), versions=versions)
    try:
        with suppress(nvml.NVMLError):
            versions["NVIDIA driver"] = nvml.nvmlSystemGetDriverVersion()
        count = call(nvml, "the NVIDIA driver", nvml.nvmlDeviceGetCount)
        candidates = tuple(_candidate(nvml, index) for index in range(count))
    except DeviceError as error:
        return Inventory("nvidia", absence=str(error), versions=versions)
    finally:
        nvml.nvmlShutdown()
    return Inventory("nvidia", candidates, None if candidates else "the driver lists no GPU", versions)


def _package_version() -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("nvidia-ml-py")
    return "unknown"


def _candidate(nvml: Nvml, index: int) -> Candidate:
    what = f"NVIDIA GPU {index}"
    info = DeviceInfo(
        id=f"nvidia:{index}", name="NVIDIA GPU", kind=DeviceKind.GPU, index=index, backend="nvidia"
    )
    try:
        handle = call(nvml, what, nvml.nvmlDeviceGetHandleByIndex, index)
        uuid = call(nvml, what, nvml.nvmlDeviceGetUUID, handle)
        name = call(nvml, what, nvml.nvmlDeviceGetName, handle)
    except DeviceError as error:
        return Candidate(info, partial(NvidiaGpu, info), refusal=error)
    info = DeviceInfo(id=uuid, name=name, kind=DeviceKind.GPU, index=index, backend="nvidia")
    return Candidate(info, partial(NvidiaGpu, info), refusal=_partitioned(nvml, handle, info))


def _partitioned(nvml: Nvml, handle: object, info: DeviceInfo) -> NotSupportedError | None:
    """Return why a GPU in MIG mode cannot be measured; None for any other GPU."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # a GPU that knows no MIG
        return None
    if current != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    return NotSupportedError(
        f"{info.name} ({info.id}) is in MIG mode: the driver counts energy for whole GPUs, not for instances of"
        f" them; switch MIG off (sudo nvidia-smi -i {info.index} -mig 0) or choose another GPU with --devices"
    )


class NvidiaGpu(Device):
    """One NVIDIA GPU, known by its UUID.

    Args:
        info: Which GPU; its id is the UUID.

    Raises:
        DeviceError: The library is missing, or the GPU does not answer.
    """

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self._what = f"{info.name} ({info.id})"
        try:
            self._nvml = load_nvml()
        except ImportError:
            raise DeviceLostError(f"{self._what}: {NVML_MISSING}") from None
        self._call(self._nvml.nvmlInit)
        self._held = True
        try:
            self._handle = self._call(self._nvml.nvmlDeviceGetHandleByUUID, info.id)
            self._has_instant_power = self._instant_power_w() is not None
            self._probe_counter()
        except BaseException:
            self.close()
            raise

    def energy_j(self) -> float:
        """Return the energy since the driver was loaded, J."""
        if self.counter is None:
            return super().energy_j()
        return self._call(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle) / 1e3

    def power_w(self) -> float:
        """Return the power now, W; on older drivers what they report: from Ampere on, a mean of 1 s."""
        if self._has_instant_power and (power_w := self._instant_power_w()) is not None:
            return power_w
        return self._call(self._nvml.nvmlDeviceGetPowerUsage, self._handle) / 1e3

    def power_limits(self) -> PowerLimits:
        """Return the power limit and its range."""
        nvml = self._nvml
        lowest, highest = self._call(nvml.nvmlDeviceGetPowerManagementLimitConstraints, self._handle)
        return PowerLimits(
            current_w=self._call(nvml.nvmlDeviceGetPowerManagementLimit, self._handle) / 1e3,
            default_w=self._call(nvml.nvmlDeviceGetPowerManagementDefaultLimit, self._handle) / 1e3,
            min_w=lowest / 1e3,
            max_w=highest / 1e3,
        )

    def set_power_limit(self, power_limit_w: float) -> None:
        """Set the power limit, W; needs root or CAP_SYS_ADMIN."""
        milliwatts = round(power_limit_w * 1e3)
        try:
            self._call(self._nvml.nvmlDeviceSetPowerManagementLimit, self._handle, milliwatts)
        except DevicePermissionError:
            raise DevicePermissionError(
                f"setting the power limit of {self._what} needs root or the capability SYS_ADMIN: run under sudo, or"
                f" let an administrator run `sudo nvidia-smi -i {self.info.id} -pl {power_limit_w:g}`, or start the"
                " container with --cap-add SYS_ADMIN"
            ) from None

    def temperature_c(self) -> float:
        """Return the temperature of the chip, °C."""
        nvml = self._nvml
        return float(self._call(nvml.nvmlDeviceGetTemperature, self._handle, nvml.NVML_TEMPERATURE_GPU))

    def utilization(self) -> float:
        """Return the share of the last sample period in which a kernel ran, 0 to 1."""
        return self._call(self._nvml.nvmlDeviceGetUtilizationRates, self._handle).gpu / 100

    def memory_bytes(self) -> tuple[int, int]:
        """Return the memory in use and in all, bytes."""
        memory = self._call(self._nvml.nvmlDeviceGetMemoryInfo, self._handle)
        return int(memory.used), int(memory.total)

    def clock_hz(self) -> float:
        """Return the clock of the streaming multiprocessors, Hz."""
        return self._call(self._nvml.nvmlDeviceGetClockInfo, self._handle, self._nvml.NVML_CLOCK_SM) * 1e6

    def close(self) -> None:
        """Let go of the driver library."""
        if self._held:
            self._held = False
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _call(self, function: Any, *arguments: object) -> Any:  # noqa: ANN401 (NVML's own types)
        return call(self._nvml, self._what, function, *arguments)

    def _probe_counter(self) -> None:
        if any(chip in self.info.name for chip in _MODULE_CHIPS):
            self.no_counter_because = "its counter covers the whole superchip, CPU and memory included"
            if not self._has_instant_power:
                raise NotSupportedError(
                    f"{self._what}: this driver tells the power of the whole superchip only, not of its GPU; a newer"
                    " driver tells both"
                )
            return
        try:
            self._call(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)
        except NotSupportedError:
            self.no_counter_because = "NVIDIA GPUs before Volta, and some virtual ones, have none"
            return
        self.counter = _COUNTER

    def _instant_power_w(self) -> float | None:
        """Return the power of the GPU alone at this instant, W; None if the driver cannot tell."""
        nvml = self._nvml
        wanted = [(nvml.NVML_FI_DEV_POWER_INSTANT, nvml.NVML_POWER_SCOPE_GPU)]
        try:
            (field,) = self._call(nvml.nvmlDeviceGetFieldValues, self._handle, wanted)
        except NotSupportedError:
            return None
        # Each field carries its own status; only a lost GPU matters here, as the plain reading may still work.
        if field.nvmlReturn:
            error = translated(self._what, nvml.NVMLError(field.nvmlReturn))
            if isinstance(error, DeviceLostError):
                raise error
            return None
        return float(field.value.uiVal) / 1e3
