"""NVIDIA GPUs: the real binding over a made-up driver library, and real GPUs where there are any."""

import pynvml
import pytest

from elastance.devices import Device, DeviceKind, find_devices, nvidia
from elastance.errors import (
    DeviceError,
    DeviceLostError,
    DevicePermissionError,
    NoDeviceError,
    NotSupportedError,
)
from made_up_nvml import FakeGpu, FakeNvml, put_under_the_binding

FIRST = "GPU-11111111-aaaa-bbbb-cccc-000000000000"
SECOND = "GPU-22222222-aaaa-bbbb-cccc-000000000000"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    library = FakeNvml([FakeGpu(), FakeGpu(SECOND)])
    put_under_the_binding(library, monkeypatch)
    return library


def opened() -> Device:
    return nvidia.inventory().candidates[0].opened()


def test_every_reading_is_in_si_units(library: FakeNvml) -> None:
    gpu = opened()
    assert (gpu.info.id, gpu.info.name, gpu.info.kind, gpu.info.index) == (
        FIRST,
        "NVIDIA A40",
        DeviceKind.GPU,
        0,
    )
    assert gpu.info.provenance is None
    assert gpu.counter is not None
    assert gpu.counter.resolution_j == 1e-3
    assert gpu.energy_j() == pytest.approx(5000.123)
    assert gpu.power_w() == pytest.approx(181.25)
    assert gpu.power_limits() == (300.0, 300.0, 100.0, 300.0)
    assert gpu.temperature_c() == 64.0
    assert gpu.utilization() == pytest.approx(0.97)
    assert gpu.memory_bytes() == (12 << 30, 48 << 30)
    assert gpu.clock_hz() == pytest.approx(1.74e9)
    gpu.set_power_limit(212.5)
    assert library.gpus[0].limit_mw == 212_500


def test_the_library_is_let_go(library: FakeNvml) -> None:
    gpu = opened()
    assert library.holders == 1
    gpu.close()
    gpu.close()
    assert library.holders == 0
    library.gpus[0].errors["nvmlDeviceGetTotalEnergyConsumption"] = pynvml.NVML_ERROR_GPU_IS_LOST
    with pytest.raises(DeviceLostError):
        opened()
    assert library.holders == 0


def test_without_instant_power_the_drivers_figure_is_taken(library: FakeNvml) -> None:
    library.gpus[0].instant_mw = None
    assert opened().power_w() == pytest.approx(180.5)


def test_a_gpu_before_volta_has_no_counter(library: FakeNvml) -> None:
    library.gpus[0].errors["nvmlDeviceGetTotalEnergyConsumption"] = pynvml.NVML_ERROR_NOT_SUPPORTED
    gpu = opened()
    assert gpu.counter is None
    assert "before Volta" in (gpu.no_counter_because or "")
    with pytest.raises(NotSupportedError, match="no energy counter"):
        gpu.energy_j()


def test_a_superchip_is_polled_as_its_counter_has_the_cpu_in_it(library: FakeNvml) -> None:
    library.gpus[0].name = "NVIDIA GH200 480GB"
    gpu = opened()
    assert gpu.counter is None
    assert "whole superchip" in (gpu.no_counter_because or "")
    assert gpu.power_w() == pytest.approx(181.25)
    library.gpus[0].instant_mw = None
    with pytest.raises(NotSupportedError, match="newer driver"):
        opened()


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (pynvml.NVML_ERROR_NO_PERMISSION, DevicePermissionError, "sudo"),
        (pynvml.NVML_ERROR_NOT_SUPPORTED, NotSupportedError, "does not support"),
        (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, NotSupportedError, "newer driver"),
        (pynvml.NVML_ERROR_GPU_IS_LOST, DeviceLostError, "fell off the bus"),
        (pynvml.NVML_ERROR_RESET_REQUIRED, DeviceLostError, "reset"),
        (pynvml.NVML_ERROR_UNINITIALIZED, DeviceLostError, "shut down"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, DeviceLostError, "modprobe"),
        (pynvml.NVML_ERROR_UNKNOWN, DeviceError, "Unknown Error"),
    ],
)
def test_error_codes_become_typed_errors(library: FakeNvml, code: int, kind: type, says: str) -> None:
    gpu = opened()
    library.gpus[0].errors = dict.fromkeys(
        (
            "nvmlDeviceGetTotalEnergyConsumption",
            "nvmlDeviceGetTemperature",
            "nvmlDeviceGetPowerManagementLimit",
        ),
        code,
    )
    for read in (gpu.energy_j, gpu.temperature_c, gpu.power_limits):
        with pytest.raises(DeviceError, match=says) as raised:
            read()
        assert type(raised.value) is kind
        assert FIRST in str(raised.value)
        assert f"NVML error {code}" in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_gpu_lost_between_two_samples_is_no_zero(library: FakeNvml) -> None:
    gpu = opened()
    library.gpus[0].errors["power field"] = pynvml.NVML_ERROR_GPU_IS_LOST
    with pytest.raises(DeviceLostError):
        gpu.power_w()


def test_setting_a_limit_without_the_right_names_every_way_to_it(library: FakeNvml) -> None:
    gpu = opened()
    library.gpus[0].errors["nvmlDeviceSetPowerManagementLimit"] = pynvml.NVML_ERROR_NO_PERMISSION
    with pytest.raises(DevicePermissionError) as raised:
        gpu.set_power_limit(150)
    for way in ("sudo", f"nvidia-smi -i {FIRST} -pl 150", "--cap-add SYS_ADMIN"):
        assert way in str(raised.value)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "reboot"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "no permission"),
        (pynvml.NVML_ERROR_UNKNOWN, "Unknown Error"),
    ],
)
def test_a_driver_that_does_not_start_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    put_under_the_binding(FakeNvml([], init_error=code), monkeypatch)
    found = nvidia.inventory()
    assert not found.candidates
    assert says in (found.absence or "")


def test_no_driver_and_no_binding_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    put_under_the_binding(None, monkeypatch)
    assert "libnvidia-ml.so.1 was not found" in (nvidia.inventory().absence or "")
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert "elastance[nvidia]" in (nvidia.inventory().absence or "")


def test_a_gpu_in_mig_mode_is_refused(library: FakeNvml) -> None:
    library.gpus[0].mig = pynvml.NVML_DEVICE_MIG_DISABLE
    library.gpus[1].mig = pynvml.NVML_DEVICE_MIG_ENABLE
    with pytest.raises(NotSupportedError, match=r"MIG mode.*-mig 0"):
        find_devices()
    assert library.holders == 0, "what was opened before is let go"
    (other,) = find_devices("nvidia:0")
    assert other.info.id == FIRST


def test_one_lost_gpu_does_not_hide_the_others(library: FakeNvml) -> None:
    library.gpus[0].errors["nvmlDeviceGetHandleByIndex_v2"] = pynvml.NVML_ERROR_GPU_IS_LOST
    found = nvidia.inventory()
    assert found.absence is None
    assert isinstance(found.candidates[0].refusal, DeviceLostError)
    assert found.candidates[1].opened().info.id == SECOND
    with pytest.raises(DeviceLostError, match="NVIDIA GPU 0"):
        find_devices("nvidia:0")


def test_versions_are_told(library: FakeNvml) -> None:
    assert nvidia.inventory().versions["NVIDIA driver"] == "580.65.06"


@pytest.fixture
def real_gpu() -> Device:
    try:
        (gpu,) = find_devices("nvidia:0")
    except NoDeviceError as error:
        pytest.skip(str(error))
    return gpu


@pytest.mark.gpu
def test_a_real_gpu_answers_plausibly(real_gpu: Device) -> None:
    assert real_gpu.info.id.startswith("GPU-")
    limits = real_gpu.power_limits()
    assert 0 < limits.min_w <= limits.current_w <= limits.max_w
    assert limits.min_w <= limits.default_w <= limits.max_w
    assert 1.0 < real_gpu.power_w() < 1.5 * limits.max_w
    assert 0 < real_gpu.temperature_c() < 120
    assert 0 <= real_gpu.utilization() <= 1
    used, total = real_gpu.memory_bytes()
    assert 0 < used <= total
    assert 1e8 < real_gpu.clock_hz() < 5e9


@pytest.mark.gpu
def test_a_real_counter_only_grows_and_agrees_with_the_power(real_gpu: Device) -> None:
    import time

    if real_gpu.counter is None:
        pytest.skip(str(real_gpu.no_counter_because))
    started_s, first_j = time.monotonic(), real_gpu.energy_j()
    readings_j, powers_w = [first_j], []
    while time.monotonic() - started_s < 3.0:
        powers_w.append(real_gpu.power_w())
        readings_j.append(real_gpu.energy_j())
    assert readings_j == sorted(readings_j)
    counted_w = (readings_j[-1] - first_j) / (time.monotonic() - started_s)
    assert counted_w == pytest.approx(sum(powers_w) / len(powers_w), rel=0.25)


@pytest.mark.gpu
def test_a_real_limit_can_be_set_or_the_refusal_says_how(real_gpu: Device) -> None:
    before_w = real_gpu.power_limits().current_w
    refusal = "sudo"
    try:
        real_gpu.set_power_limit(before_w)  # to what it is: nothing changes
    except DevicePermissionError as error:
        refusal = str(error)
    assert "sudo" in refusal
    assert real_gpu.power_limits().current_w == before_w
