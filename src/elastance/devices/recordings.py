"""Read the recordings that devices can be replayed from: power logs and power-limit profiles.

A power log is what `elastance.traces.power_log` reads. A profile is a CSV
``window_name,elapsed_time,gpu{i}_energy...``: one measured window per power limit (W), which ends its name.
"""

from __future__ import annotations

import csv
import logging
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header = next(csv.reader([file.readline(1000)]))
            if not {"window_name", "elapsed_time"} <= set(header):
                return _power_samples(path)
            rows = [(number, row) for number, row in enumerate(csv.reader(file), start=2) if row]
    except OSError as error:
        raise InputError(f"{path}: cannot be replayed: {error.strerror}") from None
    return _profile(path, header, rows)


def _power_samples(path: Path) -> PowerSamples:
    from elastance.traces.power_log import read_power_log

    log = read_power_log(path)
    if log.torn:
        _log.warning("%s: the last line is torn and was left out", path)
    times_s: list[float] = ((log.time_ns - log.time_ns[:1]) / 1e9).tolist()
    if not times_s or not times_s[-1]:
        raise InputError(f"{path}: cannot be replayed: it needs samples of at least 2 times")
    return PowerSamples(times_s, log.power_w.tolist())


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
