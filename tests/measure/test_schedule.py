from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.measure.schedule import check_interval, ticks
from made_up_time import Now


def _taken(
    interval_s: float, duration_s: float | None, busy_s: list[float], waits: int = 10**6
) -> list[float]:
    """When ticks come if taking the samples takes so long, the last of `busy_s` for ever."""
    now, found = Now(1000.0), []

    def wait(seconds: float) -> bool:
        nonlocal waits
        waits -= seconds > 0
        now.s += seconds
        return waits < 0

    for number, time_s in enumerate(ticks(interval_s, clock=now, wait=wait, duration_s=duration_s)):
        found.append(round(time_s - 1000.0, 6))
        now.s += busy_s[min(number, len(busy_s) - 1)]
    return found


def test_the_pace_does_not_drift() -> None:
    assert _taken(0.1, 1.0, [0.03]) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_missed_ticks_are_left_out_and_the_grid_is_kept() -> None:
    assert _taken(0.1, 1.0, [0.01, 0.01, 0.35, 0.01]) == [0.0, 0.1, 0.2, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_the_last_tick_is_at_the_end() -> None:
    assert _taken(0.4, 1.0, [0.01]) == [0.0, 0.4, 0.8, 1.0]
    assert _taken(5.0, 1.0, [0.01]) == [0.0, 1.0]
    assert _taken(0.4, 1.0, [2.0]) == [0.0]


def test_without_an_interval_there_is_no_pause() -> None:
    assert _taken(0.0, 1.0, [0.3]) == [0.0, 0.3, 0.6, 0.9]


def test_a_wait_that_says_stop_ends_it() -> None:
    assert _taken(0.5, None, [0.0], waits=3) == [0.0, 0.5, 1.0, 1.5]


@given(st.floats(0.001, 3.0), st.floats(0.01, 20.0), st.lists(st.floats(0.0, 5.0), min_size=1, max_size=20))
def test_ticks_never_bunch_up(interval_s: float, duration_s: float, busy_s: list[float]) -> None:
    taken = _taken(interval_s, duration_s, [*busy_s, 0.1])
    assert taken[0] == 0
    assert all(later > earlier for earlier, later in pairwise(taken))
    assert len(taken) <= duration_s / interval_s + 2


@pytest.mark.parametrize("interval_s", [-1.0, float("nan"), float("inf")])
def test_an_interval_is_a_time(interval_s: float) -> None:
    with pytest.raises(InputError, match="interval .* expected seconds"):
        check_interval(interval_s)


def test_an_interval_may_have_a_least() -> None:
    assert check_interval(0.0) == 0
    with pytest.raises(InputError, match=r"interval 0\.01 s: expected seconds, at least 0\.1"):
        check_interval(0.01, least_s=0.1)
