"""The energy-time plane of a job: all configurations, their Pareto front, and the path of a search."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.labels import PointLabel, label_points, policy_label, set_fitting_title
from elastance.figures.style import Theme, unit_for
from elastance.simulate import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

    from elastance.simulate import Comparison, PolicyResult

_LOGARITHMIC_FROM = 3.0
"""Ratio of an axis's ends from which on it is logarithmic; the good configurations crowd at its lower end."""

_FARTHEST = 1.3
"""Configurations are shown up to this multiple of everything that matters: default, front and search path."""

_MOST_NUMBERS = 16
"""Up to this many visited configurations each has its number, then only every fifth or tenth."""

_Point = tuple[float, float]


class _Plane(NamedTuple):
    """What is to be drawn, in the units of the axes.

    Attributes:
        points: Every configuration that can reach the target.
        front: The Pareto front, fastest first.
        path: What was tried, in order of the first try.
        hopeless: How many of those tried cannot reach the target and are not in `path`.
        default, oracle: Where the two baselines are.
        final: Where the search ended, if it did.
        units: Names of the units of time and energy.
    """

    points: list[_Point]
    front: list[_Point]
    path: list[_Point]
    hopeless: int
    default: _Point
    oracle: _Point
    final: _Point | None
    units: tuple[str, str]


def draw_plane(axes: Axes, comparison: Comparison, leading: PolicyResult | None, look: Theme) -> None:
    """Draw expected energy and time to target of every configuration, the front, and where the search went."""
    plane, total = _plane(comparison, leading), len(comparison.task.table)
    colour = look.ink if leading is None else look.policy_colours([leading.policy])[leading.policy]
    axes.scatter(*_columns(plane.points), s=8, color=look.faint, linewidths=0, label="configuration")
    axes.plot(
        *_columns(plane.front), color=look.ink, marker="o", markersize=2.2, linewidth=1, label="Pareto front"
    )
    if leading is None:
        counted = _counted(total, "configuration")
        set_fitting_title(axes, [f"energy and time of {counted}", counted], axes.bbox.width)
    else:
        tried = len(plane.path) + plane.hopeless
        message = f"tried {tried} of {_counted(total, 'configuration')}"
        set_fitting_title(axes, [f"{policy_label(leading.policy)} {message}", message], axes.bbox.width)
        if plane.path:
            _draw_path(axes, plane.path, colour)
    if plane.final is not None:
        axes.scatter(
            *plane.final, s=110, facecolors="none", edgecolors=colour, linewidths=1.6, zorder=5,
            label="where it ends",
        )  # fmt: skip
    for place, marker, size, name in (
        (plane.default, "s", 42, "default"),
        (plane.oracle, "*", 115, "oracle"),
    ):
        axes.scatter(
            *place, s=size, marker=marker, color=look.ink, edgecolors=look.paper, zorder=6, label=name
        )
    _frame(axes, plane)
    _note_absent(axes, plane, total, look)
    legend = axes.legend(loc="best", borderaxespad=0.1, handletextpad=0.4, labelspacing=0.3, borderpad=0.2)
    # Data may lie under the legend where no corner is free.
    legend.set_frame_on(True)
    legend.get_frame().set(facecolor=look.paper, edgecolor="none", alpha=0.8)
    label_points(axes, _labels(plane, colour), [_extent_of(legend, axes), *_obstacles(axes, plane)])


def _extent_of(legend: Legend, axes: Axes) -> Bbox:
    """Where the legend will be, in pixels; its best place is known only once all is laid out."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return legend.get_window_extent()


def _plane(comparison: Comparison, leading: PolicyResult | None) -> _Plane:
    task = comparison.task
    time_unit, time_size = unit_for(task.default.time_s, "s")
    energy_unit, energy_size = unit_for(task.default.energy_j, "J")
    place = {
        key: (at.time_s / time_size, at.energy_j / energy_size)
        for key, at in task.table.items()
        if math.isfinite(at.cost_j)
    }
    visited: list[tuple[int, int]] = []
    final = None
    if leading is not None:
        records = leading.histories[0].records
        visited = list(dict.fromkeys((record.batch_size, record.power_limit_w) for record in records))
        final = leading.measures[0].final
    path = [place[key] for key in visited if key in place]
    return _Plane(
        points=list(place.values()),
        front=[place[at.batch_size, at.power_limit_w] for at in pareto_front(task.table)],
        path=path,
        hopeless=len(visited) - len(path),
        default=place[task.default.batch_size, task.default.power_limit_w],
        oracle=place[task.oracle.batch_size, task.oracle.power_limit_w],
        final=place.get(final) if final is not None else None,
        units=(time_unit, energy_unit),
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _columns(points: Sequence[_Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _draw_path(axes: Axes, path: Sequence[_Point], colour: str) -> None:
    """Visited configurations, joined by a line that grows stronger from the first to the last."""
    from matplotlib.collections import LineCollection

    steps = list(pairwise(path))
    strength = [0.2 + 0.6 * number / len(steps) for number in range(1, len(steps) + 1)]
    axes.add_collection(
        LineCollection(steps, colors=colour, alpha=strength or None, linewidths=0.9, zorder=3), autolim=False
    )
    axes.scatter(*_columns(path), s=22, color=colour, linewidths=0, zorder=4, label="tried, in this order")


def _frame(axes: Axes, plane: _Plane) -> None:
    """Set limits and scales so that what matters is large, and leave far-off configurations outside."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    matters = [*plane.front, *plane.path, plane.default, plane.oracle]
    for axis, index, name in ((axes.xaxis, 0, "time"), (axes.yaxis, 1, "energy")):
        axis.set_label_text(f"expected {name} to target, {plane.units[index]}")
        farthest = _FARTHEST * max(point[index] for point in matters)
        shown = [point[index] for point in plane.points if point[index] <= farthest]
        least, most = min(shown), max(shown)
        setter = axes.set_xlim if index == 0 else axes.set_ylim
        if most <= _LOGARITHMIC_FROM * least:
            margin = 0.12 * (most - least) or 0.1 * most
            setter(least - margin, most + margin)
            axis.set_major_locator(MaxNLocator(6))
            continue
        (axes.set_xscale if index == 0 else axes.set_yscale)("log")
        margin = (most / least) ** 0.1
        setter(least / margin, most * margin)
        steps = (1.0, 2.0, 5.0) if most < 60 * least else (1.0,)
        axis.set_major_locator(LogLocator(base=10, subs=steps))
        axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axis.set_minor_formatter(NullFormatter())


def _note_absent(axes: Axes, plane: _Plane, total: int, look: Theme) -> None:
    """Say under the panel how many configurations are not to be seen, and why."""
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    beyond = sum(x > right or y > top for x, y in plane.points)
    never = total - len(plane.points)
    said: list[str] = []
    if beyond:
        said.append(f"{beyond} farther out")
    if never:
        tried = f" ({plane.hopeless} tried)" if plane.hopeless else ""
        said.append(f"{never} never reach the target{tried}")
    if said:
        axes.text(
            1.0, -0.185, f"not shown: {', '.join(said)}", transform=axes.transAxes, ha="right", va="top",
            color=look.ink, alpha=0.75,
        )  # fmt: skip


def _labels(plane: _Plane, colour: str) -> list[PointLabel]:
    """The order of the first tries, not all of them where there are many; the ends have the first choice."""
    last = len(plane.path)
    step = next(step for step in (1, 5, 10, last) if last <= _MOST_NUMBERS * step)
    numbers = [
        PointLabel(str(number), point, 7.0, number in (1, last), {"color": colour})
        for number, point in enumerate(plane.path, start=1)
        if number in (1, last) or number % step == 0
    ]
    return [*numbers[:1], *numbers[:0:-1]]


def _obstacles(axes: Axes, plane: _Plane) -> list[Bbox]:
    """What numbers must not cover: marks, and the front between its points."""
    from matplotlib.transforms import Bbox

    along: list[_Point] = []
    pixels = [tuple(map(float, axes.transData.transform(point))) for point in plane.front]
    for (x0, y0), (x1, y1) in pairwise(pixels):
        steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 4))
        along += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps + 1)]
    boxes = [Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in along]
    ended = [plane.final] if plane.final else []
    marked = [
        (ended, 7.5),
        (plane.path, 3.0),
        ([plane.default], 4.5),
        ([plane.oracle], 6.0),
        (plane.points, 1.5),
    ]
    for points, half in marked:
        for point in points:
            x, y = (float(value) for value in axes.transData.transform(point))
            boxes.append(Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half))
    return boxes
