"""NumPy's own way of reading and setting the state is what the quick one must equal."""

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.elastic.numpy_state import QuickMT19937, quicken


@pytest.fixture(autouse=True)
def _own_generator() -> Iterator[None]:
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.MT19937(5))
    yield
    np.random.set_bit_generator(before)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2000))
def test_state_is_that_of_numpy(seed: int, drawn: int):
    theirs, ours = np.random.MT19937(seed), QuickMT19937()
    theirs.random_raw(drawn)
    ours.state = theirs.state
    assert ours.random_raw() == theirs.random_raw()
    wanted, got = theirs.state, ours.state
    assert got["state"]["key"].tolist() == wanted["state"]["key"].tolist()
    assert got["state"]["pos"] == wanted["state"]["pos"]
    assert got.keys() == wanted.keys()


def test_the_global_generator_goes_on_where_it_stands():
    np.random.seed(3)
    np.random.standard_normal()  # leaves half of a pair behind
    before = np.random.get_state()
    expected = np.random.standard_normal(3)
    np.random.set_state(before)
    quicken()
    assert isinstance(np.random.get_bit_generator(), QuickMT19937)
    assert np.array_equal(np.random.standard_normal(3), expected)
    np.random.set_state(before)
    assert np.array_equal(np.random.standard_normal(3), expected)
    np.random.seed(3)
    np.random.standard_normal()
    assert np.array_equal(np.random.standard_normal(3), expected)


def test_what_was_read_does_not_change_and_can_be_sent():
    quicken()
    state = np.random.get_state()
    copied = pickle.loads(pickle.dumps(state))
    np.random.random(1000)
    assert np.array_equal(state[1], copied[1])


def test_other_generators_are_left_alone():
    other = np.random.PCG64(1)
    np.random.set_bit_generator(other)
    quicken()
    assert np.random.get_bit_generator() is other
