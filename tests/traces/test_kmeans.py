import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.traces.kmeans import cluster

# Few decimals, so that equal values are common.
VALUES = st.lists(st.integers(-300, 300).map(lambda number: number / 10), min_size=1, max_size=9)


def inertia(values: np.ndarray) -> float:
    return float(((values - values.mean()) ** 2).sum())


def least_inertia(values: np.ndarray, classes: int) -> float:
    """By trying every way to cut the sorted values."""
    ordered = np.sort(values)
    cuts = itertools.combinations(range(1, len(ordered)), classes - 1)
    return min(sum(inertia(part) for part in np.split(ordered, cut)) for cut in cuts)


@given(VALUES, st.data())
def test_no_clustering_is_better(numbers: list[float], data: st.DataObject) -> None:
    values = np.array(numbers)
    classes = data.draw(st.integers(1, len(set(numbers))))
    found = cluster(values, classes)
    assert ((values - found.centres[found.labels]) ** 2).sum() == pytest.approx(
        least_inertia(values, classes), abs=1e-9
    )
    assert sorted(set(found.labels.tolist())) == list(range(classes))
    assert (np.diff(found.centres) > 0).all()
    for label in range(classes):
        assert found.centres[label] == pytest.approx(values[found.labels == label].mean())


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(numbers: list[float], random) -> None:
    classes = min(3, len(set(numbers)))
    shuffled = random.sample(numbers, len(numbers))
    by_value = [
        dict(zip(some, cluster(np.array(some), classes).labels.tolist(), strict=True))
        for some in (numbers, shuffled)
    ]
    assert by_value[0] == by_value[1]


def test_far_from_zero_nothing_is_lost() -> None:
    values = 1e9 + np.array([0.0, 0.001, 5.0, 5.001, 9.0])
    assert cluster(values, 3).labels.tolist() == [0, 0, 1, 1, 2]


def test_many_values_in_well_parted_classes() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(6, size=20_000)
    assert (cluster(truth * 10 + rng.random(20_000), 6).labels == truth).all()


@pytest.mark.parametrize(("values", "classes"), [([], 1), ([1.0, 1.0], 2), ([1.0], 0)])
def test_too_few_distinct_values(values: list[float], classes: int) -> None:
    with pytest.raises(
        InputError, match=f"{len(set(values))} distinct values cannot be parted into {classes}"
    ):
        cluster(np.array(values), classes)
