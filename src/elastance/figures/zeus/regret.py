"""Figure 7: cumulative regret of the published policy and of both Grid Searches."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
import statistics
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, near, reported
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import (
    deviations,
    lacking_seeds,
    seeds_in_words,
    standard_error,
)
from elastance.figures.labels import policy_label
from elastance.figures.style import plain_number
from elastance.figures.zeus.baselines import DEFAULT, GRID, GRID_EARLY_STOP, NAMES, ORACLE, PACKAGE
from elastance.simulate import Spread, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import TrialResult
    from elastance.traces import SourceRecord

GPU = "v100"
WORKLOADS = ("librispeech", "imagenet")
POLICIES = ("zeus", "grid", "grid-early-stop", "default")
SEEDS = range(1, 201)

_FIRST_HALF_PERCENT, _FIRST_HALF_ROOM = 95.0, 1.5
"""Share of the policy's regret that falls in the first half of the recurrences, mean over all cells."""

_ROUNDING = 0.05
"""Expected regrets are rounded to tenths."""


class RegretRow(NamedTuple):
    """Mean regret after so many recurrences, in costs of one oracle recurrence, with its 95 % interval."""

    workload: str
    gpu: str
    policy: str
    recurrence: int
    regret_oracle_jobs: float
    ci95: float | None


def compute(setting: Setting) -> Result[RegretRow]:
    """Simulate the drawn cells under every policy, and the published policy in all others."""
    seeds, gpus = setting.seeds_or(SEEDS), setting.known_gpus()
    drawn = [(workload, GPU, policy) for workload in WORKLOADS for policy in POLICIES]
    every = [(workload, gpu, "zeus") for gpu in gpus for workload in NAMES]
    names = list(dict.fromkeys([*drawn, *every]))
    tasks = {
        (workload, gpu): setting.task(workload, gpu, published=True)
        for workload, gpu in dict.fromkeys((workload, gpu) for workload, gpu, _ in names)
    }
    trials = [Trial(tasks[workload, gpu], policy) for workload, gpu, policy in names]
    found = dict(zip(names, setting.run(trials, seeds), strict=True))
    curves = {name: [_curve(result, costs) for costs in result.costs_j] for name, result in found.items()}
    source = setting.record(gpus)
    return Result(
        [row for name in drawn for row in _rows(name, curves[name])],
        tuple(_findings(found, {name: curves[name] for name in every}, seeds, source)),
        source,
        f"{GPU.upper()}, eta 0.5, beta 2; seeds {seeds_in_words(seeds, published=True)}; mean and its 95 % interval",
        (
            f"Regret: cost so far beyond that of as many oracle recurrences. {ORACLE.capitalize()}.",
            f"{DEFAULT}. {GRID}. {GRID_EARLY_STOP}. Which grid is meant decides the headline.",
        ),
    )


def _curve(result: TrialResult, costs_j: Sequence[float]) -> list[float]:
    oracle_j = result.trial.task.oracle.cost_j
    return [total / oracle_j - number for number, total in enumerate(accumulate(costs_j, initial=0.0))]


def _rows(name: tuple[str, str, str], curves: Sequence[Sequence[float]]) -> list[RegretRow]:
    spreads = [Spread.of(values) for values in zip(*curves, strict=True)]
    return [
        RegretRow(*name, number, spread.mean or 0.0, spread.ci95) for number, spread in enumerate(spreads)
    ]


def _findings(
    found: Mapping[tuple[str, str, str], TrialResult],
    curves: Mapping[tuple[str, str, str], Sequence[Sequence[float]]],
    seeds: Sequence[int],
    source: SourceRecord,
) -> list[Finding]:
    said, unjudged = seeds_in_words(seeds, published=True), unjudged_by(source) or lacking_seeds(seeds, SEEDS)
    checks: list[Check] = []
    same, wanted = tuple(seeds) == tuple(SEEDS), expected_rows(PACKAGE, "regret")
    for row in wanted:
        values = found[row["workload"], row["gpu"], row["policy"]].values("regret_oracle_jobs")
        error = standard_error(values, None if same else len(SEEDS))
        room = 0.0 if math.isinf(error) else deviations(len(values), of=1 if same else len(wanted)) * error
        name = f"{row['policy']}, {row['workload']}"
        checks.append(
            near(name, statistics.fmean(values), float(row["regret_oracle_jobs"]), _ROUNDING + room)
        )
    baseline = f"{ORACLE}; {GRID}; {GRID_EARLY_STOP}"
    share = 100 * statistics.fmean(map(_share_of_first_half, curves.values()))
    halves = near("share in the first half", share, _FIRST_HALF_PERCENT, _FIRST_HALF_ROOM)
    return [
        Finding(
            "regret after the last recurrence, recomputed, within three standard errors",
            tuple(checks),
            "oracle jobs",
            baseline,
            said,
            unjudged,
        ),
        Finding(
            f"about {_FIRST_HALF_PERCENT:g} % (± {_FIRST_HALF_ROOM:g}) of the policy's regret falls in the first "
            f"half of the recurrences, mean over {len(curves)} workload-GPU cells",
            (halves,),
            "%",
            ORACLE,
            said,
            unjudged,
        ),
        _ratios(found, said),
    ]


def _share_of_first_half(curves: Sequence[Sequence[float]]) -> float:
    half = statistics.fmean(curve[len(curve) // 2] for curve in curves)
    return half / statistics.fmean(curve[-1] for curve in curves)


def _ratios(found: Mapping[tuple[str, str, str], TrialResult], said: str) -> Finding:
    """How much lower the policy's regret is; the paper's own number is not at hand."""
    checks = [
        reported(
            f"{policy} / zeus, {workload}",
            statistics.fmean(found[workload, GPU, policy].values("regret_oracle_jobs"))
            / statistics.fmean(found[workload, GPU, "zeus"].values("regret_oracle_jobs")),
        )
        for workload in WORKLOADS
        for policy in ("grid", "grid-early-stop")
    ]
    return Finding(
        "regret up to 72 times lower than Grid Search's (paper, unverified)",
        tuple(checks),
        "times",
        f"{GRID}; {GRID_EARLY_STOP}",
        said,
        "depends on which grid is meant, and the paper's is not known",
    )


def draw(result: Result[RegretRow], canvas: Canvas) -> None:
    """One panel per workload, one line per policy."""
    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    grid = canvas.grid(1, len(workloads), wspace=0.17)
    for number, workload in enumerate(workloads):
        axes = canvas.figure.add_subplot(grid[number])
        _draw_workload(axes, [row for row in result.rows if row.workload == workload], canvas.look)
        axes.set_ylabel("cumulative regret, oracle jobs" if number == 0 else "")


def _draw_workload(axes: Axes, rows: Sequence[RegretRow], look: Theme) -> None:
    policies = list(dict.fromkeys(row.policy for row in rows))
    colours = look.policy_colours(policies)
    for policy in policies:
        line = [row for row in rows if row.policy == policy]
        numbers, means = [row.recurrence for row in line], [row.regret_oracle_jobs for row in line]
        half = [row.ci95 or 0.0 for row in line]
        said = f"{policy_label(policy)}: {plain_number(means[-1])}"
        if plain_number(half[-1]) != "0":
            said += f" ± {plain_number(half[-1])}"
        style = (0, (4, 2)) if policy == "default" else "-"
        axes.plot(numbers, means, color=colours[policy], linestyle=style, label=said)
        axes.fill_between(
            numbers,
            [mean - width for mean, width in zip(means, half, strict=True)],
            [mean + width for mean, width in zip(means, half, strict=True)],
            color=colours[policy],
            alpha=0.22,
            linewidth=0,
        )
    ends = {row.policy: row.regret_oracle_jobs for row in rows}
    times = ends["grid"] / ends["zeus"], ends["grid-early-stop"] / ends["zeus"]
    axes.set_title(f"{rows[0].workload}: grids regret {min(times):.1f} to {max(times):.1f} times more")
    axes.set_xlim(0, max(row.recurrence for row in rows))
    axes.set_ylim(0, max(row.regret_oracle_jobs for row in rows) * 1.5)
    axes.set_xlabel("recurrence")
    axes.legend(loc="upper left")


EXPERIMENT = Experiment(
    "zeus/regret",
    "Zeus, Figure 7",
    "Regret while searching",
    "final regret of policy and both grids within 3 standard errors; about 95 % of the policy's in the first half",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=3.9,
)
