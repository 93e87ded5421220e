"""A made-up module amdsmi: the names, shapes and status codes of AMD's binding (ROCm 6.4), which needs ROCm."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

NOT_SUPPORTED, NO_PERMISSION, IO, INIT_ERROR, BUSY, NOT_FOUND, DRIVER_NOT_LOADED = 2, 10, 12, 18, 30, 31, 34


class AmdSmiException(Exception):  # noqa: N818 (its name)
    pass


class AmdSmiLibraryException(AmdSmiException):
    def __init__(self, err_code: int) -> None:
        super().__init__(err_code)
        self.err_code = err_code
        self.err_info = f"AMDSMI_STATUS_{err_code} - made up"


class AmdSmiTemperatureType(IntEnum):
    EDGE = 0
    HOTSPOT = 1


class AmdSmiTemperatureMetric(IntEnum):
    CURRENT = 0


class AmdSmiClkType(IntEnum):
    GFX = 0


class AmdSmiMemoryType(IntEnum):
    VRAM = 0


@dataclass
class FakeAmdGpu:
    """What one GPU answers; `errors` maps the name of a function to the code it raises instead."""

    uuid: str = "f1ff74a1-0000-1000-80aa-000000000001"
    name: str = "AMD Instinct MI250X"
    power: dict[str, Any] = field(
        default_factory=lambda: {
            "socket_power": "N/A",
            "current_socket_power": "N/A",
            "average_socket_power": 300,
        }
    )
    counted_w: float = 300.0
    partition: str | None = "SPX"
    cap_uw: int = 500_000_000
    errors: dict[str, int] = field(default_factory=dict)


class FakeAmdSmi(ModuleType):
    """The module; it knows no time but the one that `sleep` lets pass."""

    __version__ = "25.3.0"
    AmdSmiException = AmdSmiException
    AmdSmiTemperatureType = AmdSmiTemperatureType
    AmdSmiTemperatureMetric = AmdSmiTemperatureMetric
    AmdSmiClkType = AmdSmiClkType
    AmdSmiMemoryType = AmdSmiMemoryType

    def __init__(self, gpus: list[FakeAmdGpu], init_error: int = 0) -> None:
        super().__init__("amdsmi")
        self.gpus = gpus
        self.init_error = init_error
        self.initialised = 0
        self.now_s = 100.0
        self.stamps = True

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def clock(self) -> float:
        return self.now_s

    def _answer(self, name: str, gpu: FakeAmdGpu) -> None:
        if not self.initialised:
            raise AmdSmiLibraryException(32)
        if name in gpu.errors:
            raise AmdSmiLibraryException(gpu.errors[name])

    def amdsmi_init(self) -> None:
        if self.init_error:
            raise AmdSmiLibraryException(self.init_error)
        self.initialised += 1

    def amdsmi_shut_down(self) -> None:
        self.initialised -= 1

    def amdsmi_get_processor_handles(self) -> list[FakeAmdGpu]:
        return list(self.gpus)

    def amdsmi_get_gpu_device_uuid(self, gpu: FakeAmdGpu) -> str:
        self._answer("amdsmi_get_gpu_device_uuid", gpu)
        return gpu.uuid

    def amdsmi_get_gpu_asic_info(self, gpu: FakeAmdGpu) -> dict[str, Any]:
        return {"market_name": gpu.name}

    def amdsmi_get_gpu_driver_info(self, _gpu: FakeAmdGpu) -> dict[str, Any]:
        return {"driver_version": "6.12.12"}

    def amdsmi_get_gpu_compute_partition(self, gpu: FakeAmdGpu) -> str:
        if gpu.partition is None:
            raise AmdSmiLibraryException(NOT_SUPPORTED)
        return gpu.partition

    def amdsmi_get_energy_count(self, gpu: FakeAmdGpu) -> dict[str, Any]:
        self._answer("amdsmi_get_energy_count", gpu)
        counts = int(gpu.counted_w * self.now_s * 1e6 / 15.259)
        stamp = int(self.now_s * 1e9) if self.stamps else 0
        return {"energy_accumulator": counts, "counter_resolution": 15.259, "timestamp": stamp}

    def amdsmi_get_power_info(self, gpu: FakeAmdGpu) -> dict[str, Any]:
        self._answer("amdsmi_get_power_info", gpu)
        return gpu.power

    def amdsmi_get_power_cap_info(self, gpu: FakeAmdGpu) -> dict[str, Any]:
        self._answer("amdsmi_get_power_cap_info", gpu)
        return {
            "power_cap": gpu.cap_uw,
            "default_power_cap": 560_000_000,
            "dpm_cap": 1,
            "min_power_cap": 100_000_000,
            "max_power_cap": 560_000_000,
        }

    def amdsmi_set_power_cap(self, gpu: FakeAmdGpu, sensor: int, cap: int) -> None:
        assert (type(sensor), type(cap)) == (int, int)
        self._answer("amdsmi_set_power_cap", gpu)
        gpu.cap_uw = cap

    def amdsmi_get_temp_metric(self, gpu: FakeAmdGpu, sensor: AmdSmiTemperatureType, _metric: object) -> int:
        self._answer(f"temperature {sensor.name}", gpu)
        return 71 if sensor is AmdSmiTemperatureType.HOTSPOT else 55

    def amdsmi_get_gpu_activity(self, gpu: FakeAmdGpu) -> dict[str, Any]:
        self._answer("amdsmi_get_gpu_activity", gpu)
        return {"gfx_activity": 88, "umc_activity": 20, "mm_activity": "N/A"}

    def amdsmi_get_gpu_memory_usage(self, _gpu: FakeAmdGpu, _kind: object) -> int:
        return 16 << 30

    def amdsmi_get_gpu_memory_total(self, _gpu: FakeAmdGpu, _kind: object) -> int:
        return 64 << 30

    def amdsmi_get_clock_info(self, _gpu: FakeAmdGpu, _kind: object) -> dict[str, Any]:
        return {"clk": 1700, "min_clk": 500, "max_clk": 1700, "clk_locked": "N/A", "clk_deep_sleep": "N/A"}


def install(smi: FakeAmdSmi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``import amdsmi`` give the made-up module."""
    monkeypatch.setitem(sys.modules, "amdsmi", smi)
    monkeypatch.setattr("elastance.devices.amd._users", 0)
