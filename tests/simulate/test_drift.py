"""A job on a data set that drifts: on each recurrence its own slice, its own oracle."""

import math
from dataclasses import replace

import numpy as np
import pytest

from elastance.errors import InputError
from elastance.job import Job
from elastance.policies import build_policy, find_policy
from elastance.runs import Provenance
from elastance.simulate import (
    JobWorld,
    NormalRules,
    PublishedRules,
    RecurringJob,
    Task,
    follow_drift,
    simulate_history,
    simulate_recurring,
)
from elastance.simulate.histories import simulate_seeds
from elastance.simulate.measures import measure
from elastance.simulate.yardstick import Baselines, Yardstick
from elastance.traces import DriftTrace, TrainTrace, read_drift
from elastance.traces.drift_model import DriftSettings, synthesize_drift
from made_up import make_facts, make_problem

SLICES = tuple(make_facts({16: (best,), 32: (5,), 64: (12 - best,)}) for best in (2, 4, 6, 8, 10))


def task(recurrences: int = 7, slices=SLICES, **knobs) -> Task:
    return Task(slices[0], make_problem(slices[0], **knobs), recurrences, slices=slices)


@pytest.mark.parametrize("policy", ["zeus", "grid", "thompson", "pruning-thompson+max-power"])
def test_recurrence_i_draws_from_slice_i_and_the_last_one_repeats(policy) -> None:
    history = simulate_history(task(beta=math.inf), policy, 1)
    epochs = {(record.recurrence, record.batch_size): record.epochs for record in history.records}
    for (recurrence, size), taken in epochs.items():
        best = (2, 4, 6, 8, 10, 10, 10)[recurrence]
        assert taken == {16: best, 32: 5, 64: 12 - best}[size]
    assert {recurrence for recurrence, _ in epochs} == set(range(7))


def test_all_tries_of_a_recurrence_are_on_its_slice() -> None:
    slices = (make_facts({32: (5,), 64: (None,)}), make_facts({32: (4,), 64: (None,)}))
    history = simulate_history(task(6, slices, beta=math.inf), "thompson", 3)
    missed = [record for record in history.records if not record.reached]
    assert missed
    for record in history.records:
        assert record.epochs == (20 if record.batch_size == 64 else 5 if record.recurrence == 0 else 4)


@pytest.mark.parametrize("policy", ["zeus", "grid", "oracle", "default"])
def test_slices_that_are_all_the_same_are_no_drift(policy) -> None:
    facts = make_facts()
    plain = Task(facts, make_problem(facts), 30)
    same = replace(plain, slices=(facts,) * 4)
    assert simulate_history(plain, policy, 5) == simulate_history(same, policy, 5)
    records = simulate_history(plain, policy, 5).records
    steady, drifting = measure(plain.yardstick, records, 30), measure(same.yardstick, records, 30)
    assert steady == measure(
        Yardstick.steady(Baselines(plain.table, plain.oracle, plain.default), 30), records, 30
    )
    for name in ("regret_oracle_jobs", "energy_saving", "time_saving", "total_energy_saving"):
        assert getattr(drifting, name) == pytest.approx(getattr(steady, name), abs=1e-12)
    assert drifting.break_even_recurrence == steady.break_even_recurrence


def test_the_oracle_is_that_of_each_slice() -> None:
    of = task()
    history = simulate_history(of, "oracle", 1)
    assert [record.batch_size for record in history.records] == [16, 16, 32, 64, 64, 64, 64]
    measures = measure(of.yardstick, history.records, 7)
    assert measures.regret_oracle_jobs == pytest.approx(0.0, abs=1e-12)
    assert measures.gap == 0.0
    default = measure(of.yardstick, simulate_history(of, "default", 1).records, 7)
    assert default.energy_saving == pytest.approx(0.0, abs=1e-12)
    assert default.break_even_recurrence == 1
    costs = [record.cost_j for record in history.records]
    usual = sum(record.cost_j for record in simulate_history(of, "default", 1).records)
    assert default.regret_oracle_jobs == pytest.approx((usual - sum(costs)) / (sum(costs) / 7))


def test_a_history_beside_what_was_best() -> None:
    of = task(beta=math.inf)
    history = simulate_history(of, "zeus", 2)
    outcomes = follow_drift(of, history)
    assert [outcome.slice for outcome in outcomes] == [1, 2, 3, 4, 5, 5, 5]
    assert [outcome.oracle.batch_size for outcome in outcomes] == [16, 16, 32, 64, 64, 64, 64]
    assert math.fsum(outcome.energy_j for outcome in outcomes) == math.fsum(
        at.energy_j for at in history.records
    )
    for outcome in outcomes:
        at_best = (outcome.batch_size, outcome.power_limit_w) == outcome.oracle[:2]
        assert outcome.gap == 0.0 if at_best else outcome.gap > 0.0
    plain = Task(SLICES[0], make_problem(SLICES[0]), 3)
    assert [at.slice for at in follow_drift(plain, simulate_history(plain, "zeus", 1))] == [1, 1, 1]


@pytest.mark.parametrize(("rules", "window", "forgets"), [
    (NormalRules(), 2, True), (NormalRules(), 0, False), (PublishedRules(), 2, False),
])  # fmt: skip
def test_with_a_window_the_threshold_forgets(rules, window, forgets) -> None:
    """The first slice is cheap beyond anything that follows; after two more recurrences it is out of the window."""
    slices = (make_facts({32: (1,)}), make_facts({32: (10,)}))
    problem = make_problem(slices[0], window_size=window, beta=100.0)
    pair = build_policy(find_policy("zeus"), problem, np.random.default_rng(1), published=rules.published)
    job = RecurringJob(JobWorld(slices[0], problem, pair, np.random.default_rng(1), rules=rules), slices)
    least = []
    for _ in range(4):
        job.run_recurrence()
        least.append(job.world.min_cost_j)
    assert least[1] == least[0]
    assert (least[2] > least[0]) is forgets
    assert (least[3] > least[0]) is forgets


def drift_trace(tmp_path, **settings) -> DriftTrace:
    return read_drift(synthesize_drift(tmp_path / "d.csv", DriftSettings(**settings))[0])


def test_the_published_setting_is_the_default(tmp_path) -> None:
    drift = drift_trace(tmp_path, slices=12)
    comparison = simulate_recurring(drift=drift, policies=["zeus"])
    assert (comparison.task.recurrences, comparison.task.problem.window_size) == (12, 10)
    assert comparison.task.problem.job.dataset == "sentiment140"
    assert comparison.task.facts.provenance is Provenance.MODEL
    assert comparison.to_json()["drift"]["synthetic"] is True
    other = simulate_recurring(
        "sentiment140", drift=str(drift.path), window_size=0, recurrences=20, policies=["zeus"]
    )
    assert (other.task.recurrences, other.task.problem.window_size) == (20, 0)
    job = Job("sentiment140", "bert_base_uncased", "adamw", 0.84, 10, 64)
    assert simulate_recurring(job, drift=drift, policies=["zeus"]).task.problem.job == job


def test_workers_do_not_change_the_result(tmp_path) -> None:
    drift = drift_trace(tmp_path, slices=8)
    one, two = (
        simulate_recurring(drift=drift, policies=["zeus", "oracle"], seeds=[1, 2, 3], jobs=jobs)
        for jobs in (1, 2)
    )
    assert one.to_json() == two.to_json()
    assert one.histories() == two.histories()


def test_what_does_not_go_with_drift(tmp_path) -> None:
    drift = drift_trace(tmp_path, slices=2)
    with pytest.raises(InputError, match="give up --compat or --drift"):
        simulate_recurring(drift=drift, compat=True)
    with pytest.raises(InputError, match="slice 1 of .* has no rows of it"):
        simulate_recurring("squad", drift=drift)
    train = drift.slices[0]
    several = replace(drift, slices=(replace(train, dataset=["squad", *train.dataset[1:]]),))
    with pytest.raises(InputError, match="which of sentiment140, squad"):
        simulate_recurring(drift=several)
    assert isinstance(train, TrainTrace)


def test_without_recurrences(tmp_path) -> None:
    comparison = simulate_recurring(drift=drift_trace(tmp_path, slices=2), recurrences=0)
    assert comparison["zeus"].measures[0].regret_oracle_jobs == 0


def test_forgetting_pays_where_the_best_size_wanders(tmp_path) -> None:
    """Over a long drift; within 38 slices it matters little, see docs/drift.md."""
    drift = drift_trace(tmp_path, slices=150)
    windowed, unwindowed = (
        simulate_recurring(drift=drift, window_size=window, policies=["zeus"], seeds=range(5))["zeus"]
        for window in (10, 0)
    )
    regrets = [result.spread("regret_oracle_jobs").mean for result in (windowed, unwindowed)]
    assert 2 * regrets[0] < regrets[1]


def test_many_seeds_at_once_follow_the_slices_too() -> None:
    of = task(recurrences=30)
    seeds = range(12)
    assert simulate_seeds(of, "zeus", seeds) == [simulate_history(of, "zeus", seed) for seed in seeds]
