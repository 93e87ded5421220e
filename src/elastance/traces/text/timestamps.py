"""Times as texts write them, read as microseconds on the clock they were written with.

Days are those of whoever wrote the text, so a time zone is kept beside the clock instead of being applied to it.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = "ISO 8601, Unix time, or the style of 'Mon Apr 06 22:19:45 PDT 2009'"
"""What can be read, in words for messages."""

_EPOCH = datetime(1970, 1, 1)  # a clock without a zone
_MICROSECOND = timedelta(microseconds=1)

CTIME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) (?:(?P<zone>[A-Z]{3}|[+-]\d{4}) )?(?P<year>\d{4})"
)
"""As C's ctime writes a time, with or without a zone: Sentiment140's and Twitter's own style."""

_LEAST_US, _BEYOND_US = (
    (datetime(1, 1, 1) - _EPOCH) // _MICROSECOND,
    (datetime(9999, 12, 31) - _EPOCH) // _MICROSECOND,
)
"""Years that can be written."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}

_ZONE_HOURS = {
    "UTC": 0, "GMT": 0, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}  # fmt: skip
"""The names RFC 822 knows."""

_MILLISECONDS_FROM, _MICROSECONDS_FROM = 1e11, 1e14
"""Unix times from here on are taken as milliseconds, then microseconds; as seconds they lie after the year 5000."""


class Moment(NamedTuple):
    """A time as it was written.

    Attributes:
        wall_us: Microseconds from 1970-01-01 00:00 on the writer's clock.
        offset_s: How far that clock is ahead of UTC, s; None if not written.
    """

    wall_us: int
    offset_s: int | None


def time_reader(first: object) -> Callable[[Any], Moment]:
    """Return a function that reads times written like `first`.

    Raises:
        ValueError: `first` is not a time.
    """
    if isinstance(first, date):
        return _of_date
    if _is_unix(first):
        magnitude = abs(float(first))  # type: ignore[arg-type]
        scale = 1_000_000
        if magnitude >= _MILLISECONDS_FROM:
            scale = 1_000 if magnitude < _MICROSECONDS_FROM else 1
        return lambda value: _of_unix(value, scale)
    if isinstance(first, str) and CTIME.fullmatch(first.strip()):
        return _of_ctime
    _of_iso(first)
    return _of_iso


def _is_unix(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        # Eight digits are a day, as in 20090501.
        return re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", value) is not None and len(value.strip()) != 8
    return isinstance(value, int | float)


def _of_unix(value: Any, scale: int) -> Moment:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)  # noqa: TRY004 - the caller tells what it expected
    if isinstance(value, str):
        # Whole numbers stay exact: a float would round microseconds.
        value = float(value) if "." in value else int(value)
    if not math.isfinite(value):
        raise ValueError(value)
    wall_us = round(value * scale)
    if not _LEAST_US <= wall_us < _BEYOND_US:
        raise ValueError(value)
    return Moment(wall_us, 0)


def _of_ctime(value: object) -> Moment:
    match = CTIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(value)
    month, day, hour, minute, second, zone, year = match.groups()
    wall = datetime(int(year), _MONTHS.get(month, 0), int(day), int(hour), int(minute), int(second))
    return Moment((wall - _EPOCH) // _MICROSECOND, None if zone is None else _zone_offset_s(zone))


def _zone_offset_s(zone: str) -> int:
    if zone in _ZONE_HOURS:
        return 3600 * _ZONE_HOURS[zone]
    if zone[0] not in "+-":
        raise ValueError(zone)
    seconds = 3600 * int(zone[1:3]) + 60 * int(zone[3:5])
    return -seconds if zone[0] == "-" else seconds


def _of_iso(value: object) -> Moment:
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004 - the caller tells what it expected
    return _of_date(datetime.fromisoformat(value.strip()))


def _of_date(value: object) -> Moment:
    if not isinstance(value, date):
        raise ValueError(value)  # noqa: TRY004 - as above
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    offset = value.utcoffset()
    wall_us = (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
    return Moment(wall_us, None if offset is None else round(offset.total_seconds()))


def in_words(wall_us: int) -> str:
    """Return a time as ISO 8601, without a zone."""
    return (_EPOCH + timedelta(microseconds=wall_us)).isoformat(sep=" ")
