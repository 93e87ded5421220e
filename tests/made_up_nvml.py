"""A made-up libnvidia-ml.so.1 under the real Python binding: it fills the binding's C structures and returns codes.

So what is tested is what runs on a machine with GPUs, down to the foreign function call.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

Handle = ctypes.c_void_p


@dataclass
class FakeGpu:
    """What one GPU answers; `errors` maps the name of a function to the code it returns instead."""

    uuid: str = "GPU-11111111-aaaa-bbbb-cccc-000000000000"
    name: str = "NVIDIA A40"
    energy_mj: int = 5_000_123
    power_mw: int = 180_500
    instant_mw: int | None = 181_250
    limit_mw: int = 300_000
    default_mw: int = 300_000
    range_mw: tuple[int, int] = (100_000, 300_000)
    mig: int | None = None
    errors: dict[str, int] = field(default_factory=dict)


class FakeNvml:
    """The C library; every function the binding looks up is an attribute."""

    def __init__(self, gpus: list[FakeGpu], init_error: int = 0) -> None:
        self.gpus = gpus
        self.init_error = init_error
        self.holders = 0
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        implementation = getattr(type(self), f"_{name}", None)
        if implementation is None:
            raise AttributeError(name)  # the binding takes it for a function an old driver lacks

        def answer(*arguments: object) -> int:
            self.calls.append(name)
            if not self.holders and name not in ("nvmlInitWithFlags", "nvmlErrorString"):
                return pynvml.NVML_ERROR_UNINITIALIZED
            if arguments and isinstance(arguments[0], pynvml.c_nvmlDevice_t):
                gpu = self.gpus[ctypes.cast(arguments[0], ctypes.c_void_p).value - 1]
                if name in gpu.errors:
                    return gpu.errors[name]
                return implementation(self, gpu, *arguments[1:]) or 0
            return implementation(self, *arguments) or 0

        return answer

    def _nvmlInitWithFlags(self, _flags: object) -> int:
        if not self.init_error:
            self.holders += 1
        return self.init_error

    def _nvmlShutdown(self) -> None:
        self.holders -= 1

    def _nvmlSystemGetDriverVersion(self, text, _size) -> None:
        text.value = b"580.65.06"

    def _nvmlDeviceGetCount_v2(self, count) -> None:
        count._obj.value = len(self.gpus)

    def _nvmlDeviceGetHandleByIndex_v2(self, index, handle) -> int:
        gpu = self.gpus[index.value]
        self._point(handle, index.value)
        return gpu.errors.get("nvmlDeviceGetHandleByIndex_v2", 0)

    def _nvmlDeviceGetHandleByUUID(self, uuid, handle) -> int:
        for index, gpu in enumerate(self.gpus):
            if gpu.uuid.encode() == uuid.value:
                self._point(handle, index)
                return gpu.errors.get("nvmlDeviceGetHandleByUUID", 0)
        return pynvml.NVML_ERROR_NOT_FOUND

    @staticmethod
    def _point(handle, index: int) -> None:
        ctypes.cast(ctypes.pointer(handle._obj), ctypes.POINTER(ctypes.c_void_p))[0] = index + 1

    def _nvmlDeviceGetUUID(self, gpu: FakeGpu, text, _size) -> None:
        text.value = gpu.uuid.encode()

    def _nvmlDeviceGetName(self, gpu: FakeGpu, text, _size) -> None:
        text.value = gpu.name.encode()

    def _nvmlDeviceGetMigMode(self, gpu: FakeGpu, current, pending) -> int:
        if gpu.mig is None:
            return pynvml.NVML_ERROR_NOT_SUPPORTED
        current._obj.value = pending._obj.value = gpu.mig
        return 0

    def _nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu, value) -> None:
        value._obj.value = gpu.energy_mj

    def _nvmlDeviceGetPowerUsage(self, gpu: FakeGpu, value) -> None:
        value._obj.value = gpu.power_mw

    def _nvmlDeviceGetFieldValues(self, gpu: FakeGpu, count, values) -> None:
        assert count.value == 1
        # The binding passes the array by reference.
        one = getattr(values, "_obj", values)[0]
        assert (one.fieldId, one.scopeId) == (pynvml.NVML_FI_DEV_POWER_INSTANT, pynvml.NVML_POWER_SCOPE_GPU)
        one.nvmlReturn = gpu.errors.get("power field", 0)
        if gpu.instant_mw is None:
            one.nvmlReturn = pynvml.NVML_ERROR_NOT_SUPPORTED
        else:
            one.value.uiVal = gpu.instant_mw

    def _nvmlDeviceGetPowerManagementLimit(self, gpu: FakeGpu, value) -> None:
        value._obj.value = gpu.limit_mw

    def _nvmlDeviceGetPowerManagementDefaultLimit(self, gpu: FakeGpu, value) -> None:
        value._obj.value = gpu.default_mw

    def _nvmlDeviceGetPowerManagementLimitConstraints(self, gpu: FakeGpu, lowest, highest) -> None:
        lowest._obj.value, highest._obj.value = gpu.range_mw

    def _nvmlDeviceSetPowerManagementLimit(self, gpu: FakeGpu, limit) -> None:
        gpu.limit_mw = limit.value

    def _nvmlDeviceGetTemperature(self, _gpu: FakeGpu, sensor, value) -> None:
        assert sensor.value == pynvml.NVML_TEMPERATURE_GPU
        value._obj.value = 64

    def _nvmlDeviceGetUtilizationRates(self, _gpu: FakeGpu, value) -> None:
        value._obj.gpu = 97

    def _nvmlDeviceGetMemoryInfo(self, _gpu: FakeGpu, value) -> None:
        value._obj.total, value._obj.used = 48 << 30, 12 << 30

    def _nvmlDeviceGetClockInfo(self, _gpu: FakeGpu, kind, value) -> None:
        assert kind.value == pynvml.NVML_CLOCK_SM
        value._obj.value = 1740


def put_under_the_binding(library: FakeNvml | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the real binding call `library`; None = there is no libnvidia-ml.so.1."""
    monkeypatch.setattr(pynvml, "nvmlLib", library)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    if library is None:
        monkeypatch.setattr(pynvml, "CDLL", _no_library)


def _no_library(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")
