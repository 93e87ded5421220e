import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.policies.epoch_tally import DRIFT_DEVIATION, EpochTally, Evidence

RUNS = st.lists(
    st.one_of(
        st.floats(0.0, 5.0).map(lambda value: ("reached", value)),
        st.floats(0.0, 5.0).map(lambda value: ("bound", value)),
        st.floats(1.0, 50.0).map(lambda value: ("miss", value)),
    ),
    max_size=30,
)


def filled(runs: list[tuple[str, float]], window_size: int) -> EpochTally:
    tally = EpochTally(window_size)
    for number, (kind, value) in enumerate(runs, start=1):
        if kind == "reached":
            tally.add_reached(value, number)
        elif kind == "bound":
            tally.add_bound(Evidence(value, 2.0), number)
        else:
            tally.add_miss(value, number)
    return tally


def test_nothing_is_known_at_first() -> None:
    tally = EpochTally()
    assert tally.empty
    assert tally.evidence(0.01, 0) == (0.0, 0.0)
    assert tally.wasted_per_success == 0.0


def test_runs_that_reached_the_target_are_averaged() -> None:
    tally = filled([("reached", 1.0), ("reached", 3.0)], 0)
    assert tally.evidence(0.5, 2) == (pytest.approx(2.0), pytest.approx(4.0))
    assert tally.squares == pytest.approx(2.0)


def test_bounds_and_successes_are_weighed_by_precision() -> None:
    tally = filled([("bound", 4.0), ("reached", 1.0)], 0)
    assert tally.evidence(1.0, 2) == (pytest.approx(3.0), pytest.approx(3.0))


def test_misses_are_spread_over_the_successes() -> None:
    tally = filled([("reached", 1.0), ("miss", 6.0), ("reached", 1.0)], 0)
    assert tally.wasted_per_success == pytest.approx(3.0)


def test_only_the_runs_in_the_window_count_and_older_ones_less() -> None:
    tally = filled([("reached", 9.0), ("reached", 1.0), ("reached", 2.0)], 2)
    variance, drift = 0.01, DRIFT_DEVIATION**2 / 2
    precisions = [1 / (variance + drift * age) for age in (1, 0)]
    value, precision = tally.evidence(variance, 3)
    assert precision == pytest.approx(sum(precisions))
    assert value == pytest.approx((precisions[0] * 1.0 + precisions[1] * 2.0) / sum(precisions))
    assert tally.evidence(variance, 50).precision < precision


@given(RUNS, st.sampled_from([0, 2, 5]))
def test_restored_it_is_the_same_and_goes_on_the_same(runs: list[tuple[str, float]], window: int) -> None:
    tally = filled(runs, window)
    restored = EpochTally(window)
    restored.add_reached(1.0, 1)
    restored.restore(json.loads(json.dumps(tally.state())))
    for other in (tally, restored):
        other.add_reached(2.0, 40)
    assert restored.state() == tally.state()
    assert restored.evidence(0.01, 50) == tally.evidence(0.01, 50)
    assert restored.wasted_per_success == tally.wasted_per_success


@given(RUNS, st.sampled_from([0, 2, 5]))
def test_evidence_is_finite(runs: list[tuple[str, float]], window: int) -> None:
    value, precision = filled(runs, window).evidence(1e-4, len(runs))
    assert math.isfinite(value)
    assert 0.0 <= precision < math.inf
