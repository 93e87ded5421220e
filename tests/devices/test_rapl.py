"""CPU packages and their memory, over a made-up powercap directory."""

from pathlib import Path

import pytest

from elastance.devices import Device, DeviceKind, find_devices, rapl
from elastance.errors import (
    DeviceError,
    DeviceLostError,
    DevicePermissionError,
    NoDeviceError,
    NotSupportedError,
)
from made_up_powercap import RANGE_UJ, write_two_sockets, write_zone
from made_up_time import Now


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = write_two_sockets(tmp_path / "powercap")
    monkeypatch.setenv("ELASTANCE_POWERCAP", str(root))
    return root


def package(now: Now, root: Path) -> Device:
    def sleep(seconds: float) -> None:
        now.s += seconds
        counter = root / "intel-rapl:0" / "energy_uj"
        counter.write_text(f"{int(counter.read_text()) + int(80e6 * seconds)}\n")

    return rapl.inventory(clock=now, root=root, sleep=sleep).candidates[0].opened()


def test_packages_and_memory_are_found_once_each_and_nothing_twice(root: Path) -> None:
    found = find_devices("cpu,dram,rapl")
    assert [(device.info.id, device.info.kind) for device in found] == [
        ("rapl:package-0", DeviceKind.CPU),
        ("rapl:package-1", DeviceKind.CPU),
        ("rapl:package-0-dram", DeviceKind.DRAM),
        ("rapl:package-1-dram", DeviceKind.DRAM),
    ]
    assert [device.energy_j() for device in found] == [50.0, 50.000001, 7.0, 7.000001]


def test_the_nested_layout_of_sys_devices_is_the_same(tmp_path: Path) -> None:
    zone = write_zone(tmp_path / "intel-rapl" / "intel-rapl:0", "package-0", 3_000_000)
    write_zone(zone / "intel-rapl:0:0", "dram", 2_000_000)
    found = rapl.inventory(root=tmp_path)
    assert [candidate.info.id for candidate in found.candidates] == ["rapl:package-0", "rapl:package-0-dram"]
    assert [candidate.opened().energy_j() for candidate in found.candidates] == [3.0, 2.0]


def test_the_range_of_the_counter_is_told(root: Path) -> None:
    counter = package(Now(), root).counter
    assert counter is not None
    assert counter.wraps_at_j == pytest.approx(RANGE_UJ / 1e6)


def test_power_is_what_the_counter_gained(root: Path) -> None:
    now = Now()
    cpu = package(now, root)
    (root / "intel-rapl:0" / "energy_uj").write_text(f"{50_000_000 + 240_000_000}\n")
    now.s += 2.0
    assert cpu.power_w() == pytest.approx(120.0)
    assert cpu.power_from_counter


def test_power_just_after_the_start_waits_rather_than_to_say_zero(root: Path) -> None:
    now = Now()
    cpu = package(now, root)
    assert cpu.power_w() == pytest.approx(80.0, rel=1e-3)
    assert now.s == pytest.approx(0.02)
    assert cpu.power_w() == pytest.approx(80.0, rel=1e-3)
    assert now.s == pytest.approx(0.02), "the second reading does not wait again"


def test_power_across_a_wrap_is_positive(root: Path) -> None:
    now, counter = Now(), root / "intel-rapl:0" / "energy_uj"
    counter.write_text(f"{RANGE_UJ - 1_000_000}\n")
    cpu = package(now, root)
    counter.write_text("9000000\n")
    now.s += 1.0
    assert cpu.power_w() == pytest.approx(10.0)


def test_a_clock_that_stands_still_is_an_error(root: Path) -> None:
    cpu = rapl.inventory(clock=Now(), root=root, sleep=lambda _: None).candidates[0].opened()
    with pytest.raises(DeviceError, match="did not advance"):
        cpu.power_w()


def test_what_it_cannot_tell_it_refuses(root: Path) -> None:
    cpu = package(Now(), root)
    for read in (cpu.power_limits, cpu.temperature_c, cpu.utilization, cpu.memory_bytes, cpu.clock_hz):
        with pytest.raises(NotSupportedError):
            read()


def test_an_unreadable_counter_names_the_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_text = Path.read_text

    def forbidden(path: Path, *arguments: object) -> str:  # root may read everything, so chmod would not do
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *arguments)

    monkeypatch.setattr(Path, "read_text", forbidden)
    with pytest.raises(DevicePermissionError, match=r"sudo chmod a\+r .*intel-rapl:0/energy_uj"):
        find_devices("cpu")


@pytest.mark.parametrize("content", ["", "eleven"])
def test_a_counter_that_holds_no_number_is_an_error(root: Path, content: str) -> None:
    now = Now()
    cpu = package(now, root)
    (root / "intel-rapl:0" / "energy_uj").write_text(content)
    with pytest.raises(DeviceLostError, match="whole number"):
        cpu.energy_j()


def test_a_counter_that_disappears_is_an_error(root: Path) -> None:
    cpu = package(Now(), root)
    (root / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(DeviceLostError, match="No such file"):
        cpu.energy_j()


def test_why_there_is_none(tmp_path: Path) -> None:
    assert "no powercap support" in (rapl.inventory(root=tmp_path / "nowhere").absence or "")
    assert "modprobe" in (rapl.inventory(root=tmp_path).absence or "")
    (tmp_path / "intel-rapl:0").symlink_to("../../devices/virtual/powercap/intel-rapl/intel-rapl:0")
    assert "masked in this container" in (rapl.inventory(root=tmp_path).absence or "")


def test_memory_zones_are_not_everywhere(root: Path) -> None:
    for zone in root.glob("intel-rapl:?:1"):
        (zone / "name").write_text("uncore\n")
    with pytest.raises(NoDeviceError, match="no memory counter"):
        find_devices("dram")


def test_real_packages_answer_where_they_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELASTANCE_POWERCAP", raising=False)
    try:
        found = find_devices("cpu")
    except (NoDeviceError, DevicePermissionError) as error:
        pytest.skip(str(error))
    for cpu in found:
        assert cpu.counter is not None
        assert cpu.energy_j() >= 0
        assert cpu.power_w() > 0
