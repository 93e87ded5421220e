"""Figure 12: how the preference between energy and time moves what the policy ends up with."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, at_least, at_most, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import (
    deviations,
    lacking_seeds,
    room_for,
    seeds_in_words,
    standard_error,
    within,
)
from elastance.figures.labels import PointLabel, label_points
from elastance.figures.zeus.baselines import DEFAULT, LAST_FIVE, NAMES, PACKAGE
from elastance.simulate import Trial, pareto_front

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import Task, TrialResult
    from elastance.traces import SourceRecord

GPU = "v100"
ETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = range(1, 31)

_TOLERANCE_POINTS = 1.5

_QUANTITIES = ("energy", "time")

_LEAST_HALF_WIDTH = 5.0
"""Half of the narrowest range an axis shows, points."""

_LEGEND = (
    "Numbers: eta; crosses: 95 % interval of the mean over seeds. Grey: Pareto front of the expected time and"
    " energy; means of five recurrences may lie a little below it."
)


class EtaRow(NamedTuple):
    """Where the policy ends for one eta, or a point of the Pareto front (then eta is empty)."""

    workload: str
    gpu: str
    kind: str
    eta: float | None
    seeds: int
    energy_saved_percent: float
    energy_ci95_percent: float | None
    time_saved_percent: float
    time_ci95_percent: float | None


def compute(setting: Setting) -> Result[EtaRow]:
    """Simulate the policy with each eta."""
    seeds = setting.seeds_or(SEEDS)
    names = [(workload, eta) for workload in NAMES for eta in ETAS]
    tasks = {name: setting.task(name[0], GPU, eta=name[1], published=True) for name in names}
    results = setting.run([Trial(task, "zeus") for task in tasks.values()], seeds)
    found = dict(zip(names, results, strict=True))
    rows = [_ending(*name, result) for name, result in found.items()]
    fronts = [row for workload in NAMES for row in _front(workload, tasks[workload, ETAS[0]])]
    source = setting.record([GPU])
    return Result(
        [*rows, *fronts],
        tuple(_findings(found, seeds, source)),
        source,
        f"zeus on {GPU.upper()}, eta 0 (time only) to 1 (energy only), beta 2; "
        f"seeds {seeds_in_words(seeds, published=True)}",
        (
            f"{DEFAULT}. {LAST_FIVE.capitalize()}.",
            _LEGEND,
        ),
    )


def _ending(workload: str, eta: float, result: TrialResult) -> EtaRow:
    energy, time = result.spread("energy_saving"), result.spread("time_saving")
    return EtaRow(
        workload,
        GPU,
        "policy",
        eta,
        len(result.seeds),
        100 * (energy.mean or 0.0),
        None if energy.ci95 is None else 100 * energy.ci95,
        100 * (time.mean or 0.0),
        None if time.ci95 is None else 100 * time.ci95,
    )


def _front(workload: str, task: Task) -> list[EtaRow]:
    default = task.default
    return [
        EtaRow(
            workload,
            GPU,
            "Pareto front",
            None,
            0,
            100 * (1 - at.energy_j / default.energy_j),
            None,
            100 * (1 - at.time_s / default.time_s),
            None,
        )
        for at in pareto_front(task.table)
    ]


def _findings(
    found: Mapping[tuple[str, float], TrialResult], seeds: Sequence[int], source: SourceRecord
) -> list[Finding]:
    checks: list[Check] = []
    wanted = expected_rows(PACKAGE, "eta")
    for row in wanted:
        result = found[row["workload"], float(row["eta"])]
        for quantity in _QUANTITIES:
            values = [100 * value for value in result.values(f"{quantity}_saving")]
            checks.append(
                near(
                    f"{row['workload']}, eta {row['eta']}, {quantity}",
                    statistics.fmean(values),
                    float(row[f"{quantity}_saved_percent"]),
                    _TOLERANCE_POINTS + room_for(values, seeds, SEEDS, of=2 * len(wanted)),
                )
            )
    tolerance = within(f"{_TOLERANCE_POINTS} points", seeds, SEEDS)
    said = seeds_in_words(seeds, published=True)
    lacking = lacking_seeds(seeds, SEEDS)
    return [
        Finding(
            f"energy and time saved for each eta, recomputed, {tolerance}",
            tuple(checks),
            "%",
            f"{DEFAULT}; {LAST_FIVE}",
            said,
            unjudged_by(source) or lacking,
        ),
        Finding(
            f"more eta means less energy and more time, {tolerance}",
            tuple(_steps(found, same=tuple(seeds) == tuple(SEEDS))),
            "points more saved than with the eta before",
            f"{DEFAULT}; {LAST_FIVE}",
            said,
            lacking,
        ),
    ]


def _steps(found: Mapping[tuple[str, float], TrialResult], *, same: bool) -> list[Check]:
    """From each eta to the next: energy saved must not fall, time saved not rise, by more than noise."""
    pairs = list(pairwise(ETAS))
    checks: list[Check] = []
    for workload in NAMES:
        for before, after in pairs:
            for quantity in _QUANTITIES:
                lower, higher = (
                    [100 * value for value in found[workload, eta].values(f"{quantity}_saving")]
                    for eta in (before, after)
                )
                room = _TOLERANCE_POINTS
                if not same and len(lower) > 1:
                    error = math.hypot(standard_error(lower), standard_error(higher))
                    room += deviations(len(lower), of=2 * len(NAMES) * len(pairs)) * error
                more = statistics.fmean(higher) - statistics.fmean(lower)
                name = f"{workload}, eta {before:g} to {after:g}, {quantity}"
                check = at_least(name, more, -room) if quantity == "energy" else at_most(name, more, room)
                checks.append(check)
    return checks


def draw(result: Result[EtaRow], canvas: Canvas) -> None:
    """One panel per workload: time saved to the right, energy saved upwards."""
    grid = canvas.grid(2, 3, wspace=0.2, hspace=0.42, left=0.08)
    for number, workload in enumerate(dict.fromkeys(row.workload for row in result.rows)):
        axes = canvas.figure.add_subplot(grid[divmod(number, 3)])
        _draw_workload(axes, [row for row in result.rows if row.workload == workload], canvas.look)
        axes.set_ylabel("energy saved, %" if number % 3 == 0 else "")
        axes.set_xlabel("time saved, %")


def _draw_workload(axes: Axes, rows: Sequence[EtaRow], look: Theme) -> None:
    front = [row for row in rows if row.kind == "Pareto front"]
    ends = [row for row in rows if row.kind == "policy"]
    axes.plot(
        [row.time_saved_percent for row in front],
        [row.energy_saved_percent for row in front],
        color=look.faint,
        marker="o",
        markersize=2.5,
        linewidth=1,
    )
    colour = look.policies["zeus"]
    axes.errorbar(
        [row.time_saved_percent for row in ends],
        [row.energy_saved_percent for row in ends],
        xerr=[row.time_ci95_percent or 0.0 for row in ends],
        yerr=[row.energy_ci95_percent or 0.0 for row in ends],
        color=colour,
        linestyle="none",
        elinewidth=1,
        marker="o",
        markersize=5,
    )
    _frame(axes, rows)
    axes.axhline(0.0, color=look.ink, linewidth=0.6, linestyle=(0, (4, 2)))
    axes.axvline(0.0, color=look.ink, linewidth=0.6, linestyle=(0, (4, 2)))
    axes.set_title(rows[0].workload)
    labels = [
        PointLabel(
            f"{row.eta:g}",
            (row.time_saved_percent, row.energy_saved_percent),
            8.0,
            row.eta in (0.0, 0.5, 1.0),
            {"color": colour, "weight": "bold"},
        )
        for row in sorted(ends, key=lambda row: row.eta not in (0.0, 0.5, 1.0))
    ]
    label_points(axes, labels, [])


def _frame(axes: Axes, rows: Sequence[EtaRow]) -> None:
    """Limits from the data alone, and never so narrow that noise looks like a trend."""
    for values, setter in (
        ([row.time_saved_percent for row in rows], axes.set_xlim),
        ([row.energy_saved_percent for row in rows], axes.set_ylim),
    ):
        middle, half = (max(values) + min(values)) / 2, (max(values) - min(values)) / 2
        room = max(1.35 * half, _LEAST_HALF_WIDTH)
        setter(middle - room, middle + room)


EXPERIMENT = Experiment(
    "zeus/eta",
    "Zeus, Figure 12",
    "The preference between energy and time decides where the policy ends",
    "energy and time saved for five values of eta within 1.5 points; more eta means less energy and more time",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=5.2,
)
