import pytest

from elastance.simulate import Task, best_by_knob, overhead_of_short_windows, overhead_of_whole_epoch
from made_up import make_facts, make_problem


def test_a_profiling_epoch_is_the_mean_epoch_of_all_limits() -> None:
    facts = make_facts({32: (5,)})
    task = Task(facts, make_problem(facts), 0)
    run = best_by_knob(task).power_limit
    epochs = list(facts.sizes[32].epoch_at.values())
    overhead = overhead_of_whole_epoch(task, run)
    mean_s, mean_j = (sum(of) / len(epochs) for of in zip(*epochs, strict=True))
    assert overhead.time == pytest.approx((mean_s - run.time_s / 5) / run.time_s)
    assert overhead.energy == pytest.approx((mean_j - run.energy_j / 5) / run.energy_j)


def test_short_windows_of_one_limit_add_nothing_as_their_work_counts() -> None:
    facts = make_facts({32: (5,)}, limits=(150,))
    task = Task(facts, make_problem(facts), 0)
    overhead = overhead_of_short_windows(task, task.oracle)
    assert overhead == pytest.approx((0.0, 0.0), abs=1e-15)


def test_short_windows_that_fill_an_epoch_are_a_profiling_epoch_in_shares_of_time() -> None:
    """Window by window: what they take, less what the same work takes at the run's own limit."""
    facts = make_facts({32: (5,)})
    task = Task(facts, make_problem(facts), 0)
    run = task.oracle
    epoch_s, epoch_j = facts.sizes[32].epoch_at[run.power_limit_w]
    extra_s = extra_j = 0.0
    for time_s, energy_j in facts.sizes[32].epoch_at.values():
        share = 20.0 / time_s
        extra_s += 20.0 - share * epoch_s
        extra_j += share * (energy_j - epoch_j)
    overhead = overhead_of_short_windows(task, run, seconds_per_limit=20.0)
    assert overhead == pytest.approx((extra_j / run.energy_j, extra_s / run.time_s))
