import math

import pytest

from elastance.errors import ElastanceError
from elastance.simulate import Task, Trial, run_trials, simulate_history
from elastance.simulate.measures import cost_per_recurrence, measure
from made_up import make_facts, make_problem


def task(*, published: bool = False, beta: float = 2.0, recurrences: int = 30, **facts) -> Task:
    made = make_facts(**facts)
    return Task(made, make_problem(made, beta=beta), recurrences, published)


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("policy", ["zeus", "grid", "thompson", "default", "oracle"])
def test_what_is_measured_is_what_each_seed_alone_gives(policy: str, published: bool) -> None:
    of, seeds = task(published=published), (3, 0, 7)
    (result,) = run_trials([Trial(of, policy)], seeds)
    assert result.seeds == seeds
    for seed, measures, costs in zip(seeds, result.measures, result.costs_j, strict=True):
        records = simulate_history(of, policy, seed).records
        assert measures == measure(of.yardstick, records, of.recurrences)
        assert list(costs) == cost_per_recurrence(records, of.recurrences)
        assert math.fsum(costs) == pytest.approx(measures.cost_j, rel=1e-12)


def test_the_number_of_workers_changes_nothing_and_progress_counts_histories() -> None:
    trials = [Trial(task(), "zeus"), Trial(task(beta=math.inf), "grid")]
    alone, shared = list[tuple[int, int]](), list[tuple[int, int]]()
    one = run_trials(trials, range(30), on_progress=lambda *at: alone.append(at))
    two = run_trials(trials, range(30), jobs=2, on_progress=lambda *at: shared.append(at))
    assert [(of.seeds, of.measures, of.costs_j) for of in one] == [
        (of.seeds, of.measures, of.costs_j) for of in two
    ]
    for seen in (alone, shared):
        assert seen[-1] == (60, 60)
        assert seen == sorted(seen)
        assert len(seen) > 2


def test_seeds_that_cannot_finish_are_raised_or_counted() -> None:
    """At so low a beta the published policy sometimes prunes every size."""
    facts = {"epochs": {8: (9, 10, 11, 12), 16: (6, 9), 32: (5, 6, 7, 8), 64: (8, None)}}
    trial = Trial(task(published=True, beta=1.05, **facts), "zeus")
    (kept,) = run_trials([trial], range(40), keep_failures=True)
    assert kept.failures
    assert kept.seeds
    assert sorted((*kept.seeds, *kept.failures)) == list(range(40))
    assert len(kept.measures) == len(kept.seeds) == len(kept.costs_j)
    with pytest.raises(ElastanceError, match=r"batch size|tries|target"):
        run_trials([trial], range(40))


def test_values_leave_out_what_a_history_does_not_have() -> None:
    of = task(recurrences=0)
    (result,) = run_trials([Trial(of, "zeus")], [1, 2])
    assert result.values("energy_saving") == []
    assert result.spread("energy_saving").mean is None
    assert result.values("cost_j") == [0.0, 0.0]
