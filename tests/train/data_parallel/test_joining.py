"""Who joins, and who is refused; in one process, so that no process group is made."""

import pytest

pytest.importorskip("torch")

from elastance.errors import InputError
from elastance.train import join
from elastance.train.data_parallel.joining import BATCH_SIZES, _equal


def test_alone_a_script_takes_the_whole_batch() -> None:
    share = join(12)
    assert (share.rank, share.ranks, share.batch_size, share.global_batch_size) == (0, 1, 12, 12)


def test_without_a_plan_shares_are_equal() -> None:
    assert _equal(14, 4).batch_sizes == (4, 4, 3, 3)
    with pytest.raises(InputError, match="global batch size 3: expected at least one sample for each of 4"):
        _equal(3, 4)


def test_without_plan_and_batch_size_the_message_says_both_ways() -> None:
    with pytest.raises(InputError, match=r"elastance launch --plan .*join\(global_batch_size=...\)"):
        join()


@pytest.mark.parametrize(
    ("sizes", "ranks", "asked", "message"),
    [
        ("5,3", "3", None, "among 2 ranks .5,3., but there are 3"),
        ("5,3", "2", 9, "global batch size 9 is not the plan's: 8"),
        ("5,three", "2", None, "ELASTANCE_BATCH_SIZES=5,three: expected whole numbers"),
        ("5,0", "2", None, "positive"),
    ],
)
def test_a_plan_that_does_not_fit(
    monkeypatch, sizes: str, ranks: str, asked: int | None, message: str
) -> None:
    monkeypatch.setenv(BATCH_SIZES, sizes)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    with pytest.raises(InputError, match=message):
        join(asked)
