"""Every pair of GPUs on every workload: what ways of splitting a batch cost against the exact plan."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, at_least, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.simulate import PAIR_METHODS, PairRow, geometric_means, split_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting

TOLERANCE = 0.001

_PUBLISHED = "zeus2-brute-force"
_QUANTITIES = ("cost", "energy", "time")
_SHOWN = {
    "time-balanced": "time-balanced\n(strong baseline)",
    "proportional": "proportional",
    "even-best-limits": "even, best limits",
    "even": "even (stock data\nparallel)",
    _PUBLISHED: "zeus2",
}
_BASELINE = "the exact plan of the same pair: least cost at eta 0.5, waiting included"


def compute(setting: Setting) -> Result[PairRow]:
    """Split an epoch of every workload over every pair of GPUs with every method."""
    gpus = setting.known_gpus()
    rows = split_pairs(setting.source, gpus, on_progress=setting.on_progress)
    source = setting.record(gpus)
    unjudged = unjudged_by(source)
    return Result(
        rows,
        (
            Finding(
                f"relative to the exact plan, geometric means over 36 pairs, within {TOLERANCE}",
                _mean_checks(rows),
                "",
                _BASELINE,
                "none, exact",
                unjudged,
            ),
            Finding(
                "zeus2 costs more than even in 27 of 36 pairs, more than time-balanced in all",
                _loss_checks(rows),
                "pairs",
                "even (equal shares) and time-balanced, both at maximum power",
                "none, exact",
                unjudged,
            ),
            Finding(
                "no method is better than the exact plan",
                (at_least("least relative cost", min(row.cost_relative for row in rows), 1.0 - 1e-9),),
                "",
                _BASELINE,
                "none, exact",
            ),
        ),
        source,
        "eta 0.5; an epoch in global batches of both largest sizes together, at most 16384; idle power assumed",
        (
            "Relative to the exact plan, on the measured curves. Diamonds: geometric means; dots: pairs.",
            "time-balanced, proportional and even run at maximum power. zeus2: shares and limits of its brute force.",
        ),
    )  # fmt: skip


def _mean_checks(rows: Sequence[PairRow]) -> tuple[Check, ...]:
    return tuple(
        near(f"{name} of {row['method']}", found, float(row[f"{name}_relative"]), TOLERANCE)
        for row in expected_rows("elastance.figures.zeus2", "pairs")
        for name, found in zip(_QUANTITIES, geometric_means(rows, row["method"]), strict=True)
        if row[f"{name}_relative"]
    )


def _loss_checks(rows: Sequence[PairRow]) -> tuple[Check, ...]:
    return tuple(
        near(f"more than {method}", _losses(rows, method), expected, 0.0)
        for method, expected in (("even", 27), ("time-balanced", 36))
    )


def _losses(rows: Sequence[PairRow], method: str) -> int:
    """Count the pairs in which the published plan costs more than that of a method."""
    cells = groupby(rows, key=lambda row: (row.workload, row.first, row.second))
    costs = [{row.method: row.cost_j for row in cell} for _, cell in cells]
    return sum(of[_PUBLISHED] > of[method] for of in costs)


def draw(result: Result[PairRow], canvas: Canvas) -> None:
    """A panel per quantity, a line per method: a dot per pair, a diamond for the mean."""
    look = canvas.look
    grid = canvas.grid(1, 3, left=0.155, right=0.985, wspace=0.1)
    colours = {
        "cost": look.policies["zeus"],
        "energy": look.energy,
        "time": look.time,
    }
    farthest = max(max(row.cost_relative, row.energy_relative, row.time_relative) for row in result.rows)
    for column, quantity in enumerate(_QUANTITIES):
        axes = canvas.figure.add_subplot(grid[column])
        for place, method in enumerate(_SHOWN):
            values = [
                float(getattr(row, f"{quantity}_relative")) for row in result.rows if row.method == method
            ]
            axes.plot(
                values, [place + 0.13] * len(values), "o", color=colours[quantity], alpha=0.35, markersize=4
            )
            mean = geometric_means(result.rows, method)[column]
            axes.plot(mean, place - 0.1, "D", color=colours[quantity], markersize=7)
            axes.annotate(
                f"{mean:.3f}", (mean, place - 0.1), (8, 0), textcoords="offset points", va="center",
            )  # fmt: skip
        axes.axvline(1.0, color=look.ink, linewidth=1, linestyle=(0, (4, 2)))
        axes.set_yticks(range(len(_SHOWN)), list(_SHOWN.values()) if column == 0 else [""] * len(_SHOWN))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(_SHOWN) - 0.5, -0.5)
        axes.set_xlim(0.6, 1.04 * farthest)
        axes.set_title(f"{quantity}, relative to exact")
    assert set(_SHOWN) == set(PAIR_METHODS) - {"exact"}


EXPERIMENT = Experiment(
    "zeus2/pairs",
    "Zeus^2 (no figure: measured on two pairs there)",
    "Splitting a batch over two unlike GPUs",
    "cost, energy and time relative to exact, geometric means: zeus2 1.462, 1.028, 1.709; even 1.273, 1.255, 1.277; "
    "time-balanced 1.040, 1.138, 0.979; ± 0.001",
    Kind.EXACT,
    compute,
    draw,
    height_in=3.6,
)
