import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import ConvergenceError
from elastance.runs import RunRecord
from elastance.simulate import Spread, expectations, pareto_front
from elastance.simulate.expectation import default, expected_epochs, oracle
from elastance.simulate.measures import break_even, measure
from elastance.simulate.yardstick import Baselines, Yardstick
from made_up import make_facts, make_problem


def record(size: int, limit: int, cost: float, recurrence: int, *, reached: bool = True) -> RunRecord:
    return RunRecord(size, limit, cost, cost / 10, reached, 1, cost, recurrence, False)


@pytest.mark.parametrize(
    ("paths", "epochs"),
    [((4, 6), 5.0), ((4, None), (4 + 10) / 2 / 0.5), ((12, 4), (10 + 4) / 2 / 0.5), ((None,), math.inf)],
)
def test_expected_epochs_restart_after_a_miss(paths: tuple[int | None, ...], epochs: float) -> None:
    assert expected_epochs(paths, 10) == epochs


def test_oracle_and_default() -> None:
    facts, problem = make_facts(), make_problem()
    table = expectations(facts, problem.job, problem.cost)
    assert oracle(table).cost_j == min(at.cost_j for at in table.values())
    assert default(table, facts, problem.job)[:2] == (32, 200)
    assert table[128, 100].cost_j == math.inf


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_what_never_reaches_the_target_costs_infinitely_much(eta: float) -> None:
    problem = make_problem(eta=eta)
    table = expectations(make_facts(), problem.job, problem.cost)
    assert {at.cost_j for at in table.values() if at.batch_size == 128} == {math.inf}
    reachable = [at.cost_j for at in table.values() if at.batch_size != 128]
    assert all(math.isfinite(cost) for cost in reachable)
    assert oracle(table).cost_j == min(reachable)


def test_nothing_reaches_the_target() -> None:
    facts = make_facts({32: (None,)})
    problem = make_problem(facts)
    table = expectations(facts, problem.job, problem.cost)
    with pytest.raises(ConvergenceError, match="no batch size"):
        oracle(table)
    with pytest.raises(ConvergenceError, match="32 does not reach .* it never does"):
        default(table, facts, problem.job)


def test_the_front_is_what_nothing_beats() -> None:
    problem = make_problem()
    table = expectations(make_facts(), problem.job, problem.cost)
    front = pareto_front(table)
    for at in front:
        assert not any(
            (other.time_s <= at.time_s and other.energy_j < at.energy_j)
            or (other.time_s < at.time_s and other.energy_j <= at.energy_j)
            for other in table.values()
        )
    for at in table.values():
        if math.isfinite(at.cost_j) and at not in front:
            assert any(other.time_s <= at.time_s and other.energy_j <= at.energy_j for other in front)


def test_measures_of_a_small_history() -> None:
    problem = make_problem()
    table = expectations(make_facts(), problem.job, problem.cost)
    best = oracle(table)
    usual = table[32, 200]._replace(energy_j=100.0, time_s=10.0, cost_j=100.0)
    records = [
        record(32, 200, 100.0, 0),
        record(8, 200, 80.0, 1, reached=False),
        record(32, 150, 70.0, 1),
        *(record(16, 100, 50.0, number) for number in range(2, 7)),
    ]
    result = measure(Yardstick.steady(Baselines(table, best, usual), 7), records, 7)
    assert result.energy_j == 500.0
    assert result.time_s == pytest.approx(50.0)
    assert result.regret_oracle_jobs == pytest.approx(500.0 / best.cost_j - 7)
    assert result.final == (16, 100)
    assert result.energy_saving == pytest.approx(0.5)
    assert result.time_saving == pytest.approx(0.5)
    assert result.total_energy_saving == pytest.approx(1 - 500 / 700)
    assert result.break_even_recurrence == 3


def test_failed_tries_count_in_the_last_five() -> None:
    problem = make_problem()
    table = expectations(make_facts(), problem.job, problem.cost)
    usual = table[32, 200]._replace(energy_j=100.0, time_s=10.0, cost_j=100.0)
    records = [record(8, 100, 30.0, 0, reached=False), record(32, 200, 100.0, 0)]
    result = measure(Yardstick.steady(Baselines(table, usual, usual), 1), records, 1)
    assert result.energy_saving == pytest.approx(-0.3)
    assert result.final == (32, 200)


def test_an_empty_history_measures_to_nothing() -> None:
    problem = make_problem()
    table = expectations(make_facts(), problem.job, problem.cost)
    result = measure(Yardstick.steady(Baselines(table, oracle(table), table[32, 200]), 0), [], 0)
    assert (result.energy_j, result.regret_oracle_jobs, result.final) == (0.0, 0.0, None)
    assert result.energy_saving is None
    assert result.break_even_recurrence is None


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.1, 10))
def test_break_even_by_its_definition(costs: list[float], usual: float) -> None:
    sums = [math.fsum(costs[:count]) for count in range(1, len(costs) + 1)]
    held = [total <= count * usual * (1 + 1e-9) for count, total in enumerate(sums, start=1)]
    first = next((k for k in range(1, len(costs) + 1) if all(held[k - 1 :])), None)
    near = any(abs(total - count * usual) <= 1e-6 * usual * count for count, total in enumerate(sums, 1))
    assert near or break_even(costs, [count * usual for count in range(1, len(costs) + 1)]) == first


def test_the_default_breaks_even_at_once() -> None:
    assert break_even([0.1] * 1000, [count * 0.1 for count in range(1, 1001)]) == 1


def test_spread() -> None:
    assert Spread.of([]) == (None, None)
    assert Spread.of([3.0, None]) == (3.0, None)
    mean, ci95 = Spread.of([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert ci95 == pytest.approx(3.1824463 * 1.2909944 / 2)
    assert Spread.of([5.0, 5.0]).ci95 == 0.0
