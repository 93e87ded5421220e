"""The recorder on simulated devices and a clock moved by hand, with every fault that can end a recording."""

import errno
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from elastance.devices import Device, DeviceKind
from elastance.devices.simulated import simulated_devices
from elastance.errors import (
    DeviceError,
    DeviceLostError,
    InputError,
    MissingExtraError,
    NotSupportedError,
    RecordingError,
    UnknownNameError,
)
from elastance.measure import energy, log_writing, read_power_log
from elastance.measure.log_writing import LogWriter, check_output, utc_stamp
from elastance.measure.manifest import manifest_path, read_manifest
from elastance.measure.recorder import Recording, record, recording_paths
from elastance.runs import Provenance
from made_up_time import Now

EPOCH_NS = 1_790_000_000_123_456_789


class World:
    """Time that passes only in waits, and a system clock that can be set."""

    def __init__(self) -> None:
        self.now = Now(5000.0)
        self.set_s = 0.0
        self.at = {}

    def wait(self, seconds: float) -> bool:
        self.now.s += seconds
        for due in [due for due in self.at if due <= self.now.s - 5000.0 + 1e-9]:
            self.at.pop(due)()
        return False

    def wall_clock_ns(self) -> int:
        return EPOCH_NS + round((self.now.s - 5000.0 + self.set_s) * 1e9)

    def devices(self, spec: str = "sim:v100,noise=0") -> tuple:
        return simulated_devices(spec, clock=self.now)

    def record(self, devices: tuple, output: Path, duration_s: float = 10.0, **options) -> Recording:
        return record(
            devices,
            output,
            duration_s=duration_s,
            wait=self.wait,
            clock=self.now,
            wall_clock_ns=self.wall_clock_ns,
            **options,
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "power.csv"


def test_a_log_is_in_the_published_format(world: World, output: Path) -> None:
    recording = world.record(world.devices(), output, 0.25, columns=["memory", "temperature", "clock"])
    lines = output.read_text().splitlines()
    assert lines[0] == "Time,Power,Temp,SMFreq,Mem"
    assert [line.split(",")[0] for line in lines[1:]] == [
        "2026-09-21 14:13:20.123456789",
        "2026-09-21 14:13:20.223456789",
        "2026-09-21 14:13:20.323456789",
        "2026-09-21 14:13:20.373456789",
    ]
    device = recording.devices[0].device
    assert lines[-1].split(",")[1:] == [
        str(round(device.power_w() * 1000)),
        str(round(device.temperature_c())),
        "1380",
        str(device.memory_bytes()[0]),
    ]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_recorded_is_the_energy_of_the_device(world: World, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"power{suffix}"
    devices = world.devices()
    before_j = devices[0].true_energy_j()
    recording = world.record(devices, output)
    spent_j = devices[0].true_energy_j() - before_j
    assert recording.energy_j == pytest.approx(spent_j, rel=1e-3)
    assert energy(output) == pytest.approx(recording.energy_j, rel=1e-6)  # whole milliwatts in the file
    integral = recording.devices[0].integral
    assert integral.samples == len(read_power_log(output)) == 101
    assert (integral.time_s, integral.max_gap_s) == (pytest.approx(10.0), pytest.approx(0.1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"power{suffix}",
        f"power{suffix}.manifest.json",
    ]


def test_several_devices_have_a_log_each(world: World, output: Path) -> None:
    recording = world.record(world.devices("sim:v100,a40,load=0.5"), output, 1.0)
    names = ["power+gpu0.csv", "power+gpu1.csv"]
    assert [of.path.name for of in recording.devices] == names
    assert sum(energy(output.with_name(name)) for name in names) == pytest.approx(
        recording.energy_j, rel=1e-6
    )
    kinds = [read_manifest(of.path) for of in recording.devices]
    assert [info and info.name for info in kinds] == [of.device.info.name for of in recording.devices]
    assert all(info and info.provenance is Provenance.MODEL for info in kinds)
    assert not output.exists()


def test_devices_of_one_number_do_not_share_a_log(world: World) -> None:
    one, other = world.devices("sim:v100")[0], world.devices("sim:a40")[0]
    assert [path.name for path in recording_paths(Path("p.csv"), [one, other])] == [
        "p+device0.csv",
        "p+device1.csv",
    ]
    assert one.info.kind is DeviceKind.GPU


def test_a_system_clock_that_is_set_moves_no_time_stamp(world: World, output: Path) -> None:
    def set_back() -> None:
        world.set_s = -3600.0

    world.at[5.0] = set_back
    recording = world.record(world.devices(), output)
    times = read_power_log(output).time_ns.tolist()  # refuses time that runs backwards
    assert {later - earlier for earlier, later in pairwise(times)} == {10**8}
    assert recording.clock_step_s == pytest.approx(-3600.0)


def test_a_clock_that_drifts_was_not_set(world: World, output: Path) -> None:
    def drift() -> None:
        world.set_s += 0.01
        world.at[world.now.s - 5000.0 + 0.1] = drift

    world.at[0.1] = drift
    assert world.record(world.devices(), output).clock_step_s == 0
    assert world.set_s > 0.9


def test_a_lost_device_ends_its_own_recording(world: World, output: Path) -> None:
    recording = world.record(world.devices("sim:v100x2,lost=4"), output)
    first, lost = recording.devices
    assert first.error is None
    assert first.integral.samples == 101
    assert isinstance(lost.error, DeviceLostError)
    assert len(read_power_log(lost.path)) == lost.integral.samples == 40
    assert not read_power_log(lost.path).torn


def test_when_nothing_is_left_the_recording_ends(world: World, output: Path) -> None:
    world.record(world.devices("sim:v100,lost=4"), output, 1e6)
    assert world.now.s < 5005


def test_a_reading_that_fails_once_is_a_gap(world: World, output: Path) -> None:
    devices = world.devices()

    def fail() -> None:
        devices[0].fault = DeviceError("no answer")

    def answer() -> None:
        devices[0].fault = None

    world.at |= {3.0: fail, 5.0: answer}
    (of,) = world.record(devices, output).devices
    assert (of.error, of.missed, of.integral.samples) == (None, 20, 81)
    assert of.integral.max_gap_s == pytest.approx(2.1)


class Disk:
    """Stands in for a file on a disk that takes `free` bytes."""

    def __init__(self, file, free: int) -> None:
        self.file = file
        self.free = free

    def write(self, content: memoryview) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self.file.write(content[: self.free])
        self.free -= taken
        return taken

    def __getattr__(self, name: str):
        return getattr(self.file, name)


def test_a_full_disk_leaves_whole_lines(world: World, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def on_small_disk(path: Path, mode: str = "r", **options):
        file = opened(path, mode, **options)
        return Disk(file, 1000) if path == output else file

    monkeypatch.setattr(Path, "open", on_small_disk)
    (of,) = world.record(world.devices(), output, 1e6).devices
    monkeypatch.undo()
    assert isinstance(of.error, RecordingError)
    assert f"{output}: cannot be written: No space left on device" in str(of.error)
    log = read_power_log(output)
    assert not log.torn
    assert len(log) == of.integral.samples == (1000 - len("Time,Power\n")) // 37


def test_a_parquet_file_that_cannot_be_made_leaves_the_samples(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(log: Path, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(log_writing, "_convert_to_parquet", full)
    output = tmp_path / "power.parquet"
    (of,) = world.record(world.devices(), output).devices
    assert "No space left on device; the samples are in" in str(of.error)
    assert len(read_power_log(tmp_path / "power.parquet.partial.csv")) == 101
    assert not output.exists()


class Silent(Device):
    """Tells nothing but its power, or not even that."""

    def __init__(self, world: World, fault: DeviceError | None = None) -> None:
        self.info = world.devices()[0].info
        self.fault = fault

    def power_w(self) -> float:
        if self.fault is not None:
            raise self.fault
        return 1.0


def test_what_cannot_be_read_is_refused_before_a_file_is_made(world: World, output: Path) -> None:
    with pytest.raises(NotSupportedError, match="does not tell its clock"):
        world.record((Silent(world),), output, columns=["clock"])
    with pytest.raises(DeviceError, match="asleep"):
        world.record((Silent(world, DeviceError("asleep")),), output)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval_s": -1.0}, "interval -1 s"),
        ({"duration_s": 0.0}, "duration 0 s: expected more than 0 s"),
        ({"duration_s": float("nan")}, "duration nan s"),
        ({"columns": ["temp"]}, "unknown column 'temp': did you mean temperature"),
    ],
)
def test_nonsense_is_refused(world: World, output: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        record(world.devices(), output, **{"wait": world.wait, "clock": world.now, **options})
    assert issubclass(UnknownNameError, InputError)
    assert list(output.parent.iterdir()) == []


def test_no_device_is_refused(output: Path) -> None:
    with pytest.raises(InputError, match="no device to record"):
        record([], output, wait=lambda _: True)


def test_an_interrupt_leaves_a_whole_log(world: World, output: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.at[2.05] = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.record(world.devices(), output)
    assert len(read_power_log(output)) == 21


def test_a_log_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    assert check_output(path) == path
    path.touch()
    with pytest.raises(InputError, match=r"power\.csv: is there already; .* --force"):
        check_output(path)
    assert check_output(path, replace=True) == path
    (tmp_path / "other.parquet.partial.csv").touch()
    with pytest.raises(InputError, match="is there already"):
        check_output(tmp_path / "other.parquet")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("power.csv.gz", "compress it afterwards"),
        ("missing/power.csv", "there is no directory"),
        (".", "is a directory"),
    ],
)
def test_other_outputs_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name)


def test_a_log_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        LogWriter(tmp_path, ["Power"])


def test_time_stamps_keep_every_nanosecond() -> None:
    assert utc_stamp(1657678056708783111) == "2022-07-13 02:07:36.708783111"
    assert utc_stamp(5) == "1970-01-01 00:00:00.000000005"


def test_the_manifest_says_which_device(world: World, output: Path) -> None:
    world.record(world.devices(), output, 1.0, columns=["clock"])
    document = json.loads(manifest_path(output).read_text())
    assert (document["interval_s"], document["columns"]) == (0.1, ["clock"])
    assert read_manifest(output) == world.devices()[0].info
    assert read_manifest(output.with_name("other.csv")) is None
    for broken in ("", "[]", '{"device": {}}', json.dumps(document).replace('"model"', '"guess"')):
        manifest_path(output).write_text(broken)
        with pytest.raises(InputError, match="is no note of a recording"):
            read_manifest(output)


def test_parquet_without_polars_is_refused_at_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"power\.parquet: writing Parquet needs the extra 'parquet'"):
        world.record(world.devices(), tmp_path / "power.parquet")
    assert list(tmp_path.iterdir()) == []
