"""Figure 14, right: the policy without one of its parts."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, reported
from elastance.figures.experiments.panels import Estimate, draw_estimates
from elastance.figures.experiments.statistics import seeds_in_words
from elastance.figures.zeus.baselines import NAMES
from elastance.simulate import Spread, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.simulate import TrialResult

GPU = "v100"
SEEDS = range(1, 201)
FULL = "full policy"

VARIANTS = {
    FULL: ("zeus", 2.0),
    "without early stop": ("zeus", math.inf),
    "without pruning": ("thompson", 2.0),
    "without limit profiling": ("max-power", 2.0),
}
"""Variant to the policy and the beta it is simulated with."""

_BASELINE = (
    "the full policy (zeus, beta 2) under the same seed: cost of all recurrences, failed tries included"
)

_VARIANTS_IN_WORDS = (
    "Without early stop: beta infinite. Without pruning: the policy thompson, a bandit over every size on "
    "offer that learns its variance, each size tried twice, a miss counted with its cost. Without limit "
    "profiling: pruning-thompson+max-power, always the largest limit."
)


class AblationRow(NamedTuple):
    """One variant on one workload: mean over seeds of its total cost relative to the full policy's."""

    workload: str
    gpu: str
    variant: str
    policy: str
    beta: float
    seeds: int
    relative_cost: float
    ci95: float | None


def compute(setting: Setting) -> Result[AblationRow]:
    """Simulate the policy with and without each part, in normal mode."""
    seeds = setting.seeds_or(SEEDS)
    names = [(workload, variant) for workload in NAMES for variant in VARIANTS]
    trials = [
        Trial(setting.task(workload, GPU, beta=beta), policy)
        for workload, variant in names
        for policy, beta in [VARIANTS[variant]]
    ]
    found = dict(zip(names, setting.run(trials, seeds), strict=True))
    rows = [
        _row(workload, variant, found[workload, variant], found[workload, FULL])
        for workload, variant in names
        if variant != FULL
    ]
    return Result(
        rows,
        tuple(_finding(variant, rows, seeds) for variant in VARIANTS if variant != FULL),
        setting.record([GPU]),
        f"{GPU.upper()}, eta 0.5; seeds {seeds_in_words(seeds, published=False)}",
        (
            f"Relative to {_BASELINE}. Lines through the marks: 95 % interval of the mean over seeds.",
            _VARIANTS_IN_WORDS,
        ),
    )


def _row(workload: str, variant: str, result: TrialResult, full: TrialResult) -> AblationRow:
    pairs = zip(result.values("cost_j"), full.values("cost_j"), strict=True)
    spread = Spread.of([cost / of_full for cost, of_full in pairs])
    policy, beta = VARIANTS[variant]
    return AblationRow(
        workload, GPU, variant, policy, beta, len(result.seeds), spread.mean or math.nan, spread.ci95
    )


def _finding(variant: str, rows: Sequence[AblationRow], seeds: Sequence[int]) -> Finding:
    checks = [
        reported(f"{row.workload} (± {row.ci95 or 0.0:.3f})", row.relative_cost)
        for row in rows
        if row.variant == variant
    ]
    return Finding(
        f"total cost {variant}, relative to the full policy",
        tuple(checks),
        "",
        _BASELINE,
        seeds_in_words(seeds, published=False),
        "the paper's own numbers are not at hand",
    )


def draw(result: Result[AblationRow], canvas: Canvas) -> None:
    """A row per workload, a mark per variant; the full policy at 1."""
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    look = canvas.look
    axes = canvas.figure.add_subplot(canvas.grid(1, 1, above_in=0.5, left=0.125)[0])
    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    variants = list(dict.fromkeys(row.variant for row in result.rows))
    series = {
        variant: [Estimate(row.relative_cost, row.ci95) for row in result.rows if row.variant == variant]
        for variant in variants
    }
    colours = dict(zip(variants, (look.policies["grid"], look.policies["zeus"], look.energy), strict=True))
    draw_estimates(axes, workloads, series, colours, look)
    axes.axvline(1.0, color=look.ink, linewidth=1, linestyle=(0, (4, 2)), label=FULL)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("total cost, relative to the full policy")
    dearest = max(result.rows, key=lambda row: row.relative_cost)
    axes.set_title(f"{dearest.workload} {dearest.variant}: {dearest.relative_cost:.1f} times the cost")
    canvas.legend(4)


EXPERIMENT = Experiment(
    "zeus/ablation",
    "Zeus, Figure 14",
    "The policy without one of its parts",
    "no numbers of the paper at hand: total cost of each variant relative to the full policy, with its interval",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=3.9,
)
