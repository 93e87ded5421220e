from elastance.policies import EarlyStoppingGridSearch, GridSearch, Outcome
from made_up import make_facts, make_problem


def tried(grid: GridSearch, outcomes: dict[int, bool], runs: int) -> list[tuple[int, int]]:
    seen = []
    for trial in range(runs):
        size = grid.choose_batch_size()
        limit = grid.choose_power_limit(size)
        seen.append((size, limit))
        grid.observe_run(Outcome(trial, size, limit, size + limit / 1000, outcomes.get(size, True)))
    return seen


def test_default_size_first_then_ascending_with_limits_descending() -> None:
    problem = make_problem(make_facts({8: (5,), 16: (5,), 32: (5,)}, limits=(100, 200)), default=16)
    grid = GridSearch(problem)
    order = [(16, 200), (16, 100), (8, 200), (8, 100), (32, 200), (32, 100)]
    assert tried(grid, {}, 8) == [*order, (8, 100), (8, 100)]


def test_a_size_that_misses_is_dropped_with_its_untried_limits() -> None:
    problem = make_problem(make_facts({8: (5,), 16: (5,), 32: (5,)}, limits=(100, 200)), default=16)
    assert tried(GridSearch(problem), {8: False}, 6) == [
        (16, 200), (16, 100), (8, 200), (32, 200), (32, 100), (16, 100),
    ]  # fmt: skip


def test_when_everything_missed_the_default_is_left() -> None:
    problem = make_problem(make_facts({8: (5,)}, limits=(100,)), default=8)
    assert tried(GridSearch(problem), {8: False}, 3) == [(8, 100)] * 3


def test_only_one_of_the_two_stops_early() -> None:
    assert not GridSearch.early_stopping
    assert EarlyStoppingGridSearch.early_stopping
