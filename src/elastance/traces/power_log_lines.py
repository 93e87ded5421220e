"""The lines of a power log: what is well formed, and a reader that is as strict but a hundred times as fast.

A line is ``YYYY-MM-DD HH:MM:SS.nnnnnnnnn`` in UTC, then whole numbers: power in mW and what the header adds.
`parse_lines` says what that means; `parse_regular_lines` gives the same numbers for lines that are all exactly so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = list[NDArray[np.int64]]

_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")
_SECOND = re.compile(r":([0-5][0-9])\.([0-9]{9})")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")

_YEARS = range(1970, 2262)
"""Years whose nanoseconds since 1970 fit in 64 bits."""

_TIME_WIDTH = len("2022-07-13 02:07:36.708783111")
_MINUTE_WIDTH = len("2022-07-13 02:07")
_DIGITS_OF_SECOND = np.array([17, 18, *range(20, 29)])
"""Where in a time stamp the digits of its second stand."""
_WEIGHTS = 10 ** np.arange(10, -1, -1, dtype=np.int64)

_NEWLINE, _COMMA, _COLON, _POINT, _ZERO = b"\n,:.0"


class MalformedLineError(ValueError):
    """A line that does not belong in a power log; `index` counts from 0 within what was parsed."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


def parse_lines(block: bytes, header: list[str]) -> Columns:
    """Parse whole lines one by one.

    Args:
        block: Lines, the last with its newline. Windows line ends are accepted.
        header: Names of the columns, ``Time`` first.

    Returns:
        An array per column: nanoseconds since 1970, then the whole numbers as they stand in the file.

    Raises:
        MalformedLineError: The first line that is not well formed.
    """
    rows: list[list[int]] = []
    for index, line in enumerate(block.decode("utf-8", "replace").split("\n")[:-1]):
        cells = line.removesuffix("\r").split(",")
        if len(cells) != len(header):
            raise MalformedLineError(
                f"{line[:60]!r}: {len(cells)} cells where the header has {len(header)}", index
            )
        time_ns = _time_ns(cells[0])
        if time_ns is None:
            raise MalformedLineError(
                f"Time {cells[0][:60]!r}: expected UTC as YYYY-MM-DD HH:MM:SS.nnnnnnnnn", index
            )
        for name, cell in zip(header[1:], cells[1:], strict=True):
            if not _WHOLE_NUMBER.fullmatch(cell):
                raise MalformedLineError(f"{name} {cell[:60]!r}: expected a whole number", index)
        rows.append([time_ns, *map(int, cells[1:])])
    return list(np.array(rows, dtype=np.int64).reshape(-1, len(header)).T)


def _time_ns(text: str) -> int | None:
    minute_ns = _minute_ns(text[:_MINUTE_WIDTH])
    second = _SECOND.fullmatch(text[_MINUTE_WIDTH:])
    if minute_ns is None or second is None:
        return None
    return minute_ns + int(second[1]) * 10**9 + int(second[2])


def _minute_ns(text: str) -> int | None:
    if not _MINUTE.fullmatch(text) or int(text[:4]) not in _YEARS:
        return None
    try:
        minute = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(minute.timestamp()) * 10**9


def parse_regular_lines(block: bytes, columns: int) -> Columns | None:
    """Return what `parse_lines` would, for a block of regular lines; None for any other block."""
    text = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((text == _NEWLINE) | (text == _COMMA))
    if not len(ends) or len(ends) % columns:
        return None
    ends = ends.reshape(-1, columns)  # where each cell ends
    if np.count_nonzero(text == _NEWLINE) != len(ends) or not (text[ends[:, -1]] == _NEWLINE).all():
        return None
    starts = np.concatenate(([0], ends[:-1, -1] + 1))
    if not (ends[:, 0] - starts == _TIME_WIDTH).all():
        return None
    time_ns = _regular_times_ns(np.lib.stride_tricks.sliding_window_view(text, _TIME_WIDTH)[starts])
    numbers = [
        _whole_numbers(text, ends[:, left] + 1, ends[:, right]) for left, right in pairwise(range(columns))
    ]
    parsed = [time_ns, *numbers]
    return None if any(column is None for column in parsed) else [c for c in parsed if c is not None]


def _regular_times_ns(stamps: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Parse time stamps, one per row. The minute is parsed once for all rows that share it."""
    digits = stamps[:, _DIGITS_OF_SECOND] - np.uint8(_ZERO)
    well_formed = (
        (digits <= 9).all()
        and (digits[:, 0] <= 5).all()
        and (stamps[:, 16] == _COLON).all()
        and (stamps[:, 19] == _POINT).all()
    )
    if not well_formed:
        return None
    minutes = np.ascontiguousarray(stamps[:, :_MINUTE_WIDTH]).view(f"S{_MINUTE_WIDTH}").ravel()
    firsts = np.flatnonzero(np.concatenate(([True], minutes[1:] != minutes[:-1])))
    minutes_ns = [_minute_ns(minute.decode("latin-1")) for minute in minutes[firsts].tolist()]
    if None in minutes_ns:
        return None
    lengths = np.diff(np.append(firsts, len(minutes)))
    return np.repeat(np.array(minutes_ns, dtype=np.int64), lengths) + digits.astype(np.int64) @ _WEIGHTS


def _whole_numbers(
    text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Parse the whole numbers that stand in ``text[start:end]``, digit by digit from the right."""
    widths = ends - starts
    if widths.min() < 1 or widths.max() > 18:
        return None
    numbers = np.zeros(len(widths), dtype=np.int64)
    for place in range(int(widths.max())):
        digits = np.where(place < widths, text[ends - 1 - place], _ZERO) - np.uint8(_ZERO)
        if (digits > 9).any():
            return None
        numbers += digits.astype(np.int64) * 10**place
    return numbers
