"""Windows over power logs: their energy and mean power."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, PowerLogError
from elastance.measure import PowerLog, energy, mean_power, read_power_log, summarize
from made_up_logs import SECOND, START, eleven_seconds, make_log


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "power.csv"
    path.write_bytes(eleven_seconds())
    return path


def test_the_published_sample(public_traces: Path) -> None:
    path = public_traces / "power_log_sample.csv"
    log = read_power_log(path)
    summary = summarize(log)
    seconds = (log.time_ns - log.time_ns[0]) / 1e9
    assert summary.energy_j == pytest.approx(float(np.trapezoid(log.power_w, seconds)), rel=1e-12)
    assert (summary.samples, summary.time_s, log.torn) == (19, 0.958481625, False)
    assert energy(path) == pytest.approx(31.00415520421, abs=1e-9)
    assert mean_power(path) == pytest.approx(32.3471565813377, abs=1e-9)


@pytest.mark.parametrize(
    ("start", "end", "samples", "joules"),
    [
        (None, None, 11, 1050.0),
        (0, None, 11, 1050.0),
        (-0.0, None, 11, 1050.0),
        (2, 5, 4, 310.5),
        (1.5, 5.5, 4, 310.5),
        (-3, None, 4, 325.5),
        (None, -7, 4, 304.5),
        (-5, -3, 3, 212.0),
        (2, -3, 6, 522.5),
        (-8, 5, 4, 310.5),
        (2, 1e300, 9, 848.0),
        (-1e300, 2, 3, 202.0),
    ],
)
def test_windows_count_from_both_ends_of_the_whole_log(log_file, start, end, samples, joules) -> None:
    summary = summarize(log_file, start, end)
    assert summary.samples == samples
    assert energy(log_file, start, end) == summary.energy_j == pytest.approx(joules, rel=1e-12)
    assert mean_power(log_file, start, end) == pytest.approx(joules / (samples - 1), rel=1e-12)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, 5, "start 5 s is not before end 5 s"),
        (5, 2, "not before"),
        (-2, -5, "not before"),
        (-10, 0, "start -10 s is not before end 0 s"),
        (None, 0, "not before"),
        (11, None, "not before"),
        (math.nan, None, "start nan: expected seconds"),
        (None, math.inf, "end inf: expected seconds"),
        (2.1, 2.9, "no samples between start 2.1 s and end 2.9 s, .* the log has 11 over 10 s"),
        (1.5, 2.5, "1 sample between"),
        (20, 30, "no samples between"),
    ],
)
def test_a_window_without_two_samples_is_refused(log_file, start, end, message) -> None:
    for ask in (energy, mean_power):
        with pytest.raises(InputError, match=message):
            ask(log_file, start, end)


_gaps = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=40)


@given(_gaps, st.data())
def test_a_window_is_the_trapezoid_over_its_samples(gaps: list[int], data: st.DataObject) -> None:
    times = np.cumsum([START, *gaps])
    powers = np.array(data.draw(st.lists(st.integers(0, 10**6), min_size=len(times), max_size=len(times))))
    log = PowerLog(Path("made-up"), times, powers / 1e3)
    edges = st.integers(-100 * SECOND, 100 * SECOND)
    start, end = data.draw(edges), data.draw(edges)
    low = int(times[0] if start >= 0 else times[-1]) + start
    high = int(times[0] if end >= 0 else times[-1]) + end
    used = [(int(t), int(p)) for t, p in zip(times, powers, strict=True) if low <= t <= high]
    if low >= high or len(used) < 2:
        with pytest.raises(InputError):
            energy(log, start / 1e9, end / 1e9)
        return
    twice_pj = sum((t1 - t0) * (p0 + p1) for (t0, p0), (t1, p1) in pairwise(used))
    assert energy(log, start / 1e9, end / 1e9) == pytest.approx(twice_pj / 2e12, rel=1e-12)


def test_samples_at_one_and_the_same_time_have_no_mean(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(make_log([START, START], [1, 2]))
    assert energy(path) == 0
    with pytest.raises(InputError, match="no mean power"):
        mean_power(path)


def test_a_log_of_fewer_than_two_samples_has_no_energy(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    for count, message in ((0, "no samples, where an energy needs at least 2"), (1, "1 sample, where")):
        path.write_bytes(make_log([START][:count], [1000][:count]))
        with pytest.raises(PowerLogError, match=message):
            energy(path)
