"""Figure 2: expected time and energy to target of every configuration, and the Pareto front."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.labels import PointLabel, label_points
from elastance.figures.style import unit_for
from elastance.figures.zeus.baselines import DEFAULT, EXACT, EXPECTED, PACKAGE
from elastance.simulate import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.transforms import Bbox

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.traces import SourceRecord

WORKLOAD, GPU = "librispeech", "v100"

_DEFAULT_S, _DEFAULT_J = 59344.0, 9528.1e3
"""Expected time and energy of the default on the public traces."""

_HALF_SECOND, _HALF_UNIT_KJ = 0.5, 0.05
"""Expected numbers are rounded to whole seconds and tenths of a kilojoule."""


class TradeoffRow(NamedTuple):
    """One configuration."""

    batch_size: int
    power_limit_w: int
    expected_epochs: float
    time_s: float
    energy_j: float
    pareto_optimal: bool
    default: bool


def compute(setting: Setting) -> Result[TradeoffRow]:
    """Price every configuration of librispeech on V100."""
    task = setting.task(WORKLOAD, GPU)
    front = {(at.batch_size, at.power_limit_w) for at in pareto_front(task.table)}
    own = (task.default.batch_size, task.default.power_limit_w)
    rows = [
        TradeoffRow(*key, at.epochs, at.time_s, at.energy_j, key in front, key == own)
        for key, at in task.table.items()
    ]
    source = setting.record([GPU])
    job = task.problem.job
    return Result(
        rows,
        tuple(_findings(rows, source)),
        source,
        f"{job.network} on {job.dataset}, {GPU.upper()}; target metric {job.target_metric:g} "
        f"within {job.max_epochs} epochs; {len(rows)} configurations",
        (DEFAULT + ".", EXPECTED.capitalize() + ".", "Labels: batch size, power limit in W."),
    )


def _findings(rows: Sequence[TradeoffRow], source: SourceRecord) -> list[Finding]:
    front = {(row.batch_size, row.power_limit_w): row for row in rows if row.pareto_optimal}
    (default,) = (row for row in rows if row.default)
    wanted = expected_rows(PACKAGE, "tradeoff")
    checks = [near("points on the front", len(front), len(wanted), 0)]
    for row in wanted:
        at = front.get((int(row["batch_size"]), int(row["power_limit_w"])))
        name = f"({row['batch_size']}, {row['power_limit_w']} W)"
        seconds, kilojoules = (math.nan, math.nan) if at is None else (at.time_s, at.energy_j / 1e3)
        checks += [
            near(f"time of {name}, s", seconds, float(row["time_s"]), _HALF_SECOND),
            near(f"energy of {name}, kJ", kilojoules, float(row["energy_kj"]), _HALF_UNIT_KJ),
        ]
    of_default = (
        near("time, s", default.time_s, _DEFAULT_S, _HALF_SECOND),
        near("energy, kJ", default.energy_j / 1e3, _DEFAULT_J / 1e3, _HALF_UNIT_KJ),
    )
    claims: list[tuple[str, tuple[Check, ...]]] = [
        ("the Pareto front of Figure 2, recomputed, to the last digit", tuple(checks)),
        ("default's time and energy, recomputed, to the last digit", of_default),
    ]
    return [Finding(claim, of, "", DEFAULT, EXACT, unjudged_by(source)) for claim, of in claims]


def draw(result: Result[TradeoffRow], canvas: Canvas) -> None:
    """All configurations on the left; on the right the front, near enough to read."""
    grid = canvas.grid(1, 2, width_ratios=(1, 1.25), wspace=0.2)
    shown = [row for row in result.rows if math.isfinite(row.time_s)]
    time_unit, time_size = unit_for(min(row.time_s for row in shown), "s")
    energy_unit, energy_size = unit_for(min(row.energy_j for row in shown), "J")
    for number in range(2):
        axes = canvas.figure.add_subplot(grid[number])
        _draw_points(axes, shown, canvas.look, time_size, energy_size)
        axes.set_xlabel(f"expected time to target, {time_unit}")
        axes.set_ylabel(f"expected energy to target, {energy_unit}" if number == 0 else "")
    whole, near_by = canvas.figure.axes
    whole.set_xscale("log")
    whole.set_yscale("log")
    _plain_ticks(whole.xaxis)
    _plain_ticks(whole.yaxis)
    whole.set_title(f"all {len(result.rows)} configurations")
    whole.legend(loc="lower right")
    front = sorted((row for row in shown if row.pareto_optimal), key=lambda row: row.time_s)
    (default,) = (row for row in shown if row.default)
    _near_the_front(near_by, [*front, default], time_size, energy_size)
    near_by.set_title(f"the {len(front)} that no other beats in time and energy")
    labels = [
        PointLabel(
            f"{row.batch_size}, {row.power_limit_w}",
            (row.time_s / time_size, row.energy_j / energy_size),
            8.0,
            True,
            {"color": canvas.look.ink},
        )
        for row in (*front, default)
    ]
    label_points(near_by, labels, _marks(near_by, shown, time_size, energy_size))


def _draw_points(
    axes: Axes, rows: Sequence[TradeoffRow], look: Theme, time_size: float, energy_size: float
) -> None:
    def places(chosen: Sequence[TradeoffRow]) -> tuple[list[float], list[float]]:
        return [row.time_s / time_size for row in chosen], [row.energy_j / energy_size for row in chosen]

    front = sorted((row for row in rows if row.pareto_optimal), key=lambda row: row.time_s)
    axes.scatter(*places(rows), s=14, color=look.faint, linewidths=0, label="configuration")
    axes.plot(*places(front), color=look.energy, marker="o", markersize=5, label="Pareto front")
    default = [row for row in rows if row.default]
    axes.scatter(*places(default), s=46, marker="s", color=look.ink, zorder=5, label="default")


def _marks(axes: Axes, rows: Sequence[TradeoffRow], time_size: float, energy_size: float) -> list[Bbox]:
    """What labels must not cover, in pixels: every mark, and the front between its points."""
    from matplotlib.transforms import Bbox

    def places(of: Sequence[TradeoffRow]) -> list[tuple[float, float]]:
        at = axes.transData.transform([(row.time_s / time_size, row.energy_j / energy_size) for row in of])
        return [(float(x), float(y)) for x, y in at]

    front = sorted((row for row in rows if row.pareto_optimal), key=lambda row: row.time_s)
    along = [
        (x0 + (x1 - x0) * step / 24, y0 + (y1 - y0) * step / 24)
        for (x0, y0), (x1, y1) in pairwise(places(front))
        for step in range(25)
    ]
    return [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in (*places(rows), *along)]


def _near_the_front(axes: Axes, rows: Sequence[TradeoffRow], time_size: float, energy_size: float) -> None:
    times = [row.time_s / time_size for row in rows]
    energies = [row.energy_j / energy_size for row in rows]
    wide, high = max(times) - min(times), max(energies) - min(energies)
    axes.set_xlim(min(times) - 0.14 * wide, max(times) + 0.16 * wide)
    axes.set_ylim(min(energies) - 0.14 * high, max(energies) + 0.14 * high)


def _plain_ticks(axis: Axis) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


EXPERIMENT = Experiment(
    "zeus/tradeoff",
    "Zeus, Figure 2",
    "Time and energy of training to the target trade off against each other",
    "the nine points of the Pareto front, and the default, to the last digit",
    Kind.EXACT,
    compute,
    draw,
    height_in=4.0,
)
