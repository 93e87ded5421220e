"""AMD GPUs, over a made-up binding with the status codes of the real one."""

import sys
from pathlib import Path

import pytest

from elastance.devices import Device, DeviceKind, amd, find_devices
from elastance.errors import (
    DeviceError,
    DeviceLostError,
    DevicePermissionError,
    NoDeviceError,
    NotSupportedError,
)
from made_up_amdsmi import (
    BUSY,
    DRIVER_NOT_LOADED,
    INIT_ERROR,
    IO,
    NO_PERMISSION,
    NOT_FOUND,
    NOT_SUPPORTED,
    FakeAmdGpu,
    FakeAmdSmi,
    install,
)


@pytest.fixture
def smi(monkeypatch: pytest.MonkeyPatch) -> FakeAmdSmi:
    smi = FakeAmdSmi(
        [FakeAmdGpu(), FakeAmdGpu("f1ff74a1-0000-1000-80bb-000000000002", "AMD Instinct MI300X")]
    )
    install(smi, monkeypatch)
    return smi


def opened(smi: FakeAmdSmi, index: int = 0) -> Device:
    return amd.inventory(clock=smi.clock, sleep=smi.sleep).candidates[index].opened()


def test_every_reading_is_in_si_units(smi: FakeAmdSmi) -> None:
    gpu = opened(smi)
    assert gpu.info.id == "GPU-f1ff74a1-0000-1000-80aa-000000000001"
    assert (gpu.info.name, gpu.info.kind, gpu.info.backend) == ("AMD Instinct MI250X", DeviceKind.GPU, "amd")
    assert gpu.counter is not None
    assert gpu.counter.resolution_j == pytest.approx(15.259e-6)
    before_j = gpu.energy_j()
    smi.sleep(2.0)
    assert gpu.energy_j() - before_j == pytest.approx(600.0, rel=1e-6)
    assert gpu.power_w() == 300.0
    assert gpu.power_limits() == (500.0, 560.0, 100.0, 560.0)
    gpu.set_power_limit(320.5)
    assert smi.gpus[0].cap_uw == 320_500_000
    assert gpu.temperature_c() == 71.0
    assert gpu.utilization() == pytest.approx(0.88)
    assert gpu.memory_bytes() == (16 << 30, 64 << 30)
    assert gpu.clock_hz() == pytest.approx(1.7e9)


@pytest.mark.parametrize("field", ["socket_power", "current_socket_power"])
def test_power_is_where_the_generation_puts_it(smi: FakeAmdSmi, field: str) -> None:
    smi.gpus[0].power = {"average_socket_power": "N/A", field: 305}
    assert opened(smi).power_w() == 305.0


def test_no_power_reading_is_no_zero(smi: FakeAmdSmi) -> None:
    gpu = opened(smi)
    smi.gpus[0].power = {"average_socket_power": "N/A", "socket_power": 0}
    with pytest.raises(NotSupportedError, match="power"):
        gpu.power_w()


@pytest.mark.parametrize("counted_w", [0.0, 4.6, 300.0 * 65536])
@pytest.mark.parametrize("stamps", [True, False])
def test_an_impossible_counter_is_not_believed(smi: FakeAmdSmi, counted_w: float, stamps: bool) -> None:
    smi.gpus[0].counted_w = counted_w
    smi.stamps = stamps
    gpu = opened(smi)
    assert gpu.counter is None
    assert "not believed" in (gpu.no_counter_because or "")
    with pytest.raises(NotSupportedError):
        gpu.energy_j()
    assert opened(smi, 1).counter is not None


def test_a_gpu_without_a_counter_is_polled(smi: FakeAmdSmi) -> None:
    smi.gpus[0].errors["amdsmi_get_energy_count"] = NOT_SUPPORTED
    gpu = opened(smi)
    assert gpu.counter is None
    assert "does not support" in (gpu.no_counter_because or "")


def test_a_gpu_without_a_hotspot_sensor_tells_its_edge(smi: FakeAmdSmi) -> None:
    gpu = opened(smi)
    smi.gpus[0].errors["temperature HOTSPOT"] = NOT_SUPPORTED
    assert gpu.temperature_c() == 55.0
    smi.gpus[0].errors["temperature EDGE"] = NOT_SUPPORTED
    with pytest.raises(NotSupportedError):
        gpu.temperature_c()


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (NO_PERMISSION, DevicePermissionError, "usermod -aG render,video"),
        (NOT_SUPPORTED, NotSupportedError, "does not support"),
        (IO, DeviceLostError, "dmesg"),
        (NOT_FOUND, DeviceLostError, "no longer lists"),
        (BUSY, DeviceError, "AMDSMI_STATUS_30"),
    ],
)
def test_status_codes_become_typed_errors(smi: FakeAmdSmi, code: int, kind: type, says: str) -> None:
    gpu = opened(smi)
    smi.gpus[0].errors = dict.fromkeys(
        ("amdsmi_get_energy_count", "amdsmi_get_power_info", "amdsmi_get_power_cap_info"), code
    )
    for read in (gpu.energy_j, gpu.power_w, gpu.power_limits):
        with pytest.raises(DeviceError, match=says) as raised:
            read()
        assert type(raised.value) is kind
        assert gpu.info.id in str(raised.value)


def test_setting_a_limit_without_the_right_names_the_ways(smi: FakeAmdSmi) -> None:
    gpu = opened(smi)
    smi.gpus[0].errors["amdsmi_set_power_cap"] = NO_PERMISSION
    with pytest.raises(DevicePermissionError, match=r"sudo amd-smi set -g 0 -o 200"):
        gpu.set_power_limit(200)


def test_the_library_is_shut_down_with_the_last_gpu(smi: FakeAmdSmi) -> None:
    first, second = opened(smi), opened(smi, 1)
    assert smi.initialised == 1
    first.close()
    first.close()
    assert smi.initialised == 1
    assert second.power_w() == 300.0
    second.close()
    assert smi.initialised == 0


def test_a_partitioned_gpu_is_refused(smi: FakeAmdSmi) -> None:
    smi.gpus[1].partition = "CPX"
    with pytest.raises(NotSupportedError, match=r"partitioned \(CPX\)"):
        opened(smi, 1)
    smi.gpus[0].partition = None
    assert opened(smi).info.index == 0


@pytest.mark.parametrize(("code", "says"), [(DRIVER_NOT_LOADED, "modprobe amdgpu"), (INIT_ERROR, "/dev/kfd")])
def test_a_driver_that_does_not_start_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    install(FakeAmdSmi([], init_error=code), monkeypatch)
    assert says in (amd.inventory().absence or "")


def test_no_binding_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    assert "elastance[amd]" in (amd.inventory().absence or "")


def test_a_binding_without_rocm_is_a_reason_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real one prints to standard output and dies of a KeyError."""
    (tmp_path / "amdsmi.py").write_text("print('Unable to find libamd_smi.so')\n{}['libamd_smi.so']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)
    assert "libamd_smi.so was not found" in (amd.inventory().absence or "")
    assert capsys.readouterr().out == ""


def test_versions_are_told(smi: FakeAmdSmi) -> None:
    assert amd.inventory().versions == {"amdsmi": "25.3.0", "AMD driver": "6.12.12"}


@pytest.mark.gpu
def test_a_real_gpu_answers_plausibly() -> None:
    try:
        (gpu,) = find_devices("amd:0")
    except NoDeviceError as error:
        pytest.skip(str(error))
    limits = gpu.power_limits()
    assert 1.0 < gpu.power_w() < 1.5 * limits.max_w
    assert 0 < gpu.temperature_c() < 120
