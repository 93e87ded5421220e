"""Figure 1: what the best batch size, the best power limit, and both together could save."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.style import signed_number
from elastance.figures.zeus.baselines import DEFAULT, EXACT, EXPECTED, NAMES, PACKAGE
from elastance.simulate import Knobs, best_by_knob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.traces import SourceRecord

TOLERANCE_POINTS = 0.1
"""How far a saving may be from the expected one, percentage points."""

_KNOBS = dict(zip(Knobs._fields, ("batch size", "power limit", "both"), strict=True))

_TIME = (
    "Energy alone is often bought with time: the numbers beside the bars are what both knobs together do to "
    "the time to target."
)


class PotentialRow(NamedTuple):
    """What turning one knob saves."""

    workload: str
    gpu: str
    knob: str
    batch_size: int
    power_limit_w: int
    energy_saved_percent: float
    time_saved_percent: float
    default_batch_size: int
    default_power_limit_w: int


def compute(setting: Setting) -> Result[PotentialRow]:
    """Price every configuration of every workload on every GPU at eta = 1."""
    gpus = setting.known_gpus()
    rows = [row for gpu in gpus for workload in NAMES for row in _rows(setting, workload, gpu)]
    source = setting.record(gpus)
    return Result(
        rows,
        (_finding(rows, source),),
        source,
        "eta 1 (energy only), default targets; expected energy of every batch size and power limit on offer",
        (
            DEFAULT + ". " + EXPECTED.capitalize() + ".",
            _TIME,
        ),
    )


def _rows(setting: Setting, workload: str, gpu: str) -> list[PotentialRow]:
    task = setting.task(workload, gpu, eta=1.0)
    default, knobs = task.default, best_by_knob(task)
    return [
        PotentialRow(
            workload,
            gpu,
            _KNOBS[name],
            at.batch_size,
            at.power_limit_w,
            100 * (1 - at.energy_j / default.energy_j),
            100 * (1 - at.time_s / default.time_s),
            default.batch_size,
            default.power_limit_w,
        )
        for name, at in knobs._asdict().items()
    ]


def _finding(rows: Sequence[PotentialRow], source: SourceRecord) -> Finding:
    found = {(row.workload, row.gpu, row.knob): row for row in rows}
    checks = [
        near(
            f"{row['workload']} on {row['gpu']}, {row['knob']}",
            found[key].energy_saved_percent if key in found else math.nan,
            float(row["energy_saved_percent"]),
            TOLERANCE_POINTS,
        )
        for row in expected_rows(PACKAGE, "potential")
        for key in [(row["workload"], row["gpu"], row["knob"])]
        if row["gpu"] in {row.gpu for row in rows}
    ]
    return Finding(
        f"potential energy savings equal Figure 1, recomputed, within {TOLERANCE_POINTS} points",
        tuple(checks),
        "%",
        DEFAULT,
        EXACT,
        unjudged_by(source),
    )


def draw(result: Result[PotentialRow], canvas: Canvas) -> None:
    """One panel per GPU, one bar per workload and knob."""
    gpus = list(dict.fromkeys(row.gpu for row in result.rows))
    columns = min(2, len(gpus))
    grid = canvas.grid(
        math.ceil(len(gpus) / columns),
        columns,
        above_in=0.52,
        left=0.115,
        right=0.935,
        wspace=0.22,
        hspace=0.34,
    )
    most = max(row.energy_saved_percent for row in result.rows)
    for number, gpu in enumerate(gpus):
        axes = canvas.figure.add_subplot(grid[divmod(number, columns)])
        _draw_gpu(axes, [row for row in result.rows if row.gpu == gpu], canvas.look, most)
        axes.tick_params(labelleft=number % columns == 0)
    canvas.legend(3)


def _draw_gpu(axes: Axes, rows: Sequence[PotentialRow], look: Theme, most: float) -> None:
    colours = dict(zip(_KNOBS.values(), (look.series[3], look.series[0], look.energy), strict=True))
    for place, knob in enumerate(_KNOBS.values()):
        of_knob = [row for row in rows if row.knob == knob]
        heights = [number + (place - 1) * 0.26 for number in range(len(of_knob))]
        values = [row.energy_saved_percent for row in of_knob]
        label = "both together" if knob == "both" else f"{knob} only"
        axes.barh(heights, values, height=0.24, color=colours[knob], label=label, linewidth=0)
    both = [row for row in rows if row.knob == "both"]
    saved = [row.energy_saved_percent for row in both]
    axes.set_title(f"{both[0].gpu.upper()}: both knobs save {min(saved):.0f} to {max(saved):.0f} %", pad=8)
    axes.set_yticks(range(len(both)), [row.workload for row in both])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, most * 1.03)
    axes.set_xlabel("energy saved, %")
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    across = axes.get_yaxis_transform()
    said = ["time", *(f"{signed_number(-row.time_saved_percent)} %" for row in both)]
    for number, text in enumerate(said, start=-1):
        axes.text(1.14, number, text, transform=across, va="center", ha="right", color=look.time)


EXPERIMENT = Experiment(
    "zeus/potential",
    "Zeus, Figure 1",
    "Energy that the right batch size and power limit could save",
    "savings of each knob and of both, per workload and GPU, within 0.1 points",
    Kind.EXACT,
    compute,
    draw,
    height_in=6.3,
)
