from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.train.data_parallel import BatchShares


@st.composite
def batch_shares(draw: st.DrawFn) -> BatchShares:
    """One to five ranks, with any micro-batches."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    at_once = [draw(st.integers(1, 10)) for _ in sizes]
    return BatchShares(tuple(sizes), tuple(at_once))


@given(batch_shares(), st.data())
def test_an_incomplete_batch_is_shared_whole_and_in_proportion(
    shares: BatchShares, data: st.DataObject
) -> None:
    samples = data.draw(st.integers(1, shares.global_batch_size))
    parts = shares.of(samples)
    assert sum(parts) == samples
    for part, size in zip(parts, shares.batch_sizes, strict=True):
        assert 0 <= part <= size
        assert abs(part - Fraction(samples * size, shares.global_batch_size)) < 1
    assert shares.of(shares.global_batch_size) == shares.batch_sizes


@given(batch_shares(), st.data())
def test_weights_make_the_mean_over_ranks_that_over_samples(shares: BatchShares, data: st.DataObject) -> None:
    parts = shares.of(data.draw(st.integers(1, shares.global_batch_size)))
    for rank, samples in enumerate(parts):
        computed = shares.micro_batches(rank, parts)
        assert sum(part.samples for part in computed if part.weight) == samples
        assert all(part.samples <= shares.micro_batch_sizes[rank] for part in computed)
        for part in computed:
            # DDP divides by the number of ranks; a sample is to count 1 / (samples of the batch).
            counts = part.weight / part.samples / shares.ranks
            assert counts == pytest.approx(1 / sum(parts) if samples else 0.0)


def test_a_share_above_what_fits_is_computed_as_the_plan_supposes() -> None:
    shares = BatchShares((7, 2), (3, 3))
    assert [part.samples for part in shares.micro_batches(0, (7, 2))] == [3, 3, 1]
    assert [part.samples for part in shares.micro_batches(1, (7, 2))] == [2]
    assert shares.steps_are_uneven
    assert not BatchShares((7, 2), (7, 2)).steps_are_uneven


@pytest.mark.parametrize(("sizes", "at_once"), [((), ()), ((3, 0), (3, 1)), ((3,), (0,)), ((3, 2), (3,))])
def test_shares_that_cannot_be(sizes: tuple[int, ...], at_once: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shares"):
        BatchShares(sizes, at_once)
