from hypothesis import given
from hypothesis import strategies as st

from elastance.simulate import Task, best_by_knob
from made_up import make_facts, make_problem

SIZES = (8, 16, 32, 64)


@given(
    epochs=st.fixed_dictionaries({size: st.tuples(st.integers(1, 20)) for size in SIZES}),
    eta=st.floats(0, 1),
)
def test_each_knob_finds_the_cheapest_it_can_reach(epochs, eta: float) -> None:
    facts = make_facts(epochs)
    task = Task(facts, make_problem(facts, eta=eta), 0)
    knobs, default = best_by_knob(task), task.default
    assert knobs.batch_size.power_limit_w == default.power_limit_w
    assert knobs.power_limit.batch_size == default.batch_size
    assert knobs.both.cost_j <= min(knobs.batch_size.cost_j, knobs.power_limit.cost_j)
    assert max(knobs.batch_size.cost_j, knobs.power_limit.cost_j) <= default.cost_j
    for size in SIZES:
        assert knobs.batch_size.cost_j <= task.table[size, default.power_limit_w].cost_j


def test_a_size_that_never_reaches_the_target_is_not_the_best_at_any_eta() -> None:
    facts = make_facts({8: (None,), 32: (5,)})
    for eta in (0.0, 1.0):
        task = Task(facts, make_problem(facts, eta=eta), 0)
        assert best_by_knob(task).batch_size.batch_size == 32
