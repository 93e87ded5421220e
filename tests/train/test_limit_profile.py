from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.train import LimitProfile, LimitWindow, limit_grid
from elastance.train.limit_profile import whole_limits


def test_the_published_grid_went_below_the_minimum() -> None:
    assert limit_grid(100, 260) == (260, 235, 210, 185, 160, 135, 110, 100)
    assert limit_grid(100, 250) == (250, 225, 200, 175, 150, 125, 100)
    assert limit_grid(100, 110) == (110, 100)
    assert limit_grid(100, 100) == (100,)


def test_whole_limits_stay_within_the_range() -> None:
    assert whole_limits(100.0, 250.0, 75.0) == (250, 175, 100)
    assert whole_limits(100.5, 150.5, 25.0) == (150, 125, 101)
    assert whole_limits(100.5, 101.5, 0.5) == (101,)


@given(st.floats(1, 500), st.floats(0, 500), st.floats(1, 100))
def test_a_grid_falls_from_the_maximum_to_the_minimum(min_w: float, span_w: float, step_w: float) -> None:
    grid = limit_grid(min_w, min_w + span_w, step_w)
    assert grid[0] == min_w + span_w
    assert grid[-1] == pytest.approx(min_w)
    assert min(grid) >= min_w
    assert all(0 < high - low <= step_w * (1 + 1e-9) for high, low in pairwise(grid))


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0, 100, 25), (200, 100, 25), (100, 200, 0), (100, 200, float("nan"))]
)
def test_grids_that_cannot_be(low: float, high: float, step: float) -> None:
    with pytest.raises(InputError, match="expected"):
        limit_grid(low, high, step)


def test_between_two_windows_lies_a_straight_line() -> None:
    profile = LimitProfile(
        (LimitWindow(200, 40, 1), LimitWindow(150, 30, 2), LimitWindow(100, 10, 4)), 200, 5
    )
    assert profile.at(150) == LimitWindow(150, 30, 2)
    assert profile.at(175) == LimitWindow(175, 35, 1.5)
    assert profile.at(125) == LimitWindow(125, 20, 3)
    assert profile.at(90) == LimitWindow(100, 10, 4)
    assert profile.at(300) == LimitWindow(200, 40, 1)


@pytest.mark.parametrize(
    "windows",
    [(), ((100, 1, 1), (150, 1, 1)), ((100, 1, 1), (100, 1, 1)), ((100, 0, 1),), ((100, 1, float("inf")),)],
)
def test_profiles_that_cannot_be(windows: tuple) -> None:
    with pytest.raises(InputError):
        LimitProfile(tuple(LimitWindow(*window) for window in windows), 200, 5)
