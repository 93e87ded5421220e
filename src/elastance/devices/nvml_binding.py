"""The part of NVML's Python binding that is used, typed, and what its errors mean."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

NVML_MISSING = "the Python package nvidia-ml-py is not installed (pip install 'elastance[nvidia]')"


class NvmlError(Exception):
    """The shape of ``pynvml.NVMLError``, for the type checker."""

    value: int


class Nvml(Protocol):
    """The module ``pynvml``, as far as it is used."""

    NVMLError: Any
    NVML_DEVICE_MIG_ENABLE: int
    NVML_TEMPERATURE_GPU: int
    NVML_CLOCK_SM: int
    NVML_FI_DEV_POWER_INSTANT: int
    NVML_POWER_SCOPE_GPU: int
    nvmlInit: Callable[[], None]
    nvmlShutdown: Callable[[], None]
    nvmlSystemGetDriverVersion: Callable[[], str]
    nvmlDeviceGetCount: Callable[[], int]
    nvmlDeviceGetHandleByIndex: Callable[[int], object]
    nvmlDeviceGetHandleByUUID: Callable[[str], object]
    nvmlDeviceGetUUID: Callable[[object], str]
    nvmlDeviceGetName: Callable[[object], str]
    nvmlDeviceGetMigMode: Callable[[object], tuple[int, int]]
    nvmlDeviceGetTotalEnergyConsumption: Callable[[object], int]
    nvmlDeviceGetPowerUsage: Callable[[object], int]
    nvmlDeviceGetFieldValues: Callable[[object, list[tuple[int, int]]], Any]
    nvmlDeviceGetPowerManagementLimit: Callable[[object], int]
    nvmlDeviceGetPowerManagementDefaultLimit: Callable[[object], int]
    nvmlDeviceGetPowerManagementLimitConstraints: Callable[[object], tuple[int, int]]
    nvmlDeviceSetPowerManagementLimit: Callable[[object, int], None]
    nvmlDeviceGetTemperature: Callable[[object, int], int]
    nvmlDeviceGetUtilizationRates: Callable[[object], Any]
    nvmlDeviceGetMemoryInfo: Callable[[object], Any]
    nvmlDeviceGetClockInfo: Callable[[object, int], int]


_NO_PERMISSION = 4
_NOT_SUPPORTED = {
    3: "does not support this",
    13: "needs a newer driver for this",
    25: "needs a newer driver for this",
}
_LOST = {
    1: "the driver library was shut down (nvmlShutdown) by other code of this process",
    6: "the driver no longer lists it",
    9: "the NVIDIA driver is not loaded (`sudo modprobe nvidia`, or in a container: docker run --gpus all)",
    12: "libnvidia-ml.so.1 was not found: no NVIDIA driver is installed (in a container: docker run --gpus all)",
    15: "the GPU is lost: it fell off the bus; `dmesg | grep -i xid` says why, a reboot brings it back",
    16: "the GPU needs a reset (sudo nvidia-smi --gpu-reset) or a reboot",
    18: "the driver was updated while it ran; reboot, or reload its kernel modules",
    28: "the driver no longer lists it",
}


def load_nvml() -> Nvml:
    """Import the binding.

    Raises:
        ImportError: It is not installed.
    """
    return cast("Nvml", importlib.import_module("pynvml"))


def call(nvml: Nvml, what: str, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (NVML's types)
    """Call NVML about `what`, e.g. ``"NVIDIA A40 (GPU-...)"``.

    Raises:
        DeviceError: The kind that its error code stands for.
    """
    try:
        return function(*arguments)
    except nvml.NVMLError as error:
        raise translated(what, cast("NvmlError", error)) from None


def translated(what: str, error: NvmlError) -> DeviceError:
    """Return the error that an NVML error code stands for.

    Args:
        what: What was asked about.
        error: What NVML raised.
    """
    code = error.value
    if code == _NO_PERMISSION:
        return DevicePermissionError(
            f"{what}: the driver refuses this user (NVML error 4, no permission): run under sudo, or ask an"
            " administrator for read access to /dev/nvidia*"
        )
    if code in _NOT_SUPPORTED:
        return NotSupportedError(f"{what} {_NOT_SUPPORTED[code]} (NVML error {code})")
    if code in _LOST:
        return DeviceLostError(f"{what}: {_LOST[code]} (NVML error {code})")
    return DeviceError(f"{what}: the driver answered {str(error).rstrip('.')!r} (NVML error {code})")
