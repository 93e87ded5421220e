"""Figure 15: GPUs held and GPUs of use over time, and the power of the cluster."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elastance.figures.cluster.facts import ClusterFacts, cluster_facts
from elastance.figures.cluster.looks import ENERGY_WORDS, HETER, HOMO, REPORTED, policy_colour
from elastance.figures.easyscale.replayed import PACKAGE
from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, at_least, near, reported
from elastance.simulate.cluster import Timeline, simulate_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate.cluster import ClusterComparison

PUBLISHED, REPLAYED, CORRECTED = "published figure", "replayed", "corrected"

POLICIES = (HOMO, HETER)

LOAD_S = (900, 2040, 4080)
"""Bounds of the windows of the published curve in which the cluster is full, s.

Later on whoever is faster has less to do.
"""

TOLERANCE = 0.05
"""By how much of it the mean of a replay may be off the published one."""

_NO_SEEDS = "none (exact: the trace as it is)"


BIN_S = 60.0
"""Time over which the data are means, s: the published interval."""


class AllocationRow(NamedTuple):
    """Means from `start_s` to `end_s`: of `BIN_S`, and of windows of the published curve."""

    mode: str
    policy: str
    start_s: float
    end_s: float
    allocated_gpus: float
    useful_gpus: float | None
    power_w: float | None


def compute(setting: Setting) -> Result[AllocationRow]:
    """Run the trace as it is, replayed and corrected."""
    facts = cluster_facts(setting)
    runs = {
        mode: simulate_cluster(
            facts.workload, policies=POLICIES, traces=facts.times, compat=mode == REPLAYED,
            on_progress=setting.on_progress,
        )
        for mode in (REPLAYED, CORRECTED)
    }  # fmt: skip
    rows = _published_rows()
    for mode, comparison in runs.items():
        for result in comparison.policies:
            rows += _timeline_rows(mode, result.policy, Timeline.of(result.histories[0]))
    return Result(
        rows,
        allocation_findings(rows, runs, facts),
        facts.source,
        f"{facts.jobs_in_words} on 32 V100, 16 P100, 16 T4, interval 60 s; replayed: published simulator, defects "
        "included; corrected: event by event, a start or change of plan takes 20 s",
        (
            "Means over a minute. Solid: GPUs on which a logical worker trains; faint: restarting, or with none.",
            f"Dashed: published curve, means of windows. {ENERGY_WORDS}.",
        ),
        synthetic=not facts.has_trace,
    )


def _published_rows() -> list[AllocationRow]:
    return [
        AllocationRow(
            PUBLISHED, policy, float(row["start_s"]), float(row["end_s"]), float(row[policy]), None, None
        )
        for policy in POLICIES
        for row in expected_rows(PACKAGE, "trace_allocation")
    ]


def _timeline_rows(mode: str, policy: str, timeline: Timeline) -> list[AllocationRow]:
    """Means over `BIN_S`; the last bin ends with the run."""
    bounds_s = np.append(np.arange(0.0, timeline.time_s[-1], BIN_S), timeline.time_s[-1])
    columns = (timeline.allocated.sum(axis=1), timeline.useful.sum(axis=1), timeline.power_w)
    means: list[list[float]] = []
    for values in columns:
        total = np.append(0.0, np.cumsum(values * timeline.length_s))
        means.append((np.diff(np.interp(bounds_s, timeline.time_s, total)) / np.diff(bounds_s)).tolist())
    bounds: list[float] = bounds_s.tolist()
    return [AllocationRow(mode, policy, *of) for of in zip(bounds, bounds[1:], *means, strict=False)]


def window_mean(rows: Sequence[AllocationRow], start_s: float, end_s: float) -> float:
    """Return the mean number of GPUs held from `start_s` to `end_s`."""
    held = sum(
        row.allocated_gpus * max(0.0, min(row.end_s, end_s) - max(row.start_s, start_s)) for row in rows
    )
    return held / (end_s - start_s)


def allocation_findings(
    rows: Sequence[AllocationRow], runs: Mapping[str, ClusterComparison], facts: ClusterFacts
) -> tuple[Finding, ...]:
    """Judge the curve."""
    more = {
        mode: [
            (start_s, end_s, window_mean(_of(rows, mode, HETER), start_s, end_s)
             - window_mean(_of(rows, mode, HOMO), start_s, end_s))
            for start_s, end_s in pairwise(LOAD_S)
        ]
        for mode in runs
    }  # fmt: skip
    return (
        *(
            Finding(
                f"{mode}: during load easyscale-heter holds more GPUs than easyscale-homo",
                tuple(at_least(f"more GPUs from {a} to {b} s", by, 0.0) for a, b, by in windows),
                "",
                "easyscale-homo on the same trace (published: 18 and 28 more)",
                _NO_SEEDS,
                facts.unjudged,
            )
            for mode, windows in more.items()
        ),
        Finding(
            f"replayed: mean GPUs held up to the makespan within {TOLERANCE:.0%} of the published curve, peak equal",
            tuple(_published_checks(runs[REPLAYED])),
            "GPUs",
            "the published curve, whose step times are not public",
            _NO_SEEDS,
            facts.unjudged,
        ),
        *(
            Finding(
                f"{mode}: GPU hours held, share of them in which nothing trains, and energy",
                tuple(
                    check
                    for result in comparison.policies
                    for check in (
                        reported(f"{result.policy}, GPU h", result.measures[0].allocated_gpu_hours),
                        reported("of them idle, %", 100 * (1 - _useful_share(comparison, result.policy))),
                        reported("energy, MJ", result.measures[0].energy_j / 1e6),
                    )
                ),
                "",
                "none",
                _NO_SEEDS,
                REPORTED,
            )
            for mode, comparison in runs.items()
        ),
    )


def _useful_share(comparison: ClusterComparison, policy: str) -> float:
    of = comparison[policy].measures[0]
    return of.useful_gpu_hours / of.allocated_gpu_hours


def _published_checks(replay: ClusterComparison) -> list[Check]:
    checks: list[Check] = []
    for row in expected_rows(PACKAGE, "trace_published"):
        if row["policy"] not in POLICIES:
            continue
        result = replay[row["policy"]]
        mean, peak = float(row["mean_gpus"]), int(row["peak_gpus"])
        highest = int(Timeline.of(result.histories[0]).allocated.sum(axis=1).max())
        checks += [
            near(f"mean of {result.policy}", result.measures[0].mean_allocated_gpus, mean, TOLERANCE * mean),
            near(f"peak of {result.policy}", highest, peak, 0),
        ]
    return checks


def _of(rows: Sequence[AllocationRow], mode: str, policy: str) -> list[AllocationRow]:
    return [row for row in rows if (row.mode, row.policy) == (mode, policy)]


def draw(result: Result[AllocationRow], canvas: Canvas) -> None:
    """Replayed on the left, corrected on the right: GPUs of both policies, then power."""
    grid = canvas.grid(3, 2, left=0.065, wspace=0.1, hspace=0.42, height_ratios=(1, 1, 0.8))
    longest = max(row.end_s for row in result.rows) / 60.0
    for column, mode in enumerate((REPLAYED, CORRECTED)):
        power = canvas.figure.add_subplot(grid[2, column])
        for number, policy in enumerate(POLICIES):
            axes = canvas.figure.add_subplot(grid[number, column])
            rows = _of(result.rows, mode, policy)
            _draw_gpus(axes, rows, policy_colour(policy, canvas.look))
            if mode == REPLAYED:
                _draw_published(axes, _of(result.rows, PUBLISHED, policy), canvas.look)
            mean = window_mean(rows, 0.0, rows[-1].end_s)
            short = policy.removeprefix("easyscale-")
            axes.set_title(f"{mode}: {short}, {mean:.1f} GPUs on average")
            _draw_power(power, rows, policy, policy_colour(policy, canvas.look))
            axes.set_ylabel("GPUs" if column == 0 else "")
            axes.set_ylim(0, 68)
            axes.set_yticks([0, 16, 32, 48, 64])
            axes.set_xlim(0, longest)
            axes.tick_params(labelbottom=False, labelleft=column == 0)
        power.set_title(f"{mode}: power of the cluster")
        power.set_xlim(0, longest)
        power.set_ylim(0, 17.5)
        power.set_ylabel("kW" if column == 0 else "")
        power.set_xlabel("time, min")
        power.tick_params(labelleft=column == 0)
        power.legend(loc="upper right", ncols=2, borderaxespad=0.0)


def _draw_gpus(axes: Axes, rows: Sequence[AllocationRow], colour: str) -> None:
    bounds = [row.start_s / 60.0 for row in rows] + [rows[-1].end_s / 60.0]
    held = np.array([row.allocated_gpus for row in rows])
    axes.stairs(held, bounds, fill=True, color=colour, alpha=0.35, linewidth=0)
    axes.stairs(np.array([row.useful_gpus for row in rows]), bounds, fill=True, color=colour, linewidth=0)


def _draw_published(axes: Axes, rows: Sequence[AllocationRow], look: Theme) -> None:
    bounds = [row.start_s / 60.0 for row in rows] + [rows[-1].end_s / 60.0]
    means = np.array([row.allocated_gpus for row in rows])
    axes.stairs(means, bounds, color=look.ink, linewidth=1.3, linestyle=(0, (3, 1.5)))


def _draw_power(axes: Axes, rows: Sequence[AllocationRow], policy: str, colour: str) -> None:
    bounds = [row.start_s / 60.0 for row in rows] + [rows[-1].end_s / 60.0]
    energy_mj = sum((row.power_w or 0.0) * (row.end_s - row.start_s) for row in rows) / 1e6
    power_kw = np.array([(row.power_w or 0.0) / 1e3 for row in rows])
    label = f"{policy.removeprefix('easyscale-')}, {energy_mj:.1f} MJ"
    style = "-" if policy == HETER else (0, (2, 1))
    axes.stairs(power_kw, bounds, color=colour, linewidth=1.0, linestyle=style, label=label)


EXPERIMENT = Experiment(
    "easyscale/trace-allocation",
    "EasyScale, Figure 15",
    "GPUs held and GPUs of use over a trace, and the power of the cluster",
    "heter holds more GPUs than homo during load; replayed, mean GPUs held within 5 % of the published curve's",
    Kind.EXACT,
    compute,
    draw,
    height_in=5.2,
)
