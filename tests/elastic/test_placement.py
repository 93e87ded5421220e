import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.elastic import Placement
from elastance.errors import InputError


@pytest.mark.parametrize(
    ("text", "hosted"),
    [("4x1", (1, 1, 1, 1)), ("2x2", (2, 2)), ("1x4", (4,)), ("3:2+1+1", (2, 1, 1)), (" 2:1+3 ", (1, 3))],
)
def test_notation(text: str, hosted: tuple[int, ...]):
    placement = Placement.parse(text)
    assert placement.hosted == hosted
    assert Placement.parse(str(placement)) == placement
    assert str(placement) == text.strip()


@pytest.mark.parametrize(
    ("text", "named"),
    [("4", "expected EXECUTORSxWORKERS"), ("0x4", "at least one"), ("2x0", "at least one"),
     ("2:2+1+1", "lists 3"), ("2x2x2", "expected"), ("-1x4", "expected")],
)  # fmt: skip
def test_bad_notation_is_refused(text: str, named: str):
    with pytest.raises(InputError, match=named):
        Placement.parse(text)


@given(st.integers(1, 40), st.integers(1, 40))
def test_even_differs_by_one_at_most(workers: int, executors: int):
    if workers < executors:
        with pytest.raises(InputError, match=f"use at most {workers} executors"):
            Placement.even(workers, executors)
        return
    placement = Placement.even(workers, executors)
    assert (placement.workers, placement.executors) == (workers, executors)
    assert max(placement.hosted) - min(placement.hosted) <= 1


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_every_rank_is_hosted_once_in_order(hosted: list[int]):
    placement = Placement(tuple(hosted))
    ranks = [rank for executor in range(len(hosted)) for rank in placement.ranks(executor)]
    assert ranks == list(range(sum(hosted)))
    assert [len(placement.ranks(executor)) for executor in range(len(hosted))] == hosted
