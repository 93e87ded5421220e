"""Figure 13: what the policy ends up saving on four GPUs."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, near
from elastance.figures.experiments.panels import MARKERS
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import lacking_seeds, room_for, seeds_in_words, within
from elastance.figures.zeus.baselines import DEFAULT, LAST_FIVE, NAMES, PACKAGE
from elastance.simulate import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.simulate import TrialResult
    from elastance.traces import SourceRecord

SEEDS = range(1, 201)
MEAN = "geometric mean"

_TOLERANCE = 0.01


class GpuRow(NamedTuple):
    """Energy of one workload, or the geometric mean of all, on one GPU."""

    gpu: str
    workload: str
    seeds: int
    energy_relative: float
    ci95: float | None


def compute(setting: Setting) -> Result[GpuRow]:
    """Simulate the policy on every workload and GPU."""
    seeds, gpus = setting.seeds_or(SEEDS), setting.known_gpus()
    names = [(gpu, workload) for gpu in gpus for workload in NAMES]
    trials = [Trial(setting.task(workload, gpu, published=True), "zeus") for gpu, workload in names]
    found = dict(zip(names, setting.run(trials, seeds), strict=True))
    rows = [row for gpu in gpus for row in _rows(gpu, found)]
    source = setting.record(gpus)
    return Result(
        rows,
        (_finding(rows, found, seeds, source),),
        source,
        f"zeus, eta 0.5, beta 2; seeds {seeds_in_words(seeds, published=True)}",
        (f"{DEFAULT}. {LAST_FIVE.capitalize()}.", "Bars: geometric mean over the six workloads."),
    )


def _rows(gpu: str, found: Mapping[tuple[str, str], TrialResult]) -> list[GpuRow]:
    rows: list[GpuRow] = []
    for workload in NAMES:
        spread = found[gpu, workload].spread("energy_saving")
        rows.append(
            GpuRow(gpu, workload, len(found[gpu, workload].seeds), 1 - (spread.mean or 0.0), spread.ci95)
        )
    mean = statistics.geometric_mean(row.energy_relative for row in rows)
    return [*rows, GpuRow(gpu, MEAN, rows[0].seeds, mean, None)]


def _finding(
    rows: Sequence[GpuRow],
    found: Mapping[tuple[str, str], TrialResult],
    seeds: Sequence[int],
    source: SourceRecord,
) -> Finding:
    means = {row.gpu: row.energy_relative for row in rows if row.workload == MEAN}
    checks = [
        near(
            row["gpu"],
            means[row["gpu"]],
            float(row["energy_relative_to_default"]),
            _TOLERANCE + room_for(_mean_per_seed(row["gpu"], found), seeds, SEEDS, of=len(means)),
        )
        for row in expected_rows(PACKAGE, "gpus")
        if row["gpu"] in means
    ]
    tolerance = within(f"{_TOLERANCE}", seeds, SEEDS)
    return Finding(
        f"energy relative to default, geometric mean over the workloads, per GPU, {tolerance}",
        tuple(checks),
        "",
        f"{DEFAULT}; {LAST_FIVE}",
        seeds_in_words(seeds, published=True),
        unjudged_by(source) or lacking_seeds(seeds, SEEDS),
    )


def _mean_per_seed(gpu: str, found: Mapping[tuple[str, str], TrialResult]) -> list[float]:
    """The geometric mean of each seed alone: how much it strays tells how far the mean of all may."""
    savings = [found[gpu, workload].values("energy_saving") for workload in NAMES]
    return [
        math.exp(statistics.fmean(math.log1p(-saving) for saving in of_seed))
        for of_seed in zip(*savings, strict=True)
    ]


def draw(result: Result[GpuRow], canvas: Canvas) -> None:
    """A bar per GPU for the mean, a mark per workload."""
    look = canvas.look
    axes = canvas.figure.add_subplot(canvas.grid(1, 1, right=0.8)[0])
    gpus = list(dict.fromkeys(row.gpu for row in result.rows))
    means = [row for row in result.rows if row.workload == MEAN]
    axes.bar(
        range(len(gpus)), [row.energy_relative for row in means], width=0.74, color=look.policies["zeus"], alpha=0.28,
        linewidth=0, label=MEAN,
    )  # fmt: skip
    workloads = [name for name in dict.fromkeys(row.workload for row in result.rows) if name != MEAN]
    cycle = (*look.series, look.policies["grid"])
    for place, workload in enumerate(workloads):
        of = [row for row in result.rows if row.workload == workload]
        shift = (place - (len(workloads) - 1) / 2) * 0.1
        axes.errorbar(
            [number + shift for number in range(len(of))],
            [row.energy_relative for row in of],
            yerr=[row.ci95 or 0.0 for row in of],
            fmt=MARKERS[place % len(MARKERS)],
            color=cycle[place % len(cycle)],
            markersize=5,
            elinewidth=1.4,
            label=workload,
        )
    for number, row in enumerate(means):
        axes.text(number, 0.03, f"{row.energy_relative:.3f}", ha="center", weight="bold")
    axes.axhline(1.0, color=look.ink, linewidth=1, linestyle=(0, (4, 2)), label="default")
    axes.set_xticks(range(len(gpus)), [gpu.upper() for gpu in gpus])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, max(1.05, *(row.energy_relative + (row.ci95 or 0.0) + 0.02 for row in result.rows)))
    axes.set_ylabel("energy of the last five recurrences, relative to default")
    saved = [100 * (1 - row.energy_relative) for row in means]
    axes.set_title(
        f"zeus saves {min(saved):.0f} to {max(saved):.0f} % of the energy on average, on every GPU"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)


EXPERIMENT = Experiment(
    "zeus/gpus",
    "Zeus, Figure 13",
    "What the published policy saves on other GPUs",
    "energy relative to default, geometric mean: V100 0.555, A40 0.538, RTX6000 0.533, P100 0.580; ± 0.01",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=4.0,
)
