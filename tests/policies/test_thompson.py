import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.policies import GaussianBelief, Outcome, Prior, ThompsonSampler, ThompsonSampling
from made_up import make_problem

rewards_lists = st.lists(st.floats(-1e9, -1e-3), min_size=1, max_size=40)


def belief_of(rewards: list[float], **options: object) -> GaussianBelief:
    belief = GaussianBelief(**options)  # type: ignore[arg-type]
    for reward in rewards:
        belief.add(reward)
    return belief


@given(rewards_lists)
def test_posterior_of_a_flat_prior_is_the_sample_mean(rewards: list[float]) -> None:
    belief = belief_of(rewards)
    assert belief.mean == pytest.approx(np.mean(rewards), rel=1e-9)
    if len(rewards) > 1:
        variance = max(np.var(rewards, ddof=1), (0.01 * np.mean(rewards)) ** 2)
        assert belief.deviation == pytest.approx(math.sqrt(variance / len(rewards)), rel=1e-5)


@given(rewards_lists, st.integers(2, 10))
def test_a_window_forgets_what_came_before(rewards: list[float], window: int) -> None:
    windowed = belief_of(rewards, window_size=window)
    fresh = belief_of(rewards[-window:])
    assert windowed.count == fresh.count
    assert windowed.mean == pytest.approx(fresh.mean, rel=1e-9)
    assert windowed.deviation == pytest.approx(fresh.deviation, rel=1e-5)


@given(rewards_lists, st.sampled_from([0, 2, 5]))
def test_a_restored_belief_continues_identically(rewards: list[float], window: int) -> None:
    belief = belief_of(rewards, window_size=window)
    twin = GaussianBelief(window_size=window)
    twin.restore(json.loads(json.dumps(belief.state())))
    for reward in (-3.0, -8.5):
        belief.add(reward)
        twin.add(reward)
    assert (twin.mean, twin.deviation, twin.count) == (belief.mean, belief.deviation, belief.count)


def test_equal_rewards_leave_a_floor_of_doubt() -> None:
    belief = belief_of([-100.0] * 4)
    assert belief.deviation == pytest.approx(1.0 / 2)


def test_a_known_precision_and_a_prior_follow_the_conjugate_update() -> None:
    belief = belief_of([-10.0, -20.0], prior=Prior(-30.0, 2.0), precision=1.0)
    assert belief.mean == pytest.approx((2.0 * -30.0 + 1.0 * -30.0) / 4.0)
    assert belief.deviation == pytest.approx(0.5)


@pytest.mark.parametrize("precision", [0.0, -1.0, math.inf, math.nan])
def test_a_precision_must_be_positive_and_finite(precision: float) -> None:
    with pytest.raises(InputError, match="not a positive finite number"):
        GaussianBelief(precision=precision)


def test_rarely_seen_arms_come_first() -> None:
    beliefs = {8: belief_of([-1.0, -1.0]), 16: belief_of([-1.0]), 32: belief_of([])}
    sampler = ThompsonSampler(beliefs, np.random.default_rng(0))
    assert {sampler.draw() for _ in range(50)} == {16, 32}


def test_a_clearly_better_arm_wins() -> None:
    beliefs = {8: belief_of([-100.0, -101.0]), 16: belief_of([-10.0, -10.1])}
    sampler = ThompsonSampler(beliefs, np.random.default_rng(0))
    assert {sampler.draw() for _ in range(100)} == {16}


def test_the_last_arm_cannot_be_dropped() -> None:
    sampler = ThompsonSampler({8: belief_of([]), 16: belief_of([])}, np.random.default_rng(0))
    sampler.drop(8)
    sampler.drop(16)
    assert list(sampler.beliefs) == [16]


def test_unpruned_sampling_starts_with_the_default_and_drops_what_cannot_start() -> None:
    policy = ThompsonSampling(make_problem(), np.random.default_rng(3))
    assert policy.choose_batch_size() == 32
    policy.observe_run(Outcome(0, 32, 100, 5.0, True))
    policy.observe_run(Outcome(1, 8, None, 999.0, False, started=False))
    assert 8 not in {policy.choose_batch_size() for _ in range(60)}
