"""Read the recordings that devices can be replayed from: power logs and power-limit profiles.

A power log is the published monitor's CSV, ``Time,Power[,...]``: UTC with nine decimals, whole milliwatts. A profile
is a CSV ``window_name,elapsed_time,gpu{i}_energy...``: one measured window per power limit (W), which ends its name.
"""

from __future__ import annotations

import csv
import logging
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOG_HEADER = ["Time", "Power"]
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{9})")
_ENERGY = re.compile(r"gpu(\d+)_energy")
_LIMIT = re.compile(r"(?:.*_)?(\d+(?:\.\d+)?)")

_log = logging.getLogger(__name__)


class PowerSamples(NamedTuple):
    """A recorded power log.

    Attributes:
        times_s: When each sample was taken, s after the first.
        powers_w: Power, W.
    """

    times_s: Sequence[float]
    powers_w: Sequence[float]


class Profile(NamedTuple):
    """A recorded power-limit profile.

    Attributes:
        limits_w: The limits it was measured at, W, ascending.
        powers_w: GPU number to its mean power at each of them, W.
    """

    limits_w: Sequence[float]
    powers_w: dict[int, Sequence[float]]


def read_recording(path: Path) -> PowerSamples | Profile:
    """Read a recording of either kind.

    Raises:
        InputError: It cannot be read, or is neither; the message names file and row.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be replayed: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: cannot be replayed: it is not a text file") from None
    rows = [(number, row) for number, row in enumerate(csv.reader(text.splitlines()), start=1) if row]
    header = rows[0][1] if rows else []
    if header[:2] == _LOG_HEADER:
        if not text.endswith("\n"):
            _log.warning("%s: the last line is torn and was left out", path)
            rows.pop()
        return _power_samples(path, rows[1:])
    if {"window_name", "elapsed_time"} <= set(header):
        return _profile(path, header, rows[1:])
    raise InputError(
        f"{path}: cannot be replayed: expected a power log (Time,Power,...) or a power-limit profile"
        " (window_name,elapsed_time,gpu0_energy,...)"
    )


def _power_samples(path: Path, rows: Sequence[tuple[int, list[str]]]) -> PowerSamples:
    times_ns: list[int] = []
    powers_w: list[float] = []
    for number, row in rows:
        stamp = _TIME.fullmatch(row[0])
        if stamp is None or len(row) < len(_LOG_HEADER) or not row[1].isdecimal():
            raise InputError(
                f"{path}, row {number}: expected YYYY-MM-DD HH:MM:SS.nnnnnnnnn and whole milliwatts, got {row}"
            )
        try:
            second = datetime.fromisoformat(stamp[1]).replace(tzinfo=UTC)
        except ValueError:
            raise InputError(f"{path}, row {number}: there is no time {stamp[1]}") from None
        time_ns = int(second.timestamp()) * 10**9 + int(stamp[2])
        if times_ns and time_ns <= times_ns[-1]:
            raise InputError(f"{path}, row {number}: time does not move forward from the row before")
        times_ns.append(time_ns)
        powers_w.append(int(row[1]) / 1e3)
    if len(times_ns) < 2:
        raise InputError(
            f"{path}: cannot be replayed: it has {len(times_ns)} sample(s), at least 2 are needed"
        )
    return PowerSamples([(time_ns - times_ns[0]) / 1e9 for time_ns in times_ns], powers_w)


def _profile(path: Path, header: list[str], rows: Sequence[tuple[int, list[str]]]) -> Profile:
    gpus = {column: int(match[1]) for column in header if (match := _ENERGY.fullmatch(column))}
    if not gpus:
        raise InputError(f"{path}: cannot be replayed: it has no column gpu0_energy")
    windows: dict[float, dict[int, float]] = {}
    for number, row in rows:
        cells = dict(zip(header, row, strict=False))
        limit = _LIMIT.fullmatch(cells.get("window_name", ""))
        if limit is None or float(limit[1]) in windows:
            raise InputError(
                f"{path}, row {number}: expected a window_name that ends in a new power limit, W"
            )
        elapsed_s = _positive(path, number, cells, "elapsed_time")
        windows[float(limit[1])] = {
            gpu: _positive(path, number, cells, column) / elapsed_s for column, gpu in gpus.items()
        }
    if not windows:
        raise InputError(f"{path}: cannot be replayed: it has no window")
    limits_w = sorted(windows)
    return Profile(limits_w, {gpu: [windows[limit][gpu] for limit in limits_w] for gpu in gpus.values()})


def _positive(path: Path, number: int, cells: dict[str, str], column: str) -> float:
    text = cells.get(column, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise InputError(f"{path}, row {number}, column {column}: expected a positive number, got {text!r}")
    return value
