"""Replayed devices: a power log over time, a profile under limits."""

from pathlib import Path

import pytest

from elastance.devices.replay import replay_devices
from elastance.errors import DeviceLostError, InputError, NotSupportedError, UnknownNameError
from elastance.runs import Provenance
from made_up_time import Now

LOG = """Time,Power,Temp
2026-01-01 00:00:00.000000000,100000,40
2026-01-01 00:00:01.000000000,200000,41
2026-01-01 00:00:03.500000000,50000,42
"""
PROFILE = """start_time,window_name,elapsed_time,gpu0_energy,gpu2_energy
1.0,sweep_200,10.0,1800.0,1900.0
9.0,sweep_150,12.0,1440.0,1500.0
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(LOG)
    return tmp_path / "log.csv"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    (tmp_path / "A40,gpu0,2.csv").write_text(PROFILE)
    return tmp_path / "A40,gpu0,2.csv"


def test_a_log_plays_over_time_and_begins_again(log) -> None:
    now = Now(50.0)
    (device,) = replay_devices(f"replay:{log}", clock=now)
    assert (device.info.provenance, device.info.backend, device.counter) == (
        Provenance.REPLAY,
        "replay",
        None,
    )
    for at_s, power_w in [(0, 100), (0.5, 150), (1, 200), (2.25, 125), (3.5, 50), (4.0, 150), (7.5, 150)]:
        now.s = 50.0 + at_s
        assert device.power_w() == pytest.approx(power_w), at_s
    with pytest.raises(NotSupportedError, match="no energy counter"):
        device.energy_j()
    with pytest.raises(NotSupportedError, match="no power limit"):
        device.set_power_limit(100.0)


def test_a_log_may_end(log) -> None:
    now = Now()
    (device,) = replay_devices(f"replay:{log},loop=no", clock=now)
    now.s = 3.5
    assert device.power_w() == 50.0
    now.s = 3.6
    with pytest.raises(DeviceLostError, match=r"ended after 3\.5 s"):
        device.power_w()


def test_a_torn_last_line_is_left_out_and_said_so(log, caplog) -> None:
    log.write_text(LOG + "2026-01-01 00:00:04.0")
    now = Now()
    (device,) = replay_devices(f"replay:{log},loop=no", clock=now)
    assert "torn" in caplog.text
    now.s = 3.5
    assert device.power_w() == 50.0


def test_a_profile_is_one_device_per_gpu_and_follows_the_limit(profile) -> None:
    now = Now()
    first, second = replay_devices(f"replay:{profile}", clock=now)
    assert [first.info.index, second.info.index] == [0, 2]
    assert first.info.id != second.info.id
    assert first.power_limits() == (200.0, 200.0, 150.0, 200.0)
    now.s = 10.0
    assert (first.energy_j(), second.energy_j()) == (1800.0, 1900.0)
    first.set_power_limit(150.0)
    now.s = 22.0
    assert (first.energy_j(), first.power_w()) == (pytest.approx(1800.0 + 1440.0, abs=0.001), 120.0)
    assert second.power_w() == 190.0
    first.set_power_limit(175.0)
    assert (first.power_w(), first.power_limits().current_w) == (150.0, 175.0)
    with pytest.raises(InputError, match="expected 150 to 200 W"):
        first.set_power_limit(100.0)


def test_every_published_profile_replays_its_windows(public_traces) -> None:
    for path in sorted((public_traces / "profiles").glob("*.csv")):
        now = Now()
        devices = replay_devices(f"replay:{path}", clock=now)
        header, *rows = (line.split(",") for line in path.read_text().split())
        for row in rows:
            window = dict(zip(header, row, strict=True))
            before_j = [device.energy_j() for device in devices]
            for device in devices:
                device.set_power_limit(float(window["window_name"].rsplit("_", 1)[1]))
            now.s += float(window["elapsed_time"])
            for device, before in zip(devices, before_j, strict=True):
                expected_j = float(window[f"gpu{device.info.index}_energy"])
                assert device.energy_j() - before == pytest.approx(expected_j, abs=0.003)


def test_the_published_log_can_be_replayed(public_traces) -> None:
    now = Now()
    (device,) = replay_devices(f"replay:{public_traces / 'power_log_sample.csv'}", clock=now)
    assert device.power_w() == 32.402
    now.s = 0.958481625
    assert device.power_w() == 32.303


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n1,2\n", "not a power log"),
        ("Time,Power\n", "at least 2 times"),
        ("Time,Power\n2026-01-01 00:00:00.000000000,5\n", "at least 2 times"),
        ("Time,Power\n2026-01-01 00:00:00.000000000,5.5\n", "row 2"),
        (LOG + "2026-01-01 00:00:02.000000000,5,1\n", "time runs backwards"),
        ("window_name,elapsed_time\nx_100,1\n", "no column gpu0_energy"),
        ("window_name,elapsed_time,gpu0_energy\n", "no window"),
        ("window_name,elapsed_time,gpu0_energy\nx,1,1\n", "row 2: expected a window_name"),
        ("window_name,elapsed_time,gpu0_energy\nx_1,1,1\nx_1,1,1\n", "row 3: expected a window_name"),
        (
            "window_name,elapsed_time,gpu0_energy\nx_1,0,1\n",
            "row 2, column elapsed_time: expected a positive",
        ),
        ("window_name,elapsed_time,gpu0_energy\nx_1,1\n", "row 2, column gpu0_energy: expected a positive"),
    ],
)
def test_a_bad_recording_is_refused_with_its_row(tmp_path, content, message) -> None:
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        replay_devices(f"replay:{tmp_path / 'bad.csv'}")


def test_a_missing_file_and_a_bad_option_are_refused(tmp_path, log) -> None:
    with pytest.raises(InputError, match="No such file"):
        replay_devices(f"replay:{tmp_path / 'none.csv'}")
    with pytest.raises(InputError, match="expected replay:FILE"):
        replay_devices("replay:")
    with pytest.raises(UnknownNameError, match="known: loop"):
        replay_devices(f"replay:{log},lop=no")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(InputError, match="not a power log"):
        replay_devices(f"replay:{tmp_path / 'binary.csv'}")
