from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.train.data_parallel import BatchShares, ShareSampler


@st.composite
def epochs(draw: st.DrawFn) -> list[ShareSampler]:
    """The samplers of all ranks, about to begin the same epoch of a data set of any size."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    at_once = [draw(st.integers(1, 10)) for _ in sizes]
    shares = BatchShares(tuple(sizes), tuple(at_once))
    drop_last = draw(st.booleans())
    samples = draw(st.integers(shares.global_batch_size if drop_last else 1, 60))
    seed, shuffle = draw(st.integers(0, 2**40)), draw(st.booleans())
    samplers = [
        ShareSampler(shares, rank, samples, shuffle=shuffle, seed=seed, drop_last=drop_last)
        for rank in range(shares.ranks)
    ]
    epoch = draw(st.integers(0, 1000))
    for sampler in samplers:
        sampler.set_epoch(epoch)
    return samplers


def counted(sampler: ShareSampler) -> list[list[int]]:
    """The indices that count, by step."""
    batches = iter(sampler)
    steps = []
    for number in range(sampler.steps_per_epoch):
        computed = [(next(batches), part) for part in sampler.step(number)]
        assert all(len(batch) == part.samples for batch, part in computed)
        steps.append([index for batch, part in computed if part.weight for index in batch])
    assert next(batches, None) is None
    return steps


@given(epochs())
def test_no_sample_is_lost_or_counts_twice(samplers: list[ShareSampler]) -> None:
    first = samplers[0]
    seen = Counter(index for sampler in samplers for step in counted(sampler) for index in step)
    assert set(seen.values()) == {1}
    whole = first.steps_per_epoch * first.shares.global_batch_size
    assert len(seen) == min(first.samples, whole)
    assert all(0 <= index < first.samples for index in seen)


@given(epochs())
def test_every_global_batch_is_the_same_for_any_shares(samplers: list[ShareSampler]) -> None:
    first = samplers[0]
    size = first.shares.global_batch_size
    alone = ShareSampler(
        BatchShares((size,), (size,)),
        0,
        first.samples,
        shuffle=first._shuffle,
        seed=first._seed,
        drop_last=first._drop_last,
    )
    alone.set_epoch(first.epoch)
    together = [
        [index for part in parts for index in part] for parts in zip(*map(counted, samplers), strict=True)
    ]
    assert together == counted(alone)


@given(epochs())
def test_its_length_is_the_number_of_micro_batches(samplers: list[ShareSampler]) -> None:
    for sampler in samplers:
        batches = list(sampler)
        assert len(sampler) == len(batches)
        assert all(batches)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def order(seed: int, epoch: int, shuffle: bool = True) -> list[list[int]]:
        sampler = ShareSampler(BatchShares((5, 3), (5, 3)), 0, 100, seed=seed, shuffle=shuffle)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0, shuffle=False)[0] == [0, 1, 2, 3, 4]
    assert order(0, 0, shuffle=False) == order(0, 1, shuffle=False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rank": 2}, "rank 2 of 2: expected 0 to 1"),
        ({"samples": 0}, "a data set of 0 samples has no step: expected at least 1"),
        ({"samples": 7, "drop_last": True}, "expected at least 8"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_what_cannot_be_sampled(changed: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ShareSampler(BatchShares((5, 3), (5, 3)), **({"rank": 0, "samples": 50} | changed))
