import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.traces.text.windows import DAY_US, Window, cut_windows, parse_stride, split_rows

HOUR_US = DAY_US // 24


def hours(*values: float) -> np.ndarray:
    return np.array([round(value * HOUR_US) for value in values], dtype=np.int64)


@given(
    st.lists(st.integers(-40, 200), max_size=60).map(sorted),
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(-50, 210)),
)
def test_the_published_rule_day_by_day(at: list[int], rows: int, start: int | None) -> None:
    """One window per day from the first on, in words as plain as can be."""
    expected = []
    left = [hour for hour in at if start is None or hour >= start]
    if left:
        day = left[0] // 24
        begin: float = left[0]
        while begin == left[0] or 24 * day < at[-1]:
            first = next(index for index, hour in enumerate(at) if hour >= begin)
            if first + rows > len(at):
                break
            expected.append((first, first + rows))
            day += 1
            begin = 24 * day
    found = cut_windows(hours(*at), rows=rows, start_us=None if start is None else start * HOUR_US)
    assert [(window.start, window.stop) for window in found] == expected


def test_a_day_without_rows_repeats_the_next_one() -> None:
    windows = cut_windows(hours(1, 2, 25, 73, 74, 97, 98), rows=2)
    assert [window.start for window in windows] == [0, 2, 3, 3, 5]
    assert [window.from_us // DAY_US for window in windows] == [0, 1, 2, 3, 4]
    assert windows[3].overlap(windows[2]) == 1.0
    assert windows[1].overlap(windows[0]) == 0.0
    assert windows[0].overlap(None) == 0.0


def test_overlap_counts_shared_rows() -> None:
    assert Window(0, 3, 7).overlap(Window(0, 0, 4)) == 0.25


def test_strides_shorter_and_longer_than_a_day() -> None:
    times = hours(*range(7, 7 + 96))
    assert [w.start for w in cut_windows(times, rows=1, stride_us=parse_stride("12h"))][:4] == [0, 5, 17, 29]
    assert [w.start for w in cut_windows(times, rows=1, stride_us=parse_stride("2d"))] == [0, 41, 89]
    assert len(cut_windows(times, rows=1, most=2)) == 2


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 5))
def test_training_and_validation_are_the_window(rows: int, share: float, seed: int) -> None:
    try:
        train, validation = split_rows(rows, share, seed)
    except InputError:
        assert int(rows * share) == 0
        return
    assert len(train) == int(rows * share)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(rows))


def test_the_permutation_is_the_published_one() -> None:
    train, validation = split_rows(10, 0.85, 42)
    assert [*train.tolist(), *validation.tolist()] == np.random.default_rng(42).permutation(10).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cut_windows(hours(1), rows=0), "a window of 0 rows"),
        (lambda: cut_windows(hours(1), rows=1, stride_us=0), "stride"),
        (lambda: cut_windows(hours(1), rows=1, most=0), "at most 0 slices"),
        (lambda: split_rows(10, 1.0, 1), "train share 1.0"),
        (lambda: split_rows(10, 0.05, 1), "leaves nothing"),
        (lambda: split_rows(10, float("nan"), 1), "train share nan"),
        (lambda: split_rows(10, 0.5, -1), "seed -1"),
        (lambda: parse_stride("0d"), "stride '0d'"),
        (lambda: parse_stride("1 month"), "such as 1d or 12h"),
    ],
)
def test_nonsense_is_refused(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()
