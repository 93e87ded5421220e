"""The short cuts of the published arithmetic, against the plain operations they stand for."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.policies.published import PermutationSkipper, PublishedBelief


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 17])
def test_skipping_a_permutation_leaves_the_stream_where_drawing_it_does(n: int) -> None:
    drawn, skipped = np.random.default_rng(7), np.random.default_rng(7)
    skip = PermutationSkipper(skipped, n)
    for _ in range(2000):
        drawn.choice(n, n, replace=False)
        skip()
        assert drawn.standard_normal() == skipped.standard_normal()


def test_a_word_that_may_be_rejected_is_really_drawn() -> None:
    """Words close to zero are rejected by every bound that is not a power of two."""

    class Small(np.random.PCG64):
        words = 0

        def random_raw(self, size: int) -> np.ndarray:  # type: ignore[override]
            super().random_raw(size)
            self.words += size
            return np.zeros(size, dtype=np.uint64)

    source = Small(3)
    drawn, skipped = np.random.default_rng(3), np.random.Generator(source)
    skip = PermutationSkipper(skipped, 5)
    for _ in range(3):
        drawn.choice(5, 5, replace=False)
        skip()
    assert source.words == 4, "looked at the words once, then gave up"
    assert drawn.random() == skipped.random()


def test_half_a_word_left_over_is_respected() -> None:
    drawn, skipped = np.random.default_rng(3), np.random.default_rng(3)
    drawn.integers(10)
    skipped.integers(10)
    drawn.choice(5, 5, replace=False)
    PermutationSkipper(skipped, 5)()
    assert drawn.random() == skipped.random()


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 17])
def test_a_bounded_integer_is_a_sample_of_one(n: int) -> None:
    """What the world draws, in place of the published sample without replacement."""
    ours, published = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(2000):
        assert ours.integers(n) == published.choice(n, size=1, replace=False)[0]
    assert ours.bit_generator.state == published.bit_generator.state


@given(st.lists(st.floats(-1e9, -1e-3), min_size=1, max_size=300), st.sampled_from([0, 2, 10]))
def test_posterior_to_the_last_bit(rewards: list[float], window: int) -> None:
    belief = PublishedBelief(window)
    for reward in rewards:
        belief.add(reward)
    seen = np.array(rewards[-window:])
    variance = np.var(seen)
    if variance == 0:
        assert (belief.mean, belief.deviation) == (seen.mean(), 0.0)
    else:
        precision = 1 / variance
        total = 0.0 + len(seen) * precision
        assert belief.mean == (0.0 * 0.0 + precision * seen.sum()) / total
        assert belief.deviation == np.sqrt(1 / total)
    twin = PublishedBelief(window)
    twin.restore(json.loads(json.dumps(belief.state())))
    assert (twin.mean, twin.deviation, twin.count) == (belief.mean, belief.deviation, belief.count)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(0, 2**32))
def test_a_scaled_normal_is_a_normal(mean: float, deviation: float, seed: int) -> None:
    scaled, direct = np.random.default_rng(seed), np.random.default_rng(seed)
    assert mean + deviation * float(scaled.standard_normal()) == direct.normal(mean, deviation)
