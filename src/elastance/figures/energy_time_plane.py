"""The energy-time plane of a job: all configurations, their Pareto front, and the path of a search."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.figures.style import WIDE_RANGE, Theme, unit_for
from elastance.policies import PolicyKind, find_policy
from elastance.simulate import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from elastance.simulate import Comparison, Expectation, PolicyResult

_NUMBER_PX = (16.0, 13.0)
"""Room that a number in the energy-time plane takes, in pixels of the 100 per inch that figures are laid out in."""


def leading_policy(comparison: Comparison) -> PolicyResult | None:
    """Return the first policy that decides anything, if there is one."""
    for result in comparison.policies:
        if find_policy(result.policy).kind is not PolicyKind.BASELINE:
            return result
    return None


def draw_plane(axes: Axes, comparison: Comparison, look: Theme) -> None:
    """Draw expected energy and time to target of every configuration, the front, and where the search went."""
    axes.set_title("expected energy and time to target")
    task, leading = comparison.task, leading_policy(comparison)
    energy_unit, time_unit = unit_for(task.default.energy_j, "J"), unit_for(task.default.time_s, "s")

    def place(at: Expectation) -> tuple[float, float]:
        return at.time_s / time_unit[1], at.energy_j / energy_unit[1]

    points = [place(at) for at in task.table.values() if math.isfinite(at.cost_j)]
    front = [place(at) for at in pareto_front(task.table)]
    path = [place(task.table[key]) for key in _visited(leading, comparison)] if leading else []
    axes.scatter(*_columns(points), s=9, color=look.faint, linewidths=0, alpha=0.8, label="configurations")
    axes.plot(*_columns(front), color=look.series[2], marker="o", markersize=2.5, label="Pareto front")
    if leading is not None and path:
        _draw_path(axes, path, leading.policy, look)
    for at, marker, name, size in ((task.default, "s", "default", 46), (task.oracle, "*", "oracle", 120)):
        axes.scatter(
            *place(at), s=size, marker=marker, color=look.ink, edgecolors=look.paper, zorder=6, label=name
        )
    in_view = [*front, *path, place(task.default)]
    _frame(axes, "y", [y for _, y in in_view], f"energy, {energy_unit[0]}")
    _frame(axes, "x", [x for x, _ in in_view], f"time, {time_unit[0]}")
    _count_the_rest(axes, points, len(task.table) - len(points))
    _number_path(axes, path, look)
    axes.legend(loc="best", borderaxespad=0.1, handletextpad=0.4, labelspacing=0.3)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _frame(axes: Axes, axis: str, values: Sequence[float], label: str) -> None:
    """Show the range of `values` with some room; on a logarithmic scale if it is wide."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    least, most = min(values), max(values)
    getattr(axes, f"set_{axis}label")(label)
    if most <= WIDE_RANGE * least:
        getattr(axes, f"set_{axis}lim")(max(0.0, least - 0.15 * (most - least)), most + 0.4 * (most - least))
        return
    getattr(axes, f"set_{axis}scale")("log")
    getattr(axes, f"set_{axis}lim")(least / 1.4, most * 1.8)
    ticks = getattr(axes, f"{axis}axis")
    ticks.set_major_locator(LogLocator(base=10, subs=(1.0, 3.0)))
    ticks.set_major_formatter(StrMethodFormatter("{x:g}"))
    ticks.set_minor_formatter(NullFormatter())


def _count_the_rest(axes: Axes, points: Sequence[tuple[float, float]], never: int) -> None:
    """Say how many configurations are not to be seen, and why."""
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    beyond = sum(x > right or y > top for x, y in points)
    said = [f"{beyond} beyond"] * bool(beyond) + [f"{never} never reach it"] * bool(never)
    if said:
        axes.set_xlabel(f"{axes.get_xlabel()}  ({', '.join(said)})")


def _visited(result: PolicyResult, comparison: Comparison) -> list[tuple[int, int]]:
    """Configurations of the first seed in order of their first visit, those that can reach the target."""
    visits = dict.fromkeys((of.batch_size, of.power_limit_w) for of in result.histories[0].records)
    return [key for key in visits if math.isfinite(comparison.task.table[key].cost_j)]


def _draw_path(axes: Axes, path: Sequence[tuple[float, float]], name: str, look: Theme) -> None:
    """The search path: a thin line through the visited configurations in order of their first visit."""
    colour = look.series[0]
    axes.plot(*zip(*path, strict=True), color=colour, linewidth=0.6, alpha=0.5, zorder=4)
    axes.scatter(
        *zip(*path, strict=True), s=24, color=colour, linewidths=0, zorder=5, label=f"visited by {name}"
    )


def _number_path(axes: Axes, path: Sequence[tuple[float, float]], look: Theme) -> None:
    """Number the visited configurations in order, leaving out those too close to one that has its number."""
    taken: list[tuple[float, float]] = []
    for number, point in enumerate(path, start=1):
        x, y = axes.transData.transform(point)
        if any(abs(x - left) < _NUMBER_PX[0] and abs(y - low) < _NUMBER_PX[1] for left, low in taken):
            continue
        taken.append((x, y))
        axes.annotate(
            str(number),
            point,
            xytext=(3.5, 3),
            textcoords="offset points",
            size=8,
            color=look.series[0],
            zorder=7,
        )
