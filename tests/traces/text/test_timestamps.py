from datetime import UTC, date, datetime

import pytest

from elastance.traces.text.timestamps import Moment, in_words, time_reader

SECOND = 1_000_000
APRIL = 1239056385 * SECOND  # 2009-04-06 22:19:45


@pytest.mark.parametrize(
    ("written", "offset_s"),
    [
        ("Mon Apr 06 22:19:45 PDT 2009", -7 * 3600),
        ("Mon Apr  6 22:19:45 2009", None),
        ("Mon Apr 06 22:19:45 +0530 2009", 19800),
        ("Mon Apr 06 22:19:45 -0130 2009", -5400),
        ("2009-04-06 22:19:45", None),
        ("2009-04-06T22:19:45Z", 0),
        ("2009-04-06T22:19:45+02:00", 7200),
        ("20090406T221945", None),
        ("1239056385", 0),
        ("1239056385.0", 0),
        (1239056385, 0),
        (1239056385.0, 0),
        (1239056385000, 0),
        ("1239056385000000", 0),
        (datetime(2009, 4, 6, 22, 19, 45), None),
        (datetime(2009, 4, 6, 22, 19, 45, tzinfo=UTC), 0),
    ],
)
def test_a_time_is_the_writers_clock_and_zone(written, offset_s) -> None:
    assert time_reader(written)(written) == Moment(APRIL, offset_s)


@pytest.mark.parametrize("day", ["2009-04-06", "20090406", date(2009, 4, 6)])
def test_a_day_starts_at_midnight(day) -> None:
    assert in_words(time_reader(day)(day).wall_us) == "2009-04-06 00:00:00"


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "Mon Foo 06 22:19:45 PDT 2009", "Mon Apr 06 22:19:45 XYZ 2009", "2009-13-01", None, True,
     float("nan"), float("inf"), 1e30, [1]],
)  # fmt: skip
def test_what_is_no_time(written) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words it
        time_reader(written)(written)


@pytest.mark.parametrize(("first", "then"), [(1, "2009-04-06"), ("2009-04-06", 1), ("1", True),
                                             ("Mon Apr 06 22:19:45 PDT 2009", "2009-04-06")])  # fmt: skip
def test_all_times_are_written_like_the_first(first, then) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        time_reader(first)(then)


def test_the_first_number_sets_the_unit() -> None:
    read = time_reader(1239056385000)
    assert read(5000).wall_us == 5 * SECOND


def test_whole_numbers_are_exact() -> None:
    assert time_reader("1239056385123457")("1239056385123457").wall_us == 1239056385123457
