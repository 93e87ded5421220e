"""Power caps as users write them, and how long a simulated cluster was above one."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InputError
from elastance.scheduling import PowerCap, find_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.simulate.cluster.timeline import Timeline

WATTS = {"w": 1.0, "kw": 1e3, "mw": 1e6}
"""Units of a cap, in lower case; a cluster's is never in milliwatts."""

HEADER = ["time_s", "power_w"]
"""First line of a file that holds a cap as a curve."""

TOLERANCE = 1e-9
"""Share of a cap by which sums of powers may be off through rounding."""


def parse_power_cap(text: str | float) -> PowerCap:
    """Read a cap: a number of watts, ``12kW``, or the name of a CSV file with the columns ``time_s,power_w``.

    Raises:
        InputError: It is none of these, or the file is not a curve; the message names the line.
    """
    found = re.fullmatch(r"\s*([0-9.eE+]+?)\s*([a-zA-Z]*)\s*", str(text))
    if found is not None and found[2].lower() in {"", *WATTS}:
        try:
            power_w = float(found[1]) * WATTS.get(found[2].lower(), 1.0)
        except ValueError:
            power_w = math.nan
        if power_w > 0.0 and math.isfinite(power_w):
            return PowerCap.constant(power_w)
    path = Path(str(text))
    if not path.is_file():
        raise InputError(
            f"power cap {text!r}: expected a power such as 12kW or 9500W, or a CSV file of time_s,power_w"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _curve(path, csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None


def _curve(path: Path, lines: Iterable[list[str]]) -> PowerCap:
    times_s: list[float] = []
    powers_w: list[float] = []
    for number, cells in enumerate(lines, start=1):
        if number == 1:
            if [cell.strip() for cell in cells] != HEADER:
                raise InputError(
                    f"{path}, line 1: expected the header {','.join(HEADER)}, not {','.join(cells)!r}"
                )
            continue
        try:
            time_s, power_w = map(float, cells)
        except ValueError:
            raise InputError(
                f"{path}, line {number}: expected two numbers, not {','.join(cells)!r}"
            ) from None
        if not (math.isfinite(time_s) and math.isfinite(power_w) and power_w > 0.0):
            raise InputError(f"{path}, line {number}: expected a finite time and a power above 0 W")
        if times_s and time_s <= times_s[-1]:
            raise InputError(f"{path}, line {number}: time {time_s:g} s is not after {times_s[-1]:g} s")
        if not times_s and time_s != 0.0:
            raise InputError(f"{path}, line {number}: the curve begins at {time_s:g} s, not at 0 s")
        times_s.append(time_s)
        powers_w.append(power_w)
    if not times_s:
        raise InputError(f"{path}: there is no line of a curve in it")
    return PowerCap(tuple(times_s), tuple(powers_w))


def require_knobs(names: Sequence[str], *, cap: bool, eta: float | None, compat: bool) -> None:
    """Refuse a cap or an eta knob where no policy knows of it.

    Raises:
        InputError: There is none, or `eta` is not between 0 and 1.
    """
    found = [] if compat else [find_scheduler(name) for name in names]
    if cap and not any(info.keeps_power_cap for info in found):
        raise InputError(f"power cap: none of {', '.join(names)} keeps one; energy-elastic does")
    if eta is not None and not any(info.has_eta for info in found):
        raise InputError(f"eta knob: none of {', '.join(names)} has one; energy-elastic does")
    if eta is not None and not 0.0 <= eta <= 1.0:
        raise InputError(f"eta knob {eta:g} is not between 0 (time only) and 1 (energy only)")


def over_cap_s(timeline: Timeline, cap: PowerCap) -> float:
    """Return for how long the GPUs drew more than the cap, s."""
    bounds_s = np.union1d(timeline.time_s, np.clip(cap.time_s, 0.0, timeline.time_s[-1]))
    starts_s = bounds_s[:-1]
    drawn_w = timeline.power_w[np.searchsorted(timeline.time_s, starts_s, side="right") - 1]
    cap_w = np.array([cap.at(time_s) for time_s in starts_s.tolist()])
    return float(np.diff(bounds_s) @ (drawn_w > cap_w * (1.0 + TOLERANCE)))
