import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.policies.trial_value import CostBeliefs, lower_bound, trial_values


def beliefs(
    mean: list[float], deviation: list[float], *, noise: float = 0.1, longest: float = 50.0
) -> CostBeliefs:
    means = np.array(mean)
    covariance = np.diag(np.array(deviation) ** 2)
    count = len(mean)
    return CostBeliefs(
        means,
        covariance,
        noise**2,
        means + 0.5 * covariance.diagonal(),
        np.full(count, longest),
        np.full(count, -math.inf),
    )


def values(of: CostBeliefs, horizon: float = 50.0, threshold: float = math.inf) -> list[float]:
    return trial_values(of, 0, log_threshold=threshold, horizon=horizon)


def test_running_the_best_costs_nothing_more() -> None:
    assert values(beliefs([0.0, 1.0], [1e-3, 1e-3]))[0] == pytest.approx(0.0, abs=1e-6)


def test_what_is_known_to_be_dearer_is_not_worth_running() -> None:
    found = values(beliefs([0.0, 0.5], [0.0, 0.0]))
    assert found[1] == pytest.approx(1.0 - math.exp(0.5 + 0.005), abs=1e-6)


def test_uncertainty_is_worth_the_more_the_longer_the_horizon() -> None:
    uncertain = beliefs([0.0, 0.2], [0.05, 0.3])
    short, long = values(uncertain, horizon=1.0), values(uncertain, horizon=100.0)
    assert short[1] < 0.0 < long[1]


def test_the_gain_is_that_of_the_textbook_formula() -> None:
    """One uncertain size against a known one: the expected improvement of a log-normal variable."""
    deviation, mean, noise = 0.3, 0.1, 0.1
    found = values(beliefs([0.0, mean], [0.0, deviation], noise=noise), horizon=1e6)[1] / 1e6
    learned = deviation**2 / math.hypot(deviation, noise)
    draws = np.random.default_rng(1).standard_normal(400_000)
    costs = np.exp(mean + 0.5 * deviation**2 - 0.5 * learned**2 + learned * draws)
    assert found == pytest.approx(float(np.maximum(1.0 - costs, 0.0).mean()), rel=0.02)


def test_a_threshold_bounds_the_price() -> None:
    dear = beliefs([0.0, 5.0], [0.0, 0.1])
    assert values(dear)[1] < -100
    assert values(dear, threshold=math.log(2.0))[1] == pytest.approx(-2.0, abs=1e-3)


def test_so_does_the_longest_run_the_job_allows() -> None:
    dear = beliefs([0.0, 5.0], [0.0, 0.1], longest=math.log(0.5))
    assert values(dear)[1] == pytest.approx(-0.5, abs=1e-3)


def test_profiling_adds_to_the_price() -> None:
    plain = beliefs([0.0, 0.5], [0.0, 0.0])
    with_profile = plain._replace(log_profiling=np.array([-math.inf, math.log(0.25)]))
    assert values(plain)[1] - values(with_profile)[1] == pytest.approx(0.25)


def test_some_of_the_sizes() -> None:
    some = beliefs([0.0, 1.0, 2.0], [0.1, 0.2, 0.3]).of([2, 0])
    assert some.mean.tolist() == [2.0, 0.0]
    assert some.covariance.diagonal().tolist() == pytest.approx([0.09, 0.01])


def test_a_bound_above_the_belief_lifts_it_and_one_far_below_says_nothing() -> None:
    value, precision = lower_bound(0.0, 0.04, 0.01, 1.0)
    lifted = value * precision / (1 / 0.04 + precision)
    assert lifted == pytest.approx(0.85, abs=0.05)
    assert lower_bound(0.0, 0.04, 0.01, -5.0)[1] < 1e-3


@given(
    st.lists(st.tuples(st.floats(-600, 600), st.floats(0, 3)), min_size=2, max_size=6),
    st.floats(-700, 700),
    st.floats(0, 1e4),
)
def test_values_are_finite(sizes: list[tuple[float, float]], threshold: float, horizon: float) -> None:
    mean, deviation = zip(*sizes, strict=True)
    of = beliefs(list(mean), list(deviation))
    best = int(np.argmin(of.log_cost))
    found = trial_values(of, best, log_threshold=threshold, horizon=horizon)
    assert all(map(math.isfinite, found))
    assert found[best] >= 0.0


@given(st.floats(-50, 50), st.floats(0, 100), st.floats(1e-4, 1), st.floats(-50, 50))
def test_bounds_are_finite(mean: float, variance: float, noise: float, bound: float) -> None:
    value, precision = lower_bound(mean, variance, noise, bound)
    assert math.isfinite(value)
    assert 0.0 < precision < math.inf
