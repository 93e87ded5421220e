"""Figure 14, left: how early to stop."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import (
    deviations,
    lacking_seeds,
    seeds_in_words,
    standard_error,
    within,
)
from elastance.figures.zeus.baselines import NAMES, PACKAGE
from elastance.simulate import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import TrialResult
    from elastance.traces import SourceRecord

GPU = "v100"
BETAS = (1.25, 1.5, 2.0, 3.0, 5.0, math.inf)
USUAL = 2.0
SEEDS = range(1, 31)
REPLAY, NORMAL = "replay", "normal"

_TOLERANCE = 0.001
"""Expected ratios are rounded to thousandths."""

_BASELINE = (
    "the same policy with beta 2: mean over seeds of the cost of all recurrences, failed tries included"
)

_UNFINISHED = (
    "∞: no run is stopped. Numbers: seeds that cannot finish in the published simulator, as every batch size "
    "is pruned; in normal mode all finish, which is why a mean there may be dearer."
)


class BetaRow(NamedTuple):
    """One beta on one workload; relative to beta 2 in the same mode, means over the seeds that finish."""

    workload: str
    gpu: str
    mode: str
    beta: float
    relative_cost: float
    finished: int
    failed: int


def compute(setting: Setting) -> Result[BetaRow]:
    """Simulate the policy with each beta, as published and in normal mode."""
    seeds = setting.seeds_or(SEEDS)
    names = [(mode, workload, beta) for mode in (REPLAY, NORMAL) for workload in NAMES for beta in BETAS]
    trials = [
        Trial(setting.task(workload, GPU, beta=beta, published=mode == REPLAY), "zeus")
        for mode, workload, beta in names
    ]
    found = dict(zip(names, setting.run(trials, seeds, keep_failures=True), strict=True))
    source = setting.record([GPU])
    return Result(
        [_row(*name, found) for name in names],
        tuple(_findings(found, seeds, source)),
        source,
        f"zeus on {GPU.upper()}, eta 0.5; a run is stopped at beta times the least cost so far; "
        f"seeds {seeds_in_words(seeds, published=True)}, and in normal mode",
        (
            f"Relative to {_BASELINE}.",
            _UNFINISHED,
        ),
    )


def _row(
    mode: str, workload: str, beta: float, found: Mapping[tuple[str, str, float], TrialResult]
) -> BetaRow:
    result = found[mode, workload, beta]
    relative = _mean_cost(result) / _mean_cost(found[mode, workload, USUAL])
    return BetaRow(workload, GPU, mode, beta, relative, len(result.seeds), len(result.failures))


def _mean_cost(result: TrialResult) -> float:
    costs = result.values("cost_j")
    return statistics.fmean(costs) if costs else math.nan


def _findings(
    found: Mapping[tuple[str, str, float], TrialResult], seeds: Sequence[int], source: SourceRecord
) -> list[Finding]:
    same = tuple(seeds) == tuple(SEEDS)
    checks: list[Check] = []
    wanted = expected_rows(PACKAGE, "beta")
    for row in wanted:
        result = found[REPLAY, row["workload"], float(row["beta"])]
        usual = found[REPLAY, row["workload"], USUAL]
        name = f"{row['workload']}, beta {row['beta']}"
        room = _TOLERANCE if same else _TOLERANCE + _chance(result, usual, of=len(wanted))
        ratio = _mean_cost(result) / _mean_cost(usual)
        checks.append(near(name, ratio, float(row["relative_cost"]), room))
        if same:
            checks.append(
                near(f"{name}, unfinished seeds", len(result.failures), int(row["failed_of_30"]), 0)
            )
    unfinished = sum(len(result.failures) for (mode, *_), result in found.items() if mode == NORMAL)
    tolerance = within(f"{_TOLERANCE}", seeds, SEEDS)
    return [
        Finding(
            f"total cost relative to beta 2, recomputed, {tolerance}" + "; as many seeds unfinished" * same,
            tuple(checks),
            "",
            _BASELINE,
            seeds_in_words(seeds, published=True),
            unjudged_by(source) or lacking_seeds(seeds, SEEDS),
        ),
        Finding(
            "every seed finishes in normal mode, whatever beta",
            (near("unfinished seeds", unfinished, 0, 0),),
            "",
            "the published simulator, in which some do not",
            seeds_in_words(seeds, published=False),
        ),
    ]


def _chance(result: TrialResult, usual: TrialResult, *, of: int) -> float:
    """How far a ratio of two means may be from the expected one by chance."""
    costs, of_usual = result.values("cost_j"), usual.values("cost_j")
    if min(len(costs), len(of_usual)) < 2:
        return math.inf
    mean = statistics.fmean(of_usual)
    ratio = statistics.fmean(costs) / mean
    error = math.hypot(
        standard_error(costs, len(SEEDS)) / mean, ratio * standard_error(of_usual, len(SEEDS)) / mean
    )
    return deviations(min(len(costs), len(of_usual)), of=of) * error


def draw(result: Result[BetaRow], canvas: Canvas) -> None:
    """One panel per workload, beta to the right, both modes."""
    grid = canvas.grid(2, 3, above_in=0.55, wspace=0.24, hspace=0.42, left=0.08)
    for number, workload in enumerate(dict.fromkeys(row.workload for row in result.rows)):
        axes = canvas.figure.add_subplot(grid[divmod(number, 3)])
        _draw_workload(axes, [row for row in result.rows if row.workload == workload], canvas.look)
        axes.set_ylabel("total cost, beta 2 = 1" if number % 3 == 0 else "")
        axes.set_xlabel("beta" if number > 2 else "")
    canvas.legend(2)


def _draw_workload(axes: Axes, rows: Sequence[BetaRow], look: Theme) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    betas = list(dict.fromkeys(row.beta for row in rows))
    modes = {REPLAY: ("published simulator replayed", look.policies["zeus"], "o", look.policies["zeus"]),
             NORMAL: ("normal mode", look.series[2], "D", look.paper)}  # fmt: skip
    for mode, (label, colour, marker, fill) in modes.items():
        line = [row for row in rows if row.mode == mode]
        places = [betas.index(row.beta) for row in line]
        axes.plot(
            places, [row.relative_cost for row in line], color=colour, marker=marker, markerfacecolor=fill,
            markersize=5 if mode == REPLAY else 7, linewidth=1.2, label=label, zorder=3 if mode == REPLAY else 2,
        )  # fmt: skip
        for place, row in zip(places, line, strict=True):
            if row.failed and math.isfinite(row.relative_cost):
                axes.annotate(
                    f"{row.failed} of {row.failed + row.finished}", (place, row.relative_cost), xytext=(7, 5),
                    textcoords="offset points", color=colour, zorder=5,
                    bbox={"facecolor": look.paper, "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
                )  # fmt: skip
    axes.axhline(1.0, color=look.ink, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_xticks(range(len(betas)), ["∞" if math.isinf(beta) else f"{beta:g}" for beta in betas])
    axes.set_xlim(-0.4, len(betas) - 0.35)
    values = [row.relative_cost for row in rows if math.isfinite(row.relative_cost)]
    if max(values) > 3 * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(min(values) / 1.3, max(values) * 1.4)
    else:
        room = max(0.15 * (max(values) - min(values)), 0.05)
        axes.set_ylim(min(values) - room, max(values) + room)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_title(rows[0].workload)


EXPERIMENT = Experiment(
    "zeus/beta",
    "Zeus, Figure 14",
    "How early to stop a run that is not worth it",
    "total cost for six values of beta relative to beta 2, to the last digit; every seed finishes in normal mode",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=5.2,
)
