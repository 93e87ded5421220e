from hypothesis import given
from hypothesis import strategies as st

from elastance.scheduling import Demand, PlanBook, best_plan

DEMAND = Demand((1.0, 2.0), 8)


def test_it_remembers_the_best_plan_and_that_there_is_none() -> None:
    book = PlanBook((8, 4))
    assert book.plan(DEMAND, (2, 1)) == best_plan(DEMAND, (2, 1))
    assert book.plan(DEMAND, (2, 1)) is book.plan(DEMAND, (2, 1))
    assert book.plan(DEMAND.only(0), (0, 3)) is None


def test_without_a_gpu() -> None:
    book = PlanBook((8, 4))
    plan = book.plan(DEMAND, (1, 1))
    assert plan is not None
    smaller = book.without(DEMAND, plan, 0)
    assert smaller is not None
    assert smaller.gpus == (0, 1)
    assert book.without(DEMAND, smaller, 1) is None


@given(st.integers(1, 8), st.integers(0, 4), st.floats(0.5, 3.0))
def test_proposals_say_truly_what_they_gain(v100: int, t4: int, slow_s: float) -> None:
    demand, book = Demand((1.0, slow_s), 8), PlanBook((8, 4))
    plan = book.plan(demand, (v100, t4))
    assert plan is not None
    for of_type in book.scale_outs(demand, plan):
        gains = [proposal.gain for proposal in of_type]
        assert gains == sorted(gains, reverse=True)
        for proposal in of_type:
            grown = book.plan(demand, proposal.gpus)
            assert grown is not None
            assert grown.step_s == proposal.step_s < plan.step_s
            assert sum(proposal.gpus) <= 2 * plan.size
            assert proposal.gain == (plan.step_s / proposal.step_s - 1.0) / proposal.added
            assert all(held <= there for held, there in zip(proposal.gpus, book.shape, strict=True))
