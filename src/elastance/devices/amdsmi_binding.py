"""The part of AMD SMI's Python binding that is used, typed, and what its errors mean."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from typing import TYPE_CHECKING, Any, Protocol, cast

from elastance.errors import DeviceError, DeviceLostError, DevicePermissionError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AMDSMI_MISSING = (
    "the Python package amdsmi is not installed (pip install 'elastance[amd]', in the version of your ROCm)"
)


class AmdSmiUnusableError(Exception):
    """The binding is there, but not the library under it."""


class AmdSmi(Protocol):
    """The module ``amdsmi``, as far as it is used."""

    AmdSmiException: Any
    AmdSmiTemperatureType: Any
    AmdSmiTemperatureMetric: Any
    AmdSmiClkType: Any
    AmdSmiMemoryType: Any
    amdsmi_init: Callable[[], None]
    amdsmi_shut_down: Callable[[], None]
    amdsmi_get_processor_handles: Callable[[], Sequence[object]]
    amdsmi_get_gpu_device_uuid: Callable[[object], str]
    amdsmi_get_gpu_asic_info: Callable[[object], dict[str, Any]]
    amdsmi_get_gpu_driver_info: Callable[[object], dict[str, Any]]
    amdsmi_get_gpu_compute_partition: Callable[[object], str]
    amdsmi_get_energy_count: Callable[[object], dict[str, Any]]
    amdsmi_get_power_info: Callable[[object], dict[str, Any]]
    amdsmi_get_power_cap_info: Callable[[object], dict[str, Any]]
    amdsmi_set_power_cap: Callable[[object, int, int], None]
    amdsmi_get_temp_metric: Callable[[object, Any, Any], int]
    amdsmi_get_gpu_activity: Callable[[object], dict[str, Any]]
    amdsmi_get_gpu_memory_usage: Callable[[object, Any], int]
    amdsmi_get_gpu_memory_total: Callable[[object, Any], int]
    amdsmi_get_clock_info: Callable[[object, Any], dict[str, Any]]


# Status codes of amdsmi.h.
_NO_PERMISSION = 10
_NOT_SUPPORTED = {
    2: "does not support this",
    3: "does not support this yet",
    5: "needs a newer ROCm for this",
}
_LOST = {
    4: "the ROCm library could not be loaded",
    12: "the GPU does not answer; `dmesg | grep -i amdgpu` says why",
    18: "AMD SMI could not start: is the amdgpu driver loaded, and /dev/kfd there? (docker run --device /dev/kfd)",
    31: "the driver no longer lists it",
    32: "the library was shut down (amdsmi_shut_down) by other code of this process",
    34: "the amdgpu driver is not loaded (`sudo modprobe amdgpu`)",
}


def load_amdsmi() -> AmdSmi:
    """Import the binding.

    Raises:
        ImportError: It is not installed.
        AmdSmiUnusableError: It is, but ROCm's library is not.
    """
    try:
        # Where libamd_smi.so is missing it prints to standard output and fails with a KeyError.
        with contextlib.redirect_stdout(io.StringIO()):
            return cast("AmdSmi", importlib.import_module("amdsmi"))
    except (KeyError, OSError, AttributeError) as error:
        raise AmdSmiUnusableError(
            f"libamd_smi.so was not found or does not fit the Python package amdsmi ({type(error).__name__}): install"
            " ROCm's amd-smi-lib, 6.3 or later, and amdsmi in the same version"
        ) from None


def call(smi: AmdSmi, what: str, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (its types)
    """Call AMD SMI about `what`, e.g. ``"AMD Instinct MI250X (GPU-...)"``.

    Raises:
        DeviceError: The kind that its status code stands for.
    """
    try:
        return function(*arguments)
    except smi.AmdSmiException as error:
        raise _translated(what, cast("Exception", error)) from None


def number(value: object) -> float | None:
    """Return a number as AMD SMI gives it; None where it says "N/A"."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _translated(what: str, error: Exception) -> DeviceError:
    code: int | None = getattr(error, "err_code", None)
    if code == _NO_PERMISSION:
        return DevicePermissionError(
            f"{what}: the driver refuses this user (AMD SMI error 10, no permission): add the user to the groups that"
            " own the GPU (sudo usermod -aG render,video $USER), or run under sudo"
        )
    if code in _NOT_SUPPORTED:
        return NotSupportedError(f"{what} {_NOT_SUPPORTED[code]} (AMD SMI error {code})")
    if code in _LOST:
        return DeviceLostError(f"{what}: {_LOST[code]} (AMD SMI error {code})")
    known = getattr(error, "err_info", None) or " ".join(str(error).split())
    return DeviceError(f"{what}: the driver answered {str(known)!r} (AMD SMI error {code})")
