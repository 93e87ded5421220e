"""The energy in a power log, or in a window of it."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elastance.errors import InputError, PowerLogError
from elastance.measure.trapezoid import trapezoid_j
from elastance.traces.power_log import PowerLog, read_power_log


class LogSummary(NamedTuple):
    """What a power log, or a window of it, amounts to.

    Attributes:
        energy_j: Trapezoid over the samples used, J.
        time_s: From the first to the last sample used, s.
        samples: How many were used.
        max_gap_s: Longest time between two neighbouring ones, s.
        max_power_w: Highest power among them, W.
        first_ns: Time of the first, ns since 1970.
        last_ns: Time of the last, ns since 1970.
    """

    energy_j: float
    time_s: float
    samples: int
    max_gap_s: float
    max_power_w: float
    first_ns: int
    last_ns: int

    @property
    def mean_power_w(self) -> float:
        """Mean power, W.

        Raises:
            InputError: All samples have the same time.
        """
        if not self.time_s:
            raise InputError(
                f"the {self.samples} samples have one and the same time: they have no mean power"
            )
        return self.energy_j / self.time_s


def energy(log: PowerLog | Path | str, start: float | None = None, end: float | None = None) -> float:
    """Return the energy in a power log or in a window of it, J; the arguments are those of `summarize`."""
    return summarize(log, start, end).energy_j


def mean_power(log: PowerLog | Path | str, start: float | None = None, end: float | None = None) -> float:
    """Return the mean power over a power log or a window of it, W; the arguments are those of `summarize`."""
    return summarize(log, start, end).mean_power_w


def summarize(log: PowerLog | Path | str, start: float | None = None, end: float | None = None) -> LogSummary:
    """Integrate a power log over the samples with `start` <= time <= `end`; nothing is interpolated at the edges.

    Args:
        log: The log, or its file.
        start: Seconds after the first sample of the log; if negative, back from its last. None: the first.
        end: The same, None: the last.

    Raises:
        PowerLogError: The file cannot be used, or has fewer than two samples between `start` and `end`.
        InputError: `start` is not before `end`.
    """
    if not isinstance(log, PowerLog):
        log = read_power_log(Path(log))
    if len(log) < 2:
        raise PowerLogError(
            f"{_counted(len(log))}, where an energy needs at least 2; was the recording cut short?",
            path=log.path,
        )
    first, last = _window(log, start, end)
    used = slice(np.searchsorted(log.time_ns, first, "left"), np.searchsorted(log.time_ns, last, "right"))
    time_ns, power_w = log.time_ns[used], log.power_w[used]
    if len(time_ns) < 2:
        raise PowerLogError(
            f"{_counted(len(time_ns))} between start {_shown(start)} and end {_shown(end)}, where an energy needs "
            f"at least 2; the log has {len(log)} over {float(log.time_ns[-1] - log.time_ns[0]) / 1e9:g} s",
            path=log.path,
        )
    gaps_s = np.diff(time_ns) / 1e9
    return LogSummary(
        energy_j=float(trapezoid_j(gaps_s, power_w[:-1], power_w[1:]).sum()),
        time_s=float(time_ns[-1] - time_ns[0]) / 1e9,
        samples=len(time_ns),
        max_gap_s=float(gaps_s.max()),
        max_power_w=float(power_w.max()),
        first_ns=int(time_ns[0]),
        last_ns=int(time_ns[-1]),
    )


def _window(log: PowerLog, start: float | None, end: float | None) -> tuple[int, int]:
    """Edges of the window, ns since 1970, within the log."""
    first, last = int(log.time_ns[0]), int(log.time_ns[-1])

    def resolve(name: str, offset_s: float) -> int:
        if not math.isfinite(offset_s):
            raise InputError(f"{name} {offset_s}: expected seconds")
        return (first if offset_s >= 0 else last) + round(Fraction(offset_s) * 10**9)

    start_ns = first if start is None else resolve("start", start)
    end_ns = last if end is None else resolve("end", end)
    if start_ns >= end_ns and not (start is None and end is None):
        raise InputError(
            f"start {_shown(start)} is not before end {_shown(end)} in {log.path}, which lasts "
            f"{(last - first) / 1e9:g} s; negative seconds count back from its last sample"
        )
    return max(start_ns, first), min(end_ns, last)


def _shown(offset_s: float | None) -> str:
    return "(none)" if offset_s is None else f"{offset_s:g} s"


def _counted(samples: int) -> str:
    return f"{samples} sample" if samples == 1 else f"{samples or 'no'} samples"
