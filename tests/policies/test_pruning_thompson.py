import numpy as np
import pytest

from elastance.policies import Outcome, PruningThompsonSampling
from made_up import make_problem


def explored(costs: dict[int, float]) -> PruningThompsonSampling:
    """A policy whose exploration is over; sizes without a cost missed the target."""
    policy = PruningThompsonSampling(make_problem(), np.random.default_rng(1))
    trial = 0
    while policy.exploring:
        size = policy.choose_batch_size()
        policy.observe_run(Outcome(trial, size, 100, costs.get(size, 99.0), size in costs))
        trial += 1
    return policy


def test_survivors_become_the_arms() -> None:
    assert explored({16: 5.0, 32: 6.0}).arms == (16, 32)


def test_the_bandit_settles_on_the_cheapest() -> None:
    policy = explored({16: 5.0, 32: 50.0, 64: 51.0})
    assert [policy.choose_batch_size() for _ in range(20)] == [16] * 20


def test_a_second_run_during_a_trial_gets_the_best_size_known() -> None:
    policy = PruningThompsonSampling(make_problem(), np.random.default_rng(1))
    assert policy.choose_batch_size() == 32
    policy.observe_run(Outcome(0, 32, 100, 5.0, True))
    assert policy.choose_batch_size() == 16  # the trial
    assert policy.choose_batch_size() == 32  # beside it
    policy.observe_run(Outcome(2, 32, 100, 4.0, True))
    assert policy.exploring
    policy.observe_run(Outcome(1, 16, 100, 9.0, True))
    assert policy.choose_batch_size() == 8


def test_another_run_of_the_same_size_does_not_count_as_the_trial() -> None:
    policy = PruningThompsonSampling(make_problem(), np.random.default_rng(1))
    assert policy.choose_batch_size() == 32
    policy.observe_run(Outcome(None, 32, 100, 5.0, False))
    assert policy.choose_batch_size() == 32, "still awaiting trial 0"
    policy.observe_run(Outcome(0, 32, 100, 5.0, True))
    assert policy.choose_batch_size() == 16


def test_a_run_that_never_started_is_no_reward() -> None:
    policy = explored({16: 5.0, 32: 6.0, 64: 7.0})
    before = policy.state()["beliefs"]
    policy.observe_run(Outcome(99, 64, None, 1e9, False, started=False))
    assert policy.state()["beliefs"] == before
    assert policy.arms == (16, 32)


def test_a_repaired_exploration_says_so() -> None:
    policy = PruningThompsonSampling(make_problem(), np.random.default_rng(1))
    for trial in range(3):
        size = policy.choose_batch_size()
        policy.observe_run(Outcome(trial, size, 100, 5.0, trial == 0))
    assert policy.notes == ()
    size = policy.choose_batch_size()
    policy.observe_run(Outcome(3, size, 100, 50.0, False))
    assert policy.arms == (32,)
    assert "kept" in policy.notes[0]


@pytest.mark.parametrize("window", [0, 3])
def test_the_state_stays_small(window: int) -> None:
    policy = PruningThompsonSampling(make_problem(window_size=window), np.random.default_rng(1))
    sizes = []
    for trial in range(300):
        size = policy.choose_batch_size()
        policy.observe_run(Outcome(trial, size, 100, 5.0 + size / 100 + trial % 7, True))
        sizes.append(len(repr(policy.state())))
    assert sizes[-1] < sizes[50] * 1.5
