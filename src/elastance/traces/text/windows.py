"""The slicing rule of Capriccio (Zeus, NSDI'23, section 6.5): overlapping windows of a number of rows, one a day.

A window is a count of rows, not a span of time: it starts at the first row of its day and takes as many rows as
every other. The next one starts a stride later. Where the published script fails on a day without rows, the window
starts at the first row after it, and so equals the next.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elastance.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_US = 86_400_000_000
"""Microseconds of a day."""

_UNITS_US = {"min": 60_000_000, "h": 3_600_000_000, "d": DAY_US, "w": 7 * DAY_US}


class Window(NamedTuple):
    """A run of rows that are neighbours in time.

    Attributes:
        from_us: Where it was to start: the day, or the time, in microseconds from 1970-01-01.
        start, stop: Its first row and the row after its last, among the rows sorted by time.
    """

    from_us: int
    start: int
    stop: int

    def overlap(self, before: Window | None) -> float:
        """Share of its rows that the window before it has too."""
        return 0.0 if before is None else max(0, before.stop - self.start) / (self.stop - self.start)


def cut_windows(
    times_us: NDArray[np.int64],
    *,
    rows: int,
    stride_us: int = DAY_US,
    start_us: int | None = None,
    most: int | None = None,
) -> list[Window]:
    """Return the windows over rows with these times, which are in ascending order.

    Args:
        times_us: Microseconds from 1970-01-01.
        rows: Rows of every window.
        stride_us: From the start of a window to that of the next, counted from midnight of the first window's day.
        start_us: The first window starts at the first row from here on; None = the very first row.
        most: Stop after so many windows; None = where fewer than `rows` are left, or no time is.

    Raises:
        InputError: A number is out of range.
    """
    if rows < 1:
        raise InputError(f"a window of {rows} rows: at least one is needed")
    if stride_us < 1:
        raise InputError("the stride must be longer than nothing")
    if most is not None and most < 1:
        raise InputError(f"at most {most} slices: at least one is needed")
    first = 0 if start_us is None else int(np.searchsorted(times_us, start_us))
    if first + rows > len(times_us):
        return []
    from_us = int(times_us[first])
    # Strides are counted from midnight, so that the next window of the daily rule starts with the next day.
    from_us -= from_us % DAY_US % stride_us if stride_us < DAY_US else from_us % DAY_US
    windows = [Window(from_us, first, first + rows)]
    last_us = int(times_us[-1])
    while len(windows) != most:
        from_us += stride_us
        start = int(np.searchsorted(times_us, from_us))
        if from_us >= last_us or start + rows > len(times_us):
            break
        windows.append(Window(from_us, start, start + rows))
    return windows


def split_rows(rows: int, train_share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows of a window, in which order, go to training and which to validation.

    As published: a permutation by a fresh generator, the same for every window, cut after ``int(share * rows)``.

    Raises:
        InputError: One of the two would be empty, or the seed is negative.
    """
    if seed < 0:
        raise InputError(f"seed {seed} is negative; seeds are whole numbers from 0")
    boundary = int(rows * train_share) if 0.0 < train_share < 1.0 else 0
    if not 0 < boundary < rows:
        raise InputError(
            f"train share {train_share} of {rows} rows leaves nothing to train on or nothing to validate with; "
            "0.85 is usual"
        )
    order = np.random.default_rng(seed).permutation(rows)
    return order[:boundary], order[boundary:]


def parse_stride(text: str) -> int:
    """Return a stride such as ``1d``, ``12h``, ``30min`` or ``1w`` in microseconds.

    Raises:
        InputError: It is not written like that, or is nothing.
    """
    match = re.fullmatch(r"(\d+)(min|h|d|w)", text.strip())
    if match is None or not int(match[1]):
        raise InputError(f"stride {text!r}: expected a number and min, h, d or w, such as 1d or 12h")
    return int(match[1]) * _UNITS_US[match[2]]
