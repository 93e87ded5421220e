"""Virtual-time worlds: what a decision would have cost."""

from elastance.simulate.comparison import (
    COMPARED_BY_DEFAULT,
    Comparison,
    PolicyResult,
    simulate_recurring,
)
from elastance.simulate.drift import SliceOutcome, follow_drift
from elastance.simulate.expectation import Expectation, expectations, pareto_front
from elastance.simulate.group_comparison import GroupComparison, GroupPolicyResult, simulate_groups
from elastance.simulate.group_runs import GroupRun, Totals, run_group
from elastance.simulate.groups import GroupHistory, OverlappingJob
from elastance.simulate.histories import History, Task, simulate_history, simulate_seeds
from elastance.simulate.measures import Measures, Spread
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.rules import NormalRules, PublishedRules
from elastance.simulate.world import JobWorld, Launch

__all__ = [
    "COMPARED_BY_DEFAULT",
    "Comparison",
    "Expectation",
    "GroupComparison",
    "GroupHistory",
    "GroupPolicyResult",
    "GroupRun",
    "History",
    "JobWorld",
    "Launch",
    "Measures",
    "NormalRules",
    "OverlappingJob",
    "PolicyResult",
    "PublishedRules",
    "RecurringJob",
    "SliceOutcome",
    "Spread",
    "Task",
    "Totals",
    "expectations",
    "follow_drift",
    "pareto_front",
    "run_group",
    "simulate_groups",
    "simulate_history",
    "simulate_recurring",
    "simulate_seeds",
]
