import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, PolicyError
from elastance.policies import PruningExploration

SIZES = (8, 16, 32, 64, 128, 256)

# Exploration in order, `x` = target not reached, `|` = next round; then the survivors.
SCENARIOS = [
    (128, "128/10 64/9 32/8 16/12 8/21x 256/15 | 32/8 16/12x 64/9 128/10 256/17x", (32, 64, 128)),
    (256, "256/7 128/8 64/9 32/13 16/22x | 256/8 128/8.5 64/9 32/12", (32, 64, 128, 256)),
    (8, "8/10 16/17 32/20 64/25x | 8/10 16/21x", (8,)),
    (
        64,
        "64/10 32/8 16/12 8/15 128/12 256/13 | 32/7 16/10 8/15 64/10 128/12 256/13",
        (8, 16, 32, 64, 128, 256),
    ),
    (64, "64/10 32/22x 128/25x | 64/9", (64,)),
]


@pytest.mark.parametrize(("default", "walk", "survivors"), SCENARIOS)
def test_walks_of_the_published_algorithm(default: int, walk: str, survivors: tuple[int, ...]) -> None:
    exploration = PruningExploration(SIZES, default)
    for step in walk.replace("|", "").split():
        size, cost = step.rstrip("x").split("/")
        assert not exploration.finished
        assert exploration.next_batch_size() == int(size)
        exploration.record(int(size), float(cost), reached=not step.endswith("x"))
    assert exploration.finished
    assert exploration.survivors == survivors


def test_a_result_for_another_size_is_refused() -> None:
    exploration = PruningExploration(SIZES, 64)
    with pytest.raises(PolicyError, match="128 came while 64"):
        exploration.record(128, 1.0, reached=True)


def test_a_result_after_the_end_is_refused() -> None:
    exploration = PruningExploration((8,), 8, rounds=1)
    exploration.record(8, 1.0, reached=True)
    with pytest.raises(PolicyError, match="over"):
        exploration.record(8, 1.0, reached=True)


def test_a_default_that_is_not_on_offer_is_refused() -> None:
    with pytest.raises(InputError, match="100 is not among 8, 16"):
        PruningExploration((8, 16), 100)


def test_a_round_without_survivors_keeps_those_it_began_with() -> None:
    exploration = PruningExploration((8, 16, 32), 16)
    for size in (16, 8, 32):
        exploration.record(size, 1.0, reached=True)
    exploration.record(16, 9.0, reached=False)
    exploration.record(32, 9.0, reached=False)
    assert exploration.finished
    assert exploration.survivors == (8, 16, 32)
    assert exploration.repaired


def test_the_published_variant_gives_up_instead() -> None:
    exploration = PruningExploration((8, 16), 8, keep_survivors=False)
    exploration.record(8, 1.0, reached=False)
    with pytest.raises(PolicyError, match="every batch size was pruned"):
        exploration.record(16, 1.0, reached=False)


@given(
    st.sampled_from(SIZES),
    st.lists(st.tuples(st.floats(1, 100), st.booleans()), min_size=12, max_size=12),
    st.integers(0, 11),
)
def test_always_ends_and_a_restored_walk_continues(
    default: int, results: list[tuple[float, bool]], saved_at: int
) -> None:
    exploration = PruningExploration(SIZES, default)
    runs = 0
    for number, (cost, reached) in enumerate(results):
        if exploration.finished:
            break
        if number == saved_at:
            twin = PruningExploration(SIZES, default)
            twin.restore(json.loads(json.dumps(exploration.state())))
            exploration = twin
        exploration.record(exploration.next_batch_size(), cost, reached=reached)
        runs += 1
        uninterrupted = PruningExploration(SIZES, default)
        for before in results[:runs]:
            uninterrupted.record(uninterrupted.next_batch_size(), before[0], reached=before[1])
        assert uninterrupted.state() == exploration.state()
    assert runs <= 2 * len(SIZES)
    assert exploration.finished
    assert exploration.survivors
