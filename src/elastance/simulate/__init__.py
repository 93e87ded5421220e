"""Virtual-time worlds: what a decision would have cost."""

from elastance.simulate.comparison import (
    COMPARED_BY_DEFAULT,
    Comparison,
    PolicyResult,
    simulate_recurring,
)
from elastance.simulate.expectation import Expectation, expectations, pareto_front
from elastance.simulate.histories import History, Task, simulate_history
from elastance.simulate.measures import Measures, Spread
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.rules import NormalRules, PublishedRules
from elastance.simulate.world import JobWorld, Launch

__all__ = [
    "COMPARED_BY_DEFAULT",
    "Comparison",
    "Expectation",
    "History",
    "JobWorld",
    "Launch",
    "Measures",
    "NormalRules",
    "PolicyResult",
    "PublishedRules",
    "RecurringJob",
    "Spread",
    "Task",
    "expectations",
    "pareto_front",
    "simulate_history",
    "simulate_recurring",
]
