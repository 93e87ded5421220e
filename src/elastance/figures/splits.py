"""The picture of plans for unlike GPUs: who computes how long, who waits, and at what power."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from elastance.figures.labels import shortened
from elastance.figures.style import WIDTH_INCHES, Theme, drawing, find_theme, plain_number, quantity, unit_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.simulate import SplitComparison
    from elastance.splitting import GpuLoad, Plan

_BAR = 0.2
"""Height of a bar, inches."""

_GAP = 0.3
"""Room above the bars of a method, for its name, inches."""

_HEADER = 0.76
_FOOTER = 0.98
_LEFT, _MIDDLE, _RIGHT = 0.15, 0.69, 0.985
_MOST_LETTERS = 15
_VISIBLE = 0.004
"""Waiting shorter than this share of the longest step is not drawn."""


class _Bar(NamedTuple):
    """GPUs that do the same, at a place in the picture (inches from the top)."""

    load: GpuLoad
    alike: int
    y: float


class _Row(NamedTuple):
    """A method: where its name stands, what it says, and its bars."""

    y: float
    method: str
    text: str
    plan: Plan
    bars: list[_Bar]


def draw_splits(comparison: SplitComparison, *, theme: str = "light") -> Figure:
    """Draw step time, waiting included, and power of each GPU under every method that has a plan.

    Args:
        comparison: What `elastance.simulate.compare_splits` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    rows, depth = _rows(comparison)
    height = _HEADER + depth + _FOOTER
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, height))
        FigureCanvasAgg(figure)
        _title(figure, comparison, height)
        bottom, top = _FOOTER / height, (_FOOTER + depth) / height
        times = figure.add_axes((_LEFT, bottom, _MIDDLE - 0.02 - _LEFT, top - bottom))
        powers = figure.add_axes((_MIDDLE + 0.02, bottom, _RIGHT - _MIDDLE - 0.02, top - bottom))
        for axes in (times, powers):
            axes.set_ylim(depth, 0)
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="y", length=0)
        _draw_times(times, comparison, rows, look)
        _draw_powers(powers, rows, look)
        _legend(figure, look)
        if any(row.method.startswith("zeus2-") for row in rows):
            note = "zeus2 methods: their shares and limits, priced on the measured curves like all others"
            figure.text(_LEFT, 0.36 / height, note, va="bottom", alpha=0.8)
        # Ticks that are made when the figure is saved would no longer know the theme.
        figure.draw_without_rendering()
    return figure


def _rows(comparison: SplitComparison) -> tuple[list[_Row], float]:
    """Place the methods below each other, GPUs that do the same in one bar; the best plan first."""
    solved = [(of.solution.plan, of) for of in comparison.results if of.solution is not None]
    solved.sort(key=lambda pair: comparison.problem.order(pair[0]))
    rows: list[_Row] = []
    y = 0.0
    for plan, result in solved:
        at, y = y + 0.62 * _GAP, y + _GAP
        bars: list[_Bar] = []
        for _, same in groupby(plan.loads, key=lambda load: (load.gpu, load.batch_size, load.power_limit_w)):
            loads = list(same)
            bars.append(_Bar(loads[0], len(loads), y + _BAR / 2))
            y += _BAR
        slack = "" if result.slack is None else f", {_percent(result.slack)}"
        totals = (quantity(plan.time_s, "s"), quantity(plan.energy_j, "J"), quantity(plan.cost_j, "J"))
        text = "{}, {}, cost {}".format(*totals) + slack
        rows.append(_Row(at, result.method.name, text, plan, bars))
    return rows, y + 0.08


def _percent(slack: float) -> str:
    return "the best there is" if abs(slack) < 5e-5 else f"{100 * slack:+.1f} %"


def _draw_times(axes: Axes, comparison: SplitComparison, rows: list[_Row], look: Theme) -> None:
    longest = max(row.plan.time_s for row in rows)
    unit, size = unit_for(longest, "s")
    for row in rows:
        axes.text(0, row.y, row.method, weight="bold", va="center")
        name = axes.annotate(row.method, (0, row.y), weight="bold", va="center", alpha=0.0)
        width = name.get_window_extent().width / axes.bbox.width
        axes.text(width + 0.02, row.y, row.text, va="center", alpha=0.8, transform=axes.get_yaxis_transform())
        for load, _, y in row.bars:
            if load.batch_size == 0:
                axes.text(0, y, " released", va="center", size=7.5, alpha=0.8)
            else:
                _draw_time(axes, load, y, size, longest, look)
    bars = [bar for row in rows for bar in row.bars]
    axes.set_yticks([bar.y for bar in bars], [_name(bar) for bar in bars])
    axes.set_xlim(0, 1.02 * longest / size)
    axes.set_xlabel(f"time per {comparison.per}, {unit}")


def _draw_time(axes: Axes, load: GpuLoad, y: float, size: float, longest: float, look: Theme) -> None:
    """One bar: computing, then waiting; its text where there is room."""
    axes.barh(y, load.time_s / size, 0.8 * _BAR, color=look.policies["zeus"], linewidth=0)
    if load.idle_s > _VISIBLE * longest:
        axes.barh(
            y, load.idle_s / size, 0.8 * _BAR, left=load.time_s / size, facecolor="none",
            edgecolor=look.policies["grid"], hatch="////", linewidth=0.8,
        )  # fmt: skip
    parts = f", {load.micro_batches} parts" if load.micro_batches > 1 else ""
    text = f"{load.batch_size:,} samples at {load.power_limit_w} W{parts}"
    inside = load.time_s > 0.5 * longest
    outside: dict[str, Any] = {"bbox": {"facecolor": look.paper, "edgecolor": "none", "pad": 0.6}}
    axes.text(
        ((0.0 if inside else load.time_s) + 0.01 * longest) / size, y, text, va="center", size=7.5,
        color=look.paper if inside else look.ink, **({} if inside else outside),
    )  # fmt: skip


def _name(bar: _Bar) -> str:
    name = shortened(bar.load.gpu, _MOST_LETTERS)
    return name if bar.alike == 1 else f"{bar.alike} x {name}"


def _draw_powers(axes: Axes, rows: list[_Row], look: Theme) -> None:
    most = max(max(load.power_w, load.power_limit_w or 0.0) for row in rows for load in row.plan.loads)
    for row in rows:
        for load, _, y in row.bars:
            if load.batch_size == 0:
                continue
            axes.barh(y, load.power_w, 0.8 * _BAR, color=look.energy, linewidth=0)
            assert load.power_limit_w is not None
            axes.plot(
                [load.power_limit_w] * 2, [y - 0.4 * _BAR, y + 0.4 * _BAR], color=look.ink, linewidth=1.6
            )
            axes.annotate(
                plain_number(load.power_w), (max(load.power_w, load.power_limit_w), y), (4, 0),
                textcoords="offset points", va="center", size=7.5,
            )  # fmt: skip
    axes.set_yticks([])
    axes.set_xlim(0, 1.16 * most)
    axes.set_xlabel("mean power, W (line: limit)")


def _legend(figure: Figure, look: Theme) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[
            Patch(facecolor=look.policies["zeus"], label="computes"),
            Patch(facecolor="none", edgecolor=look.policies["grid"], hatch="////", label="waits for the slowest"),
            Patch(facecolor=look.energy, label="mean power while computing"),
        ],
        loc="lower left", bbox_to_anchor=(_LEFT - 0.012, 0.0), ncols=3, handlelength=1.4, borderpad=0.4,
    )  # fmt: skip


def _title(figure: Figure, comparison: SplitComparison, height: float) -> None:
    problem = comparison.problem
    gpus = ", ".join(
        (f"{group.count} x " if group.count > 1 else "") + shortened(group.profile.name, 24)
        for group in comparison.groups
    )
    aim = f"least {problem.goal.value}" + (f", eta {problem.eta:g}" if problem.goal == "cost" else "")
    kinds = " and ".join(sorted({group.profile.provenance.value for group in comparison.groups}))
    idle = ", ".join(f"{group.idle_w:g}" for group in comparison.groups)
    settings = (
        f"{aim}; totals of one {comparison.per}; idle power {idle} W; granularity {problem.granularity}"
    )
    figure.text(
        0.012, 1 - 0.11 / height, shortened(f"{problem.global_batch_size:,} samples over {gpus}", 88),
        size=12, weight="bold", va="top",
    )  # fmt: skip
    figure.text(0.012, 1 - 0.36 / height, settings, va="top", alpha=0.8)
    digests = ", ".join(dict.fromkeys(group.profile.sha256[:12] for group in comparison.groups))
    figure.text(
        0.012, 1 - 0.54 / height, shortened(f"facts: {kinds}, sha256 {digests}", 120), va="top", alpha=0.8
    )
