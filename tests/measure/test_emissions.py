"""Carbon intensity: one number, or hours from a file."""

import pytest

from elastance.devices import CounterInfo, Device, DeviceInfo, DeviceKind
from elastance.errors import InputError
from elastance.measure.emissions import HourEnergy, measure_hours, read_carbon_intensity
from elastance.measure.meter import EnergyMeter
from made_up_time import Now

NOON_S = 1_767_268_800  # 2026-01-01T12:00Z

HOURS = """hour_start,g_per_kwh
2026-01-01T12:00Z,100
2026-01-01T14:00+01:00,200.5

2026-01-01T14:00:00+00:00,0
"""


@pytest.fixture
def hours(tmp_path):
    (tmp_path / "grid.csv").write_text(HOURS)
    return tmp_path / "grid.csv"


def test_a_number_holds_at_all_times() -> None:
    intensity = read_carbon_intensity("412.5")
    assert intensity.constant == intensity.at(0) == 412.5
    assert intensity.co2_g([HourEnergy(0, 3.6e6), HourEnergy(3600, 1.8e6)]) == pytest.approx(412.5 * 1.5)


def test_a_file_holds_by_the_hour(hours) -> None:
    intensity = read_carbon_intensity(str(hours))
    assert intensity.constant is None
    energies = [HourEnergy(NOON_S + hour * 3600, 3.6e6) for hour in range(3)]
    assert [intensity.at(hour.hour_s) for hour in energies] == [100.0, 200.5, 0.0]
    assert intensity.co2_g(energies) == pytest.approx(300.5)
    assert intensity.co2_g([energies[0], HourEnergy(NOON_S + 3600, None)]) is None
    with pytest.raises(
        InputError, match="2026-01-01T15:00Z; the file has 3 hours from 2026-01-01T12:00Z to 2026-01-01T14"
    ):
        intensity.at(NOON_S + 3 * 3600)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns hour_start,g_per_kwh"),
        ("time,intensity\n", "expected the columns hour_start,g_per_kwh"),
        ("hour_start,g_per_kwh\n", "has no hour"),
        ("hour_start,g_per_kwh\n2026-01-01T12:00Z\n", "row 2: expected 2 cells, got 1"),
        ("hour_start,g_per_kwh\n2026-01-01T12:00,100\n", "row 2: expected the begin of an hour"),
        ("hour_start,g_per_kwh\n2026-01-01T12:30Z,100\n", "row 2: expected the begin of an hour"),
        ("hour_start,g_per_kwh\nnoon,100\n", "row 2: expected the begin of an hour"),
        ("hour_start,g_per_kwh\n2026-01-01T12:00Z,low\n", "row 2: expected g/kWh, got 'low'"),
        ("hour_start,g_per_kwh\n2026-01-01T12:00Z,-1\n", "row 2: -1: expected 0 to 5000"),
        ("hour_start,g_per_kwh\n2026-01-01T12:00Z,1\n2026-01-01T13:00+01:00,1\n", "row 3: .* there twice"),
    ],
)
def test_a_bad_file_is_refused_with_its_row(tmp_path, content, message) -> None:
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_carbon_intensity(str(tmp_path / "bad.csv"))


@pytest.mark.parametrize("text", ["-1", "nan", "1e9", "no-such-file.csv"])
def test_what_is_neither_is_refused(text) -> None:
    with pytest.raises(InputError, match="expected 0 to 5000|neither a number"):
        read_carbon_intensity(text)


def test_energy_is_split_at_the_full_hour() -> None:
    class Heater(Device):
        """A kilowatt before one o'clock, half of that later."""

        info = DeviceInfo("HEATER", "heater", DeviceKind.GPU, 0, "test")
        counter = CounterInfo(0.001, 0.0)

        def energy_j(self) -> float:
            to_one_s = min(now.s, 900.0)
            return 1000.0 * to_one_s + 500.0 * (now.s - to_one_s)

        def power_w(self) -> float:
            return 1000.0

    now = Now()
    waits = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        now.s += seconds if len(waits) < 3 else 60.0
        return len(waits) == 3

    meter = EnergyMeter([Heater()], clock=now, background=False)
    began_s = NOON_S + 2700
    hours = measure_hours(meter, wait, lambda: began_s + now.s)
    assert waits == [900.0, 3600.0, 3600.0]
    assert hours == [
        HourEnergy(NOON_S, 900e3),
        HourEnergy(NOON_S + 3600, 1800e3),
        HourEnergy(NOON_S + 7200, 30e3),
    ]
