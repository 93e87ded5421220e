"""The picture of a simulated group trace: energy and time per workload, and how they come about job by job."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.figures.labels import policy_label, shortened
from elastance.figures.recurring import facts_in_words
from elastance.figures.style import WIDTH_INCHES, Theme, drawing, find_theme, plain_number
from elastance.runs import Provenance
from elastance.simulate.group_comparison import workload_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.simulate import GroupComparison, GroupPolicyResult

_HEADER = 0.95
_LEGEND = 0.42
_BAR = 0.115
_BAR_GAP = 0.14
_CURVES = 1.55
_COLUMNS = 3
_MOST = 1.6
"""Bars end here, as a share of the default: a Grid Search can take hundreds of times as much."""


def draw_groups(comparison: GroupComparison, *, theme: str = "light") -> Figure:
    """Draw energy and time relative to the default: sums per workload, and the sums as jobs end one after another.

    Args:
        comparison: What `elastance.simulate.simulate_groups` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    shown = [result for result in comparison.policies if result.policy != "default"] or [comparison.default]
    rows = math.ceil(len(comparison.datasets) / _COLUMNS)
    bars = (len(comparison.datasets) + 1) * (len(shown) * _BAR + _BAR_GAP) + 0.1
    curves = rows * _CURVES + 0.1
    height = _HEADER + _LEGEND + bars + 0.95 + curves + 0.45
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, height))
        FigureCanvasAgg(figure)
        _title(figure, comparison, height)
        top = height - _HEADER - _LEGEND
        panels = figure.add_gridspec(
            1, 2, left=0.13, right=0.985, wspace=0.06, top=top / height, bottom=(top - bars) / height
        )
        for column, quantity in enumerate(("energy_j", "time_s")):
            axes = figure.add_subplot(panels[column])
            _draw_bars(axes, comparison, shown, quantity, look)
            axes.tick_params(labelleft=column == 0)
        _legend(figure, shown, look, (top + 0.24) / height)
        grid = figure.add_gridspec(
            rows, _COLUMNS, left=0.075, right=0.985, wspace=0.16, hspace=0.36,
            top=(0.45 + curves) / height, bottom=0.45 / height,
        )  # fmt: skip
        for number, dataset in enumerate(comparison.datasets):
            axes = figure.add_subplot(grid[number // _COLUMNS, number % _COLUMNS])
            _draw_curves(axes, comparison, shown, dataset, look)
            if number + _COLUMNS >= len(comparison.datasets):
                axes.set_xlabel("jobs ended", size=7.5)
        figure.text(
            0.075, (0.45 + curves + 0.36) / height,
            "energy (solid) and time (dashed) so far, relative to default, as jobs end one after another",
            weight="bold", size=9.5,
        )  # fmt: skip
        figure.draw_without_rendering()
    return figure


def _draw_bars(
    axes: Axes, comparison: GroupComparison, shown: list[GroupPolicyResult], quantity: str, look: Theme
) -> None:
    """One bar per workload and policy, with the 95 % interval over seeds where there are several."""
    colours = look.policy_colours([result.policy for result in shown])
    step = len(shown) * _BAR + _BAR_GAP
    names: list[str] = []
    datasets = (*comparison.datasets, None)
    for number, dataset in enumerate(datasets):
        names.append("all" if dataset is None else workload_of(dataset))
        for index, result in enumerate(shown):
            mean, ci95 = comparison.relative(result, comparison.default, quantity, dataset)
            value = mean or 0.0
            y = number * step + index * _BAR
            drawn = min(value, _MOST)
            hollow = result.policy == "oracle"
            axes.barh(
                y, drawn, 0.82 * _BAR, edgecolor=colours[result.policy], linewidth=0.8,
                color="none" if hollow else colours[result.policy],
            )  # fmt: skip
            if ci95 and value <= _MOST:
                axes.errorbar(value, y, xerr=ci95, color=look.ink, elinewidth=0.8, capsize=1.5)
            text = plain_number(value) if value <= _MOST else f"{plain_number(value)} x ▸"
            past_interval = drawn + ((ci95 or 0.0) if value <= _MOST else 0.0)
            axes.annotate(
                text, (past_interval, y), (3, 0), textcoords="offset points", va="center", size=6.5,
                bbox={"facecolor": look.paper, "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip
    middle = (len(shown) - 1) * _BAR / 2
    axes.set_yticks([number * step + middle for number in range(len(datasets))], names)
    axes.set_ylim(len(datasets) * step - _BAR_GAP, -_BAR)
    axes.set_xlim(0, _MOST * 1.13)
    axes.axvline(1.0, color=look.faint, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.tick_params(axis="y", length=0)
    axes.set_title("energy, relative to default" if quantity == "energy_j" else "time, relative to default")


def _legend(figure: Figure, shown: list[GroupPolicyResult], look: Theme, y: float) -> None:
    from matplotlib.patches import Patch

    colours = look.policy_colours([result.policy for result in shown])
    handles = [
        Patch(
            edgecolor=colours[result.policy],
            facecolor="none" if result.policy == "oracle" else colours[result.policy],
            label=policy_label(result.policy),
        )
        for result in shown
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.12, y), ncols=4, handlelength=1.2, borderpad=0.0
    )


def _draw_curves(
    axes: Axes, comparison: GroupComparison, shown: list[GroupPolicyResult], dataset: str, look: Theme
) -> None:
    """Sums over the jobs that have ended, relative to the default's."""
    from matplotlib.ticker import MaxNLocator

    colours = look.policy_colours([result.policy for result in shown])
    for result in shown:
        for quantity, style in (("energy_j", "-"), ("time_s", (0, (3, 1.5)))):
            curve = comparison.cumulative(result, quantity, dataset)
            axes.plot(
                range(1, len(curve) + 1), curve, color=colours[result.policy], linestyle=style, linewidth=1.2
            )
    axes.axhline(1.0, color=look.faint, linewidth=0.9, linestyle=(0, (4, 2)))
    totals = comparison.default.totals(dataset)[0]
    axes.set_ylim(0, 2.0)
    axes.set_xlim(0, max(totals.submissions, 1))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(f"{workload_of(dataset)} ({totals.groups:,} groups)", size=8.5)


def _title(figure: Figure, comparison: GroupComparison, height: float) -> None:
    problem = next(iter(comparison.tasks.values())).problem
    totals, seeds = comparison.default.totals()[0], len(comparison.policies[0].seeds)
    heading = (
        f"{totals.submissions:,} submissions of {totals.groups:,} recurring jobs on {comparison.gpu.upper()}, "
        f"{totals.overlapping:,} overlapping"
    )
    made_up = comparison.trace.provenance is Provenance.MODEL
    settings = (
        f"{'Synthetic groups' if made_up else 'Groups'} in {shortened(comparison.trace.path.name, 40)} "
        f"(sha256 {comparison.trace.sha256[:12]}); eta {problem.cost.eta:g}, "
        f"beta {'inf' if math.isinf(problem.beta) else f'{problem.beta:g}'}, "
        f"{seeds} seed{'' if seeds == 1 else 's'}"
        + (", published simulator replayed" if next(iter(comparison.tasks.values())).published else "")
    )
    note = "default: every submission at the user's own batch size and the largest power limit, at its expectation"
    figure.text(0.012, 1 - 0.11 / height, heading, size=12, weight="bold", va="top")
    figure.text(0.012, 1 - 0.34 / height, facts_in_words(comparison.source), va="top", alpha=0.8)
    figure.text(0.012, 1 - 0.51 / height, settings, va="top", alpha=0.8)
    figure.text(0.012, 1 - 0.68 / height, note, va="top", alpha=0.8)
