"""Pictures of a simulated cluster: policies side by side, and GPUs and power over time."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.figures.labels import shortened
from elastance.figures.style import WIDTH_INCHES, drawing, find_theme, plain_number
from elastance.simulate.cluster import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.figures.style import Theme
    from elastance.simulate.cluster import ClusterComparison, ClusterPolicyResult

HEADER_IN = 0.85
"""Height of the heading, inches."""

_BAR = 0.2
_PANEL = 1.75

_PANELS: tuple[tuple[str, str | None, str, float], ...] = (
    ("jct_s", "mean", "mean job completion time, min", 60.0),
    ("makespan_s", None, "makespan, h", 3600.0),
    ("energy_j", None, "energy of all GPUs, MJ", 1e6),
    ("utilization", None, "GPU time in which workers train, %", 0.01),
)
"""Quantity, statistic, title and unit of each panel."""


def draw_cluster_comparison(comparison: ClusterComparison, *, theme: str = "light") -> Figure:
    """Draw job completion time, makespan, energy and utilization of every policy, with 95 % intervals over seeds.

    Args:
        comparison: What `elastance.simulate.cluster.simulate_cluster` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    look = find_theme(theme)
    rows = len(comparison.policies) * _BAR + 0.12
    height = HEADER_IN + 2 * rows + 1.05
    with drawing(look):
        figure = headed_figure(comparison, height)
        grid = figure.add_gridspec(
            2, 2, left=0.16, right=0.985, wspace=0.07, hspace=0.5 / rows,
            top=1 - (HEADER_IN + 0.2) / height, bottom=0.25 / height,
        )  # fmt: skip
        for number, panel in enumerate(_PANELS):
            axes = figure.add_subplot(grid[number // 2, number % 2])
            _draw_bars(axes, comparison, panel, look)
            axes.tick_params(labelleft=number % 2 == 0)
        figure.draw_without_rendering()
    return figure


def draw_cluster_allocation(comparison: ClusterComparison, *, theme: str = "light") -> Figure:
    """Draw over time, for the first seed of every policy, the GPUs that are held, those that train, and the power.

    Args:
        comparison: What `elastance.simulate.cluster.simulate_cluster` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    look = find_theme(theme)
    height = HEADER_IN + 0.5 + len(comparison.policies) * _PANEL + 0.4
    with drawing(look):
        figure = headed_figure(comparison, height)
        _legend(figure, look, 1 - (HEADER_IN + 0.12) / height)
        grid = figure.add_gridspec(
            len(comparison.policies), 1, left=0.075, right=0.985, hspace=0.3,
            top=1 - (HEADER_IN + 0.5) / height, bottom=0.42 / height,
        )  # fmt: skip
        longest_s = max(history.end_s for result in comparison.policies for history in result.histories[:1])
        for number, result in enumerate(comparison.policies):
            rows = grid[number, 0].subgridspec(2, 1, height_ratios=(2.4, 1.0), hspace=0.16)
            panels = figure.add_subplot(rows[0]), figure.add_subplot(rows[1])
            _draw_timeline(panels, comparison, result, longest_s, look)
            if number + 1 == len(comparison.policies):
                panels[1].set_xlabel("time, min")
        figure.draw_without_rendering()
    return figure


def _draw_bars(
    axes: Axes, comparison: ClusterComparison, panel: tuple[str, str | None, str, float], look: Theme
) -> None:
    quantity, statistic, title, unit = panel
    names = [result.policy for result in comparison.policies]
    colours = look.policy_colours(names)
    longest = 0.0
    for number, result in enumerate(comparison.policies):
        mean, ci95 = result.spread(quantity, statistic)
        value, margin = (mean or 0.0) / unit, (ci95 or 0.0) / unit
        axes.barh(number, value, 0.72, color=colours[result.policy])
        if margin:
            axes.errorbar(value, number, xerr=margin, color=look.ink, elinewidth=0.8, capsize=2)
        axes.annotate(
            plain_number(value),
            (value + margin, number),
            (3, 0),
            textcoords="offset points",
            va="center",
            size=7,
        )
        longest = max(longest, value + margin)
    axes.set_yticks(range(len(names)), [policy_name(name) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(0, 1.17 * longest or 1.0)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=False, length=0)
    axes.set_title(title)


def _draw_timeline(
    panels: tuple[Axes, Axes],
    comparison: ClusterComparison,
    result: ClusterPolicyResult,
    longest_s: float,
    look: Theme,
) -> None:
    """GPUs above, power below, over the same time."""
    timeline = Timeline.of(result.histories[0])
    minutes = timeline.time_s / 60.0
    colour = look.policy_colours([of.policy for of in comparison.policies])[result.policy]
    gpus, power = panels
    gpus.stairs(timeline.allocated.sum(axis=1), minutes, fill=True, color=colour, alpha=0.35, linewidth=0)
    gpus.stairs(timeline.useful.sum(axis=1), minutes, fill=True, color=colour, linewidth=0)
    gpus.set_ylim(0, comparison.cluster.size)
    gpus.set_ylabel("GPUs")
    gpus.set_title(
        f"{policy_name(result.policy)}: {result.measures[0].mean_allocated_gpus:.1f} GPUs held on average, "
        f"{plain_number(result.measures[0].energy_j / 1e6)} MJ"
    )
    power.stairs(timeline.power_w / 1000.0, minutes, fill=True, color=look.energy, alpha=0.8, linewidth=0)
    power.set_ylim(0, max(of.measures[0].peak_power_w for of in comparison.policies) / 1000.0)
    power.set_ylabel("kW")
    for axes in panels:
        axes.set_xlim(0, longest_s / 60.0)
    gpus.tick_params(labelbottom=False, bottom=False)


def _legend(figure: Figure, look: Theme, y: float) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color=look.ink, alpha=0.75, label="GPUs on which logical workers train"),
        Patch(color=look.ink, alpha=0.3, label="held, but idle: restarting, waiting or without a worker"),
        Patch(color=look.energy, alpha=0.8, label="power of all GPUs"),
    ]
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(0.065, y), ncols=3, handlelength=1.4)


def headed_figure(comparison: ClusterComparison, height: float) -> Figure:
    """Return a figure `height` inches high that says what was simulated, from what, above where its panels go."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    seeds = len(comparison.policies[0].seeds)
    kind = "Synthetic jobs" if comparison.workload.provenance == "model" else "Jobs"
    workload, modelled = comparison.workload, comparison.step_times.source.provenance == "model"
    lines = [
        (
            f"{kind} in {shortened(workload.path.name, 40)} (sha256 {workload.sha256[:12]}); interval "
            f"{comparison.interval_s:g} s, {seeds} seed{'' if seeds == 1 else 's'}"
        ),
        f"Step times: {'fitted models' if modelled else 'measured'}",
    ]
    lines[0] += ", published simulator replayed" if comparison.compat else ""
    lines[1] += "; power: assumed, idle and board power by GPU type"
    profiled = {profile.application for profile in comparison.profiles}
    lines[1] += f"; as profiled: {shortened(', '.join(sorted(profiled)), 40)}" if profiled else ""
    heading = f"{len(comparison.workload.jobs):,} jobs on {comparison.cluster}"
    figure.text(0.012, 1 - 0.11 / height, heading, size=12, weight="bold", va="top")
    for number, line in enumerate(lines):
        figure.text(0.012, 1 - (0.36 + 0.17 * number) / height, line, va="top", alpha=0.8)
    return figure


def policy_name(name: str) -> str:
    """Return a scheduler's name as figures write it: the class of a user's own."""
    return shortened(name.rpartition(":")[2], 20)
