"""The published simulator replayed, and held against what was recorded of it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.finding import Check, Finding, near
from elastance.simulate.cluster import PUBLISHED_POLICIES, ClusterCase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elastance.figures.cluster.facts import ClusterFacts
    from elastance.simulate.cluster import CaseOutcome

PACKAGE = "elastance.figures.easyscale"
"""Where the tables of expected numbers lie."""

RECORDED = "recorded"

INTERVALS_S = (10, 20, 30, 60, 120)
"""Intervals of which there are recorded numbers, s."""

_TOLERANCES = {"makespan_s": 0.03, "mean_gpus": 0.05, "jct_s": 0.10}


def replayed_cases(facts: ClusterFacts) -> list[ClusterCase]:
    """Return a case per interval."""
    return [
        ClusterCase(facts.workload, policies=PUBLISHED_POLICIES, interval_s=float(interval_s), compat=True)
        for interval_s in INTERVALS_S
    ]


def recorded_checks(outcomes: Mapping[str, CaseOutcome]) -> tuple[Check, ...]:
    """Return the checks of a replay at 60 s against the recorded numbers."""
    checks: list[Check] = []
    for row in expected_rows(PACKAGE, "trace_replay"):
        if row["interval_s"] != "60":
            continue
        of = outcomes[row["policy"]].measures
        found = {
            "makespan_s": of.makespan_s,
            "mean_gpus": of.mean_allocated_gpus,
            "jct_s": of.jct_s["mean"],
        }
        for name, tolerance in _TOLERANCES.items():
            expected = float(row[name])
            checks.append(near(f"{name} of {row['policy']}", found[name], expected, tolerance * expected))
    return tuple(checks)


def order_checks(replays: Mapping[int, Mapping[str, CaseOutcome]]) -> tuple[Check, ...]:
    """Return checks that no two makespans stand in another order than the recorded ones.

    Compared are policies at the same interval, and intervals under the same policy.
    """
    recorded = {
        (int(row["interval_s"]), row["policy"]): float(row["makespan_s"])
        for row in expected_rows(PACKAGE, "trace_replay")
    }
    found = {
        (interval_s, policy): of.measures.makespan_s
        for interval_s, outcomes in replays.items()
        for policy, of in outcomes.items()
    }
    swapped = {"policies": 0, "intervals": 0}
    for one, other in combinations(recorded, 2):
        if one[0] != other[0] and one[1] != other[1]:
            continue
        what = "policies" if one[0] == other[0] else "intervals"
        swapped[what] += (recorded[one] - recorded[other]) * (found[one] - found[other]) < 0.0
    return tuple(near(f"pairs of {what} in another order", count, 0, 0) for what, count in swapped.items())


def replay_findings(
    replays: Mapping[int, Mapping[str, CaseOutcome]], facts: ClusterFacts
) -> tuple[Finding, ...]:
    """Hold the replay against what was recorded."""
    against = "the artifact's simulator on rebuilt step times, as recorded"
    return (
        Finding(
            "at 60 s makespan within 3 %, mean GPUs held within 5 %, mean JCT within 10 % of the recorded numbers",
            recorded_checks(replays[60]),
            "",
            against,
            "none (exact; published simulator replayed)",
            facts.unjudged,
        ),
        Finding(
            "makespans at 10, 20, 30, 60 and 120 s stand in the recorded order, of policies and of intervals",
            order_checks(replays),
            "",
            against,
            "none (exact; published simulator replayed)",
            facts.unjudged,
        ),
    )
