"""Figure 6: energy and time of the last five recurrences, relative to the default's."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, near
from elastance.figures.experiments.panels import Estimate, draw_estimates
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import lacking_seeds, room_for, seeds_in_words, within
from elastance.figures.labels import policy_label
from elastance.figures.style import signed_number
from elastance.figures.zeus.baselines import (
    DEFAULT,
    EXACT,
    GRID,
    GRID_EARLY_STOP,
    LAST_FIVE,
    NAMES,
    ORACLE,
    PACKAGE,
)
from elastance.simulate import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.simulate import TrialResult
    from elastance.traces import SourceRecord

GPU = "v100"
SEEDS = range(1, 201)
POLICIES = ("grid", "grid-early-stop", "zeus", "oracle", "default")

_TOLERANCE_POINTS = 0.1
"""Expected means are rounded to a tenth of a point."""


class SavingsRow(NamedTuple):
    """One policy on one workload; relative to the default, with the half width of the 95 % interval."""

    workload: str
    gpu: str
    policy: str
    seeds: int
    energy_relative: float
    energy_ci95: float | None
    time_relative: float
    time_ci95: float | None


def compute(setting: Setting) -> Result[SavingsRow]:
    """Simulate the policies on every workload."""
    seeds = setting.seeds_or(SEEDS)
    names = [(workload, policy) for workload in NAMES for policy in POLICIES]
    tasks = {workload: setting.task(workload, GPU, published=True) for workload in NAMES}
    results = setting.run([Trial(tasks[workload], policy) for workload, policy in names], seeds)
    found = dict(zip(names, results, strict=True))
    source = setting.record([GPU])
    said = seeds_in_words(seeds, published=True)
    return Result(
        [_row(*key, result) for key, result in found.items()],
        tuple(_findings(found, seeds, source)),
        source,
        f"{GPU.upper()}, eta 0.5, beta 2, recurrences: 2 x sizes x limits; seeds {said}",
        (
            f"{DEFAULT}. {LAST_FIVE.capitalize()}.",
            f"{GRID}. {GRID_EARLY_STOP}. {ORACLE}.",
            "Lines through the marks: 95 % interval of the mean over seeds.",
        ),
    )


def _row(workload: str, policy: str, result: TrialResult) -> SavingsRow:
    energy, time = result.spread("energy_saving"), result.spread("time_saving")
    assert energy.mean is not None
    assert time.mean is not None
    return SavingsRow(
        workload,
        GPU,
        policy,
        len(result.seeds),
        1 - energy.mean,
        energy.ci95,
        1 - time.mean,
        time.ci95,
    )


def _findings(
    found: Mapping[tuple[str, str], TrialResult], seeds: Sequence[int], source: SourceRecord
) -> list[Finding]:
    simulated: list[Check] = []
    exact: list[Check] = []
    for row in expected_rows(PACKAGE, "savings"):
        result = found[row["workload"], row["policy"]]
        for quantity in ("energy", "time"):
            if not row[f"{quantity}_saved_percent"]:
                continue
            values = [100 * value for value in result.values(f"{quantity}_saving")]
            checks = exact if row["policy"] == "oracle" else simulated
            checks.append(
                near(
                    f"{row['workload']}, {quantity}",
                    sum(values) / len(values),
                    float(row[f"{quantity}_saved_percent"]),
                    _TOLERANCE_POINTS + room_for(values, seeds, SEEDS, of=len(NAMES)),
                )
            )
    tolerance = within(f"{_TOLERANCE_POINTS} points", seeds, SEEDS)
    return [
        Finding(
            f"mean energy that zeus saves per workload, recomputed, {tolerance}",
            tuple(simulated),
            "%",
            f"{DEFAULT}; {LAST_FIVE}",
            seeds_in_words(seeds, published=True),
            unjudged_by(source) or lacking_seeds(seeds, SEEDS),
        ),
        Finding(
            f"energy and time that the oracle saves, recomputed, within {_TOLERANCE_POINTS} points",
            tuple(exact),
            "%",
            DEFAULT,
            EXACT,
            unjudged_by(source),
        ),
    ]


def draw(result: Result[SavingsRow], canvas: Canvas) -> None:
    """Energy on the left, time on the right; a row per workload, the default at 1."""
    grid = canvas.grid(1, 2, above_in=0.5, left=0.125, wspace=0.06)
    policies = [name for name in dict.fromkeys(row.policy for row in result.rows) if name != "default"]
    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    colours = canvas.look.policy_colours(policies)
    labels = {name: policy_label(name) for name in policies}
    for number, quantity in enumerate(("energy", "time")):
        axes = canvas.figure.add_subplot(grid[number])
        series = {
            labels[name]: [
                Estimate(row.energy_relative, row.energy_ci95)
                if quantity == "energy"
                else Estimate(row.time_relative, row.time_ci95)
                for row in result.rows
                if row.policy == name
            ]
            for name in policies
        }
        draw_estimates(
            axes, workloads, series, {labels[name]: colours[name] for name in policies}, canvas.look
        )
        axes.axvline(1.0, color=canvas.look.ink, linewidth=1, linestyle=(0, (4, 2)), label="default")
        axes.set_xlim(left=0.0)
        axes.set_xlabel(f"{quantity} of the last five recurrences, relative to default")
        axes.set_title(_message(result.rows, quantity))
        axes.tick_params(labelleft=number == 0)
    canvas.legend(5)


def _message(rows: Sequence[SavingsRow], quantity: str) -> str:
    values = [
        100 * ((row.energy_relative if quantity == "energy" else row.time_relative) - 1)
        for row in rows
        if row.policy == "zeus"
    ]
    return f"zeus: {quantity} {signed_number(min(values))} to {signed_number(max(values))} %"


EXPERIMENT = Experiment(
    "zeus/savings",
    "Zeus, Figure 6",
    "What the published policy ends up saving",
    "mean energy saved in the last five recurrences, per workload on V100; default = 1 by definition",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=4.3,
)
