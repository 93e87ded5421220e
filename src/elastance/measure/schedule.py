"""When to read a device: at a steady pace that does not drift, however long the reading takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from elastance.devices import Clock

    Wait = Callable[[float], bool]
    """Waits so many seconds; True = stop now."""


def check_interval(interval_s: float, *, least_s: float = 0.0) -> float:
    """Return `interval_s`, s.

    Raises:
        InputError: It is not a time, or shorter than `least_s`.
    """
    if not math.isfinite(interval_s) or interval_s < least_s:
        at_least = f"at least {least_s:g}" if least_s else "0 (no pause) or more"
        raise InputError(f"interval {interval_s:g} s: expected seconds, {at_least}")
    return interval_s


def ticks(
    interval_s: float, *, clock: Clock, wait: Wait, duration_s: float | None = None
) -> Generator[float, None, None]:
    """Give the time, s, whenever a sample is due: now, then every `interval_s`; a tick that was missed is left out.

    Args:
        interval_s: Pace; 0 = as fast as samples are taken.
        clock: Monotonic clock, s.
        wait: Waits so many seconds; ends the ticks by returning True.
        duration_s: After how long the last tick is due; None = never.
    """
    start_s = clock()
    due_s, count = 0.0, 0
    while True:
        while (early_s := start_s + due_s - clock()) > 0:
            if wait(early_s):
                return
        if wait(0.0):
            return
        yield clock()
        elapsed_s = clock() - start_s
        if duration_s is not None and (due_s >= duration_s or elapsed_s >= duration_s):
            return
        if interval_s:
            count = max(count, math.floor(elapsed_s / interval_s)) + 1
            due_s = count * interval_s
        else:
            due_s = elapsed_s
        if duration_s is not None:
            due_s = min(due_s, duration_s)
