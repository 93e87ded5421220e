"""What electricity emits: one figure for all times, or one per hour."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from elastance.measure.meter import EnergyMeter

JOULES_PER_KWH = 3.6e6

HOUR_S = 3600

_HEADER = ["hour_start", "g_per_kwh"]
_MOST_G_PER_KWH = 5000.0  # no grid emits as much; what is above is another unit


class HourEnergy(NamedTuple):
    """The energy of one clock hour.

    Attributes:
        hour_s: Begin of the hour, s since 1970 (UTC).
        energy_j: Energy, J; None without a reading.
    """

    hour_s: int
    energy_j: float | None


class CarbonIntensity:
    """Grams of CO2 (equivalent) per kWh.

    Args:
        constant: The same at all times; None if it differs from hour to hour.
        hours: Begin of an hour, s since 1970 (UTC), to what holds in it.
    """

    def __init__(self, constant: float | None, hours: Mapping[int, float] | None = None) -> None:
        self.constant = constant
        self._hours = hours or {}

    def at(self, hour_s: int) -> float:
        """Return what holds in an hour, g/kWh.

        Raises:
            InputError: There is no figure for this hour.
        """
        if self.constant is not None:
            return self.constant
        if hour_s not in self._hours:
            raise InputError(
                f"no carbon intensity is known for the hour from {_written(hour_s)}; the file has"
                f" {len(self._hours)} hours from {_written(min(self._hours))} to {_written(max(self._hours))}"
            )
        return self._hours[hour_s]

    def co2_g(self, hours: Iterable[HourEnergy]) -> float | None:
        """Return what the energy of some hours emits, g; None if a reading is missing.

        Raises:
            InputError: There is no figure for one of the hours.
        """
        grams = 0.0
        for hour_s, energy_j in hours:
            if energy_j is None:
                return None
            grams += energy_j / JOULES_PER_KWH * self.at(hour_s)
        return grams


def read_carbon_intensity(text: str) -> CarbonIntensity:
    """Return the carbon intensity that a number (g/kWh) or the name of an hourly CSV stands for.

    The CSV has the columns ``hour_start,g_per_kwh``: begin of an hour, ISO 8601 with its offset from UTC or Z, and
    what holds in that hour.

    Raises:
        InputError: It is neither; the message names the row.
    """
    try:
        constant = float(text)
    except ValueError:
        return CarbonIntensity(None, _read_hours(Path(text)))
    return CarbonIntensity(_checked(constant, f"carbon intensity {text}"))


def measure_hours(
    meter: EnergyMeter, wait: Callable[[float], bool], wall: Callable[[], float]
) -> list[HourEnergy]:
    """Measure clock hour by clock hour until told to stop.

    Args:
        meter: Where the windows are begun and ended.
        wait: Waits so many seconds; True if told to stop meanwhile.
        wall: Time of the day, s since 1970.
    """
    hours: list[HourEnergy] = []
    began_s = wall()
    meter.begin(_window(0))
    while True:
        stopped = wait(HOUR_S - began_s % HOUR_S)
        now_s = wall()
        if not stopped:
            meter.begin(_window(len(hours) + 1))
        energy_j = meter.end(_window(len(hours))).energy_j
        hours.append(HourEnergy(int(began_s // HOUR_S) * HOUR_S, energy_j))
        if stopped:
            return hours
        began_s = now_s


def _window(index: int) -> str:
    return f"hour {index} of its emissions"


def _read_hours(path: Path) -> dict[int, float]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise InputError(f"carbon intensity {path}: neither a number of g/kWh nor a CSV: {reason}") from None
    if not rows or rows[0][1] != _HEADER:
        raise InputError(f"{path}: expected the columns {','.join(_HEADER)}")
    hours: dict[int, float] = {}
    for number, row in rows[1:]:
        where = f"{path}, row {number}"
        if len(row) != len(_HEADER):
            raise InputError(f"{where}: expected {len(_HEADER)} cells, got {len(row)}")
        hour_s = _hour_s(row[0], where)
        if hour_s in hours:
            raise InputError(f"{where}: the hour {row[0]} is there twice")
        try:
            value = float(row[1])
        except ValueError:
            raise InputError(f"{where}: expected g/kWh, got {row[1]!r}") from None
        hours[hour_s] = _checked(value, f"{where}: {row[1]}")
    if not hours:
        raise InputError(f"{path}: has no hour")
    return hours


def _written(hour_s: int) -> str:
    return f"{datetime.fromtimestamp(hour_s, UTC):%Y-%m-%dT%H:%MZ}"


def _hour_s(text: str, where: str) -> int:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None or start.timestamp() % HOUR_S:
        raise InputError(
            f"{where}: expected the begin of an hour (UTC) with its offset, as 2026-01-31T13:00Z, got {text!r}"
        )
    return int(start.timestamp())


def _checked(value: float, where: str) -> float:
    if not 0.0 <= value <= _MOST_G_PER_KWH or math.isnan(value):
        raise InputError(f"{where}: expected 0 to {_MOST_G_PER_KWH:g} g/kWh")
    return value
