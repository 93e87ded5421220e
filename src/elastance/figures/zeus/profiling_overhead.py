"""Figure 11: what trying every power limit once adds to a run."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.zeus.baselines import EXACT, NAMES, PACKAGE
from elastance.simulate import best_by_knob, overhead_of_short_windows, overhead_of_whole_epoch
from elastance.simulate.profiling import SECONDS_PER_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.traces import SourceRecord

GPU = "v100"
WHOLE_EPOCH = "whole first epoch, as simulated"
SHORT_WINDOWS = f"{SECONDS_PER_LIMIT:g} s per limit, as a real run does (calculated)"

_TOLERANCE_POINTS = 0.01
"""Expected numbers are rounded to hundredths of a point."""

_BASELINE = "a whole run at the default batch size and its best limit without profiling, as expected"

_WAYS = (
    "The simulator spreads the limits over a whole epoch, which exaggerates the effect, either way, where "
    "epochs are long. The other bars are calculated from the same tables, not measured: switching limits is "
    "taken to be free."
)


class OverheadRow(NamedTuple):
    """What one way of profiling adds to a run of one workload."""

    workload: str
    gpu: str
    way: str
    batch_size: int
    power_limit_w: int
    limits: int
    extra_energy_percent: float
    extra_time_percent: float


def compute(setting: Setting) -> Result[OverheadRow]:
    """Compare a profiling epoch, and short windows, with an epoch at the best limit."""
    rows: list[OverheadRow] = []
    for workload in NAMES:
        task = setting.task(workload, GPU)
        run = best_by_knob(task).power_limit
        limits = len(task.facts.sizes[run.batch_size].power_limits_w)
        ways = {
            WHOLE_EPOCH: overhead_of_whole_epoch(task, run),
            SHORT_WINDOWS: overhead_of_short_windows(task, run),
        }
        rows += [
            OverheadRow(
                workload, GPU, way, run.batch_size, run.power_limit_w, limits, 100 * of.energy, 100 * of.time
            )
            for way, of in ways.items()
        ]
    source = setting.record([GPU])
    return Result(
        rows,
        (_finding(rows, source),),
        source,
        f"{GPU.upper()}, eta 0.5; every limit once, in the first run of the default batch size",
        (
            f"Against {_BASELINE}.",
            _WAYS,
        ),
    )


def _finding(rows: Sequence[OverheadRow], source: SourceRecord) -> Finding:
    found = {row.workload: row for row in rows if row.way == WHOLE_EPOCH}
    checks: list[Check] = []
    for row in expected_rows(PACKAGE, "profiling_overhead"):
        at = found[row["workload"]]
        name = row["workload"]
        checks += [
            near(f"{name}, best limit (W)", at.power_limit_w, float(row["power_limit_w"]), 0),
            near(
                f"{name}, extra energy",
                at.extra_energy_percent,
                float(row["extra_energy_percent"]),
                _TOLERANCE_POINTS,
            ),
            near(
                f"{name}, extra time",
                at.extra_time_percent,
                float(row["extra_time_percent"]),
                _TOLERANCE_POINTS,
            ),
        ]
    return Finding(
        f"energy and time that a profiling epoch adds, recomputed, within {_TOLERANCE_POINTS} points",
        tuple(checks),
        "% of a run",
        _BASELINE,
        EXACT,
        unjudged_by(source),
    )


def draw(result: Result[OverheadRow], canvas: Canvas) -> None:
    """Energy on the left, time on the right; two bars per workload."""
    grid = canvas.grid(1, 2, above_in=0.5, left=0.125, wspace=0.08)
    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    ways = {WHOLE_EPOCH: canvas.look.faint, SHORT_WINDOWS: canvas.look.policies["zeus"]}
    for number, quantity in enumerate(("energy", "time")):
        axes = canvas.figure.add_subplot(grid[number])
        largest = 0.0
        for place, (way, colour) in enumerate(ways.items()):
            values = [
                row.extra_energy_percent if quantity == "energy" else row.extra_time_percent
                for row in result.rows
                if row.way == way
            ]
            heights = [row + (place - 0.5) * 0.36 for row in range(len(workloads))]
            axes.barh(heights, values, height=0.34, color=colour, label=way, linewidth=0)
            for height, value in zip(heights, values, strict=True):
                axes.annotate(
                    _signed(value),
                    (value, height),
                    xytext=(4 if value >= 0 else -4, 0),
                    textcoords="offset points",
                    va="center",
                    ha="left" if value >= 0 else "right",
                )
            largest = max(largest, *map(abs, values))
        axes.axvline(0.0, color=canvas.look.ink, linewidth=0.8)
        lowest = min(axes.dataLim.x0, 0.0)
        axes.set_xlim(lowest - (0.28 if lowest < 0 else 0.05) * largest, axes.dataLim.x1 + 0.25 * largest)
        axes.set_yticks(range(len(workloads)), workloads)
        axes.set_ylim(len(workloads) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0, labelleft=number == 0)
        axes.set_xlabel(f"extra {quantity}, % of a run")
        axes.set_title(f"{quantity}")
    canvas.legend(2)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}") if round(value, 2) else "0.00"


EXPERIMENT = Experiment(
    "zeus/profiling-overhead",
    "Zeus, Figure 11",
    "What profiling the power limits adds to a run",
    "extra energy and time of a profiling epoch, per workload; the real part needs a GPU",
    Kind.EXACT,
    compute,
    draw,
    height_in=4.0,
)
