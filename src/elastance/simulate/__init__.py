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
from elastance.simulate.knobs import Knobs, best_by_knob
from elastance.simulate.measures import Measures, Spread
from elastance.simulate.profiling import (
    ProfilingOverhead,
    overhead_of_short_windows,
    overhead_of_whole_epoch,
)
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.rules import NormalRules, PublishedRules
from elastance.simulate.split_pairs import PAIR_METHODS, PairRow, geometric_means, split_pairs
from elastance.simulate.splits import GpuGroup, SplitComparison, SplitResult, compare_splits, split_problem
from elastance.simulate.trials import Trial, TrialResult, run_trials
from elastance.simulate.world import JobWorld, Launch

__all__ = [
    "COMPARED_BY_DEFAULT",
    "PAIR_METHODS",
    "Comparison",
    "Expectation",
    "GpuGroup",
    "GroupComparison",
    "GroupHistory",
    "GroupPolicyResult",
    "GroupRun",
    "History",
    "JobWorld",
    "Knobs",
    "Launch",
    "Measures",
    "NormalRules",
    "OverlappingJob",
    "PairRow",
    "PolicyResult",
    "ProfilingOverhead",
    "PublishedRules",
    "RecurringJob",
    "SliceOutcome",
    "SplitComparison",
    "SplitResult",
    "Spread",
    "Task",
    "Totals",
    "Trial",
    "TrialResult",
    "best_by_knob",
    "compare_splits",
    "expectations",
    "follow_drift",
    "geometric_means",
    "overhead_of_short_windows",
    "overhead_of_whole_epoch",
    "pareto_front",
    "run_group",
    "run_trials",
    "simulate_groups",
    "simulate_history",
    "simulate_recurring",
    "simulate_seeds",
    "split_pairs",
    "split_problem",
]
