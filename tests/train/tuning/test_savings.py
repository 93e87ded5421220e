"""Joules saved and break-even, by numbers that can be added up by hand."""

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.train.tuning.exported import traces_of
from elastance.train.tuning.savings import Default, Spent, break_even, default_of, spent
from elastance.train.tuning.summary import summarize
from made_up_tuning import a_job, a_run

# The default, 128, takes 100 and 120 J; 64 misses once and then takes 60 J.
HISTORY = [
    a_run(0, 128, "reached", energy_j=100.0, cost_j=1000.0),
    a_run(1, 64, "missed", energy_j=150.0, cost_j=1500.0),
    a_run(1, 128, "reached", energy_j=120.0, cost_j=1200.0),
    a_run(2, 64, "reached", energy_j=60.0, cost_j=600.0),
    a_run(3, 64, "killed", energy_j=None, cost_j=None),
    a_run(4, 64, "reached", energy_j=60.0, cost_j=600.0),
    a_run(5, 64, "reached", energy_j=60.0, cost_j=600.0),
    a_run(6, 64, "running", energy_j=None, cost_j=None),
]


def test_the_sums_count_every_run() -> None:
    assert spent(HISTORY) == [
        Spent(0, 1, 100.0, 1000.0),
        Spent(1, 2, 370.0, 3700.0),
        Spent(2, 3, 430.0, 4300.0),
        Spent(3, 3, 430.0, 4300.0),
        Spent(4, 4, 490.0, 4900.0),
        Spent(5, 5, 550.0, 5500.0),
        Spent(6, 5, 550.0, 5500.0),
    ]


def test_the_default_is_what_was_measured_there() -> None:
    # Mean of 100 and 120; their sample deviation is 14.142, by the root of two: 10.
    assert default_of(a_job(), HISTORY) == Default(2, 110.0, pytest.approx(10.0), 1100.0)
    limited = [a_run(0, 128, "reached", energy_j=50.0, power_limit_w=200)]
    assert default_of(a_job(power_limits_w=(200, 300)), limited) is None  # tuned already
    assert default_of(a_job(), HISTORY[:1]) == Default(1, 100.0, None, 1000.0)


def test_saved_and_break_even() -> None:
    document = summarize(a_job(), HISTORY, a_job().policies())
    # Five recurrences at 110 J are 550 J, and 550 J were spent: even from the sixth recurrence on.
    assert document["saved_j"] == pytest.approx(0.0)
    assert document["saved_error_j"] == pytest.approx(50.0)
    assert document["break_even_energy"] == document["break_even_cost"] == 6
    assert document["recurrences"] == {"reached": 5, "begun": 7}
    assert document["runs"] == {"running": 1, "reached": 5, "missed": 1, "failed": 0, "killed": 1}
    more = [*HISTORY, a_run(7, 64, "reached", energy_j=60.0, cost_j=600.0)]
    assert summarize(a_job(), more, a_job().policies())["saved_j"] == pytest.approx(50.0)


def test_it_breaks_even_from_where_it_stays_below() -> None:
    sums = [Spent(0, 1, 9.0, 0.0), Spent(1, 2, 25.0, 0.0), Spent(2, 3, 29.0, 0.0), Spent(3, 4, 38.0, 0.0)]
    assert break_even(sums, "energy_j", 10.0) == 3
    assert break_even(sums, "energy_j", 9.0) is None
    assert break_even([], "energy_j", 9.0) is None


def test_before_the_default_has_run_nothing_is_saved() -> None:
    document = summarize(a_job(), [], a_job().policies())
    assert (document["saved_j"], document["default"], document["energy_j"]) == (None, None, 0.0)


def test_an_arm_says_what_is_believed() -> None:
    policies = a_job().policies()
    arms = summarize(a_job(), HISTORY, policies)["arms"]
    assert [arm["batch_size"] for arm in arms] == [32, 64, 128, 256]
    assert arms[1] == {
        "batch_size": 64, "runs": 4, "reached": 3, "mean_cost_j": 600.0, "mean_energy_j": 60.0, "belief": None,
        "in_the_running": True,
    }  # fmt: skip


def test_exported_traces_leave_out_what_was_stopped() -> None:
    history = [
        a_run(0, 128, "reached", energy_j=300.0, time_s=3.0, epochs=3),
        a_run(1, 128, "reached", energy_j=500.0, time_s=5.0, epochs=5),
        a_run(2, 64, "missed", energy_j=90.0, time_s=1.0, epochs=2),  # stopped early
        a_run(3, 32, "missed", energy_j=90.0, time_s=1.0, epochs=10),  # to the end
        a_run(4, 32, "killed", energy_j=90.0, time_s=1.0, epochs=10),
    ]
    train, power = traces_of(a_job(learning_rate=0.1, optimizer="sgd", learning_rate_rule="auto"), history)
    assert train == [
        ["nightly", "script", 128, "sgd", 0.1, 1, 0.9, 3],
        ["nightly", "script", 128, "sgd", 0.1, 2, 0.9, 5],
        ["nightly", "script", 32, "sgd", 0.025, 1, 0.9, ""],
    ]
    assert power == [
        ["nightly", "script", 32, "sgd", 300, 0.1, 90.0],
        ["nightly", "script", 128, "sgd", 300, 1.0, 100.0],
    ]
