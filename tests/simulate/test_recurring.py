import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import ConvergenceError, ElastanceError, InputError, PolicyError
from elastance.policies import (
    MaxPowerLimit,
    Outcome,
    PolicyKind,
    PolicyPair,
    Problem,
    build_policy,
    find_policy,
    registered_policies,
)
from elastance.simulate import JobWorld, NormalRules, PublishedRules, RecurringJob
from elastance.simulate.recurring import MAX_TRIES, check_recurrences
from elastance.traces import JobFacts
from made_up import make_facts, make_problem

DECIDING = [info.name for info in registered_policies() if info.kind is not PolicyKind.BASELINE]


class Scripted:
    """Chooses the sizes it was given, then the default; keeps what it was told."""

    def __init__(self, sizes: list[object]) -> None:
        self.sizes = sizes
        self.outcomes: list[Outcome] = []

    def choose_batch_size(self) -> int:
        return self.sizes.pop(0) if self.sizes else 32  # type: ignore[return-value]

    def observe_run(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def world(
    sizes: list[object], facts: JobFacts | None = None, problem: Problem | None = None
) -> tuple[RecurringJob, Scripted]:
    facts = facts or make_facts()
    problem = problem or make_problem(facts)
    policy = Scripted(sizes)
    pair = PolicyPair(policy, MaxPowerLimit(problem))
    return RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(1), name="scripted")), policy


def test_a_plain_run_costs_epochs_times_an_epoch() -> None:
    job, policy = world([32], make_facts({32: (5,)}))
    (record,) = job.run_recurrence()
    time_s, energy_j = make_facts({32: (5,)}).sizes[32].epoch_at[200]
    assert (record.energy_j, record.time_s, record.reached) == (5 * energy_j, 5 * time_s, True)
    assert policy.outcomes == [Outcome(0, 32, 200, record.cost_j, True)]
    assert job.world.min_cost_j == record.cost_j


def test_a_profiling_run_spreads_its_first_epoch_over_the_limits() -> None:
    facts = make_facts({32: (5,)})
    problem = make_problem(facts)
    pair = build_policy(find_policy("zeus"), problem, np.random.default_rng(1))
    job = RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(1)))
    first, second = job.run_recurrence()[0], job.run_recurrence()[0]
    assert (first.profiled, second.profiled) == (True, False)
    size = facts.sizes[32]
    energies = [t * p for t, p in zip(size.time_per_epoch_s, size.average_power_w, strict=True)]
    _, epoch_j = size.epoch_at[second.power_limit_w]
    assert first.energy_j == pytest.approx(sum(energies) / 3 + 4 * epoch_j)
    assert second.energy_j == pytest.approx(5 * epoch_j)


def test_a_miss_is_retried_and_charged_to_its_recurrence() -> None:
    job, policy = world([32, 128, 32], make_facts({32: (5,), 128: (None,)}))
    job.run_recurrence()
    threshold = 2 * job.world.min_cost_j
    records = job.run_recurrence()
    assert [(r.batch_size, r.reached, r.recurrence) for r in records] == [(128, False, 1), (32, True, 1)]
    assert records[0].cost_j <= threshold
    assert [outcome.reached for outcome in policy.outcomes] == [True, False, True]


def test_a_run_too_dear_to_start_is_a_failure_without_a_record() -> None:
    facts = make_facts({8: (1,), 32: (1,)})
    dear = replace(facts.sizes[8], time_per_epoch_s=(1e6, 1e6, 1e6))
    facts = JobFacts({8: dear, 32: facts.sizes[32]}, facts.max_power_w, facts.provenance)
    job, policy = world([32, 8, 32], facts, make_problem(facts))
    job.run_recurrence()
    records = job.run_recurrence()
    assert [record.batch_size for record in records] == [32]
    outcome = policy.outcomes[1]
    assert (outcome.batch_size, outcome.reached, outcome.started) == (8, False, False)
    assert outcome.cost_j == 100 * 2.0 * job.world.min_cost_j


def test_a_profile_too_dear_to_start_teaches_nothing() -> None:
    facts = make_facts({8: (1,), 32: (1,)})
    dear = replace(facts.sizes[8], time_per_epoch_s=(1e6, 1e6, 1e6))
    facts = JobFacts({8: dear, 32: facts.sizes[32]}, facts.max_power_w, facts.provenance)
    problem = make_problem(facts)
    zeus = build_policy(find_policy("zeus"), problem, np.random.default_rng(1))
    job = RecurringJob(JobWorld(facts, problem, zeus, np.random.default_rng(1)))
    for _ in range(4):
        job.run_recurrence()
    assert zeus.power_limit.choose_power_limit(8) is None
    assert zeus.power_limit.choose_power_limit(32) is not None


def test_the_default_missing_at_once_is_an_error() -> None:
    job, _ = world([32], make_facts({32: (25, 30)}))
    with pytest.raises(ConvergenceError, match="32 does not reach .* within 20 epochs: it needs 25 to 30"):
        job.run_recurrence()


def test_the_last_try_gets_through_without_a_threshold() -> None:
    """However tight beta is, a recurrence ends as long as the best size reaches the target at all."""
    facts = make_facts({32: (1, 19)})
    problem = make_problem(facts, beta=1.001)
    policy = Scripted([])
    job = RecurringJob(
        JobWorld(facts, problem, PolicyPair(policy, MaxPowerLimit(problem)), np.random.default_rng(5))
    )
    for _ in range(40):
        records = job.run_recurrence()
        assert records[-1].reached
        assert len(records) <= MAX_TRIES
    assert job.world.min_cost_j < math.inf


def test_twenty_misses_are_an_error_that_says_why() -> None:
    facts = make_facts({32: (5,), 128: (None,)})
    rules = NormalRules()
    rules.lifts_last_threshold = False
    problem = make_problem(facts)
    policy = Scripted([32, *[128] * MAX_TRIES])
    pair = PolicyPair(policy, MaxPowerLimit(problem))
    job = RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(1), rules=rules))
    job.run_recurrence()
    with pytest.raises(
        ConvergenceError, match=r"recurrence 2 missed .* in 20 tries; .*128 \(after 11 epochs\) 20 times"
    ):
        job.run_recurrence()


@pytest.mark.parametrize("choice", [33, "32", None, 32.5])
def test_a_size_that_is_not_on_offer(choice: object) -> None:
    job, _ = world([choice])
    with pytest.raises(PolicyError, match="scripted: chose batch size .* not on offer; there are 8, 16"):
        job.run_recurrence()


def test_a_limit_that_is_not_on_offer() -> None:
    class OddLimit(MaxPowerLimit):
        def choose_power_limit(self, batch_size: int) -> int:
            return 123

    facts = make_facts()
    problem = make_problem(facts)
    pair = PolicyPair(Scripted([]), OddLimit(problem))
    job = RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(1)))
    with pytest.raises(PolicyError, match="power limit for batch size 32 123, which is not on offer"):
        job.run_recurrence()


def test_a_policy_that_never_makes_up_its_mind() -> None:
    class Undecided(MaxPowerLimit):
        def choose_power_limit(self, batch_size: int) -> None:  # type: ignore[override]
            return None

    facts = make_facts()
    problem = make_problem(facts)
    job = RecurringJob(
        JobWorld(facts, problem, PolicyPair(Scripted([]), Undecided(problem)), np.random.default_rng(1))
    )
    with pytest.raises(PolicyError, match="asked for a profile of batch size 32 again"):
        job.run_recurrence()


def test_a_policy_that_raises_is_named() -> None:
    class Raising(Scripted):
        def observe_run(self, outcome: Outcome) -> None:
            raise ZeroDivisionError("oh\nno")

    facts = make_facts({32: (5,)})
    problem = make_problem(facts)
    pair = PolicyPair(Raising([]), MaxPowerLimit(problem))
    job = RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(1), name="mine"))
    with pytest.raises(PolicyError, match="mine: observe_run raised ZeroDivisionError: oh no"):
        job.run_recurrence()


@given(
    name=st.sampled_from(DECIDING),
    seed=st.integers(0, 2**32),
    saved_at=st.integers(0, 30),
    window=st.sampled_from([0, 2, 5]),
    beta=st.sampled_from([1.3, 2.0, math.inf]),
    published=st.booleans(),
)
def test_a_restored_policy_continues_identically(
    name: str, seed: int, saved_at: int, window: int, beta: float, published: bool
) -> None:
    facts = make_facts({8: (9, 10, 11), 16: (6, 7), 32: (5, 5, 6), 64: (8, None), 128: (None, None)})
    problem = make_problem(facts, beta=beta, window_size=window)

    def run(*, interrupted: bool) -> tuple[list[object], list[str]]:
        rules = PublishedRules() if published else NormalRules()
        world_rng, policy_rng = rules.generators(seed)
        pair = build_policy(find_policy(name), problem, policy_rng, published=published)
        job = RecurringJob(JobWorld(facts, problem, pair, world_rng, rules=rules))
        records: list[object] = []
        for number in range(35):
            if interrupted and number == saved_at:
                saved = [json.dumps(part.state()) for part in (pair.batch_size, pair.power_limit)]  # type: ignore[attr-defined]
                fresh = np.random.default_rng(0)
                pair = build_policy(find_policy(name), problem, fresh, published=published)
                for part, state in zip((pair.batch_size, pair.power_limit), saved, strict=True):
                    part.restore(json.loads(state))  # type: ignore[attr-defined]
                job.world.policies = pair
            try:
                records += job.run_recurrence()
            except ElastanceError as error:  # as the published policy may end
                records.append(str(error))
                break
        return records, [json.dumps(part.state()) for part in (pair.batch_size, pair.power_limit)]  # type: ignore[attr-defined]

    assert run(interrupted=True) == run(interrupted=False)


@given(
    name=st.sampled_from(DECIDING),
    seed=st.integers(0, 1000),
    eta=st.floats(0, 1),
    beta=st.floats(1.01, 4) | st.just(math.inf),
    paths=st.dictionaries(
        st.sampled_from([8, 16, 64, 128]),
        # A size reaches the target always or never: one that only sometimes does may end a recurrence for good.
        st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple) | st.just((None, None)),
    ),
)
def test_every_recurrence_ends_and_costs_add_up(
    name: str, seed: int, eta: float, beta: float, paths: dict[int, tuple[int | None, ...]]
) -> None:
    facts = make_facts(dict(sorted((paths | {32: (4, 5, 7)}).items())))
    problem = make_problem(facts, eta=eta, beta=beta)
    world_rng, policy_rng = NormalRules().generators(seed)
    job = RecurringJob(
        JobWorld(facts, problem, build_policy(find_policy(name), problem, policy_rng), world_rng)
    )
    best = math.inf
    for number in range(25):
        records = job.run_recurrence()
        assert [record.reached for record in records] == [False] * (len(records) - 1) + [True]
        for record in records:
            assert record.recurrence == number
            assert record.cost_j == problem.cost.of_run(record.energy_j, record.time_s)
            assert 1 <= record.epochs <= 20
        best = min(best, sum(record.cost_j for record in records))
        assert job.world.min_cost_j == best


def test_a_last_try_that_misses_for_good_is_an_error_that_says_so() -> None:
    """The best size known reaches the target quickly, but only in one path of two."""
    facts = make_facts({32: (1, None)})
    problem = make_problem(facts)
    pair = PolicyPair(Scripted([]), MaxPowerLimit(problem))
    for seed in range(100):
        job = RecurringJob(JobWorld(facts, problem, pair, np.random.default_rng(seed)))
        try:
            job.run_recurrence()
            break
        except ConvergenceError:
            continue
    job.world.facts = make_facts({32: (None,)})
    with pytest.raises(
        ConvergenceError, match="recurrence 2 missed .* was not stopped early and took all 20 epochs"
    ):
        job.run_recurrence()


def test_a_negative_number_of_recurrences() -> None:
    assert check_recurrences(0) == 0
    for wrong in (-1, 1.5, "3"):
        with pytest.raises(InputError, match=f"recurrences {wrong} is not a whole number from 0"):
            check_recurrences(wrong)  # type: ignore[arg-type]
