"""Data sets whose samples are no function of index and global random numbers are told apart."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from elastance.elastic.data_check import digest_twice, indices_to_check
from elastance.elastic.random_state import seed_all
from elastance.errors import InputError


class Made(Dataset):
    """Gives what `make` makes of an index."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def digest(make: Any) -> str:
    return digest_twice(Made(make), [0, 5])


def test_samples_from_begin_to_end_are_looked_at():
    assert indices_to_check(100) == [0, 33, 66, 99]
    assert indices_to_check(1) == [0]


def test_global_random_numbers_are_allowed_and_left_alone():
    seed_all(4)
    expected = random.random(), float(np.random.random()), float(torch.rand(()))
    seed_all(4)
    digest(lambda _: (random.random(), np.random.random(), torch.rand(2)))
    assert (random.random(), float(np.random.random()), float(torch.rand(()))) == expected


GENERATOR, NUMPY, PYTHON, SEEN = torch.Generator(), np.random.default_rng(), random.Random(), []


@pytest.mark.parametrize(
    "make",
    [
        lambda index: torch.rand(2, generator=GENERATOR) + index,
        lambda index: NUMPY.random() + index,
        lambda index: {"x": [PYTHON.random(), index]},
        lambda index: (SEEN.append(index), len(SEEN)),
    ],
)
def test_state_of_its_own_is_refused(make: Any):
    with pytest.raises(InputError, match="gives another sample when asked again for the same index"):
        digest(make)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])),
        (np.array([1, 2]), np.array([[1, 2]])),
        (1, 2),
        (1, True),
        ("a", b"a"),
        ({"a": 1}, {"b": 1}),
        ((1, [2]), (1, [3])),
    ],
)
def test_other_samples_have_other_digests(one: Any, other: Any):
    assert digest(lambda _: one) != digest(lambda _: other)
    assert digest(lambda _: one) == digest(lambda _: one)


def test_objects_that_cannot_be_compared_count_by_type():
    assert digest(lambda _: object()) == digest(lambda _: object())
    assert digest(lambda _: np.array([object()])) == digest(lambda _: np.array([object()]))
    assert digest(lambda _: torch.eye(2).to_sparse()) == digest(lambda _: torch.eye(2).to_sparse())


def test_another_order_is_seen():
    data = torch.arange(10.0)
    assert digest_twice(TensorDataset(data), [0, 9]) != digest_twice(TensorDataset(data.flip(0)), [0, 9])
