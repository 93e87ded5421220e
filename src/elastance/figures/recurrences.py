"""What each recurrence of one policy took, and what was chosen."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from elastance.figures.labels import policy_label, set_fitting_title
from elastance.figures.style import WIDE_RANGE, Theme, quantity
from elastance.simulate.measures import LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from elastance.runs import RunRecord
    from elastance.simulate import Comparison, Expectation, PolicyResult

_TITLE_PX = 715.0
"""Room for the title."""

_MOST_JOINED = 500
"""Up to this many recurrences their points are joined by a line; more would be a solid band."""

_MOST_VECTORS = 4000
"""From this many recurrences on, points go into SVG and PDF as an image, or the file would be huge."""


def draw_recurrences(
    consumption: Axes, sizes: Axes, limits: Axes, comparison: Comparison, leading: PolicyResult, look: Theme
) -> None:
    """Draw energy and time, batch size, and power limit of the first seed of `leading`, one above the other."""
    history, task = leading.histories[0], comparison.task
    marker_size = min(4.5, max(1.5, 700.0 / task.recurrences))
    message = _message(leading)
    set_fitting_title(consumption, [message, message.removesuffix(" than default")], _TITLE_PX, pad=21)
    _draw_consumption(consumption, history.records, comparison, look, marker_size)
    colour = look.policy_colours([leading.policy])[leading.policy]
    _draw_choice(sizes, history.records, lambda of: of.batch_size, colour, look, marker_size)
    _draw_choice(limits, history.records, lambda of: of.power_limit_w, colour, look, marker_size)
    chosen = sorted({record.batch_size for record in history.records})
    sizes.set_yscale("log", base=2)
    margin = max(1.4, (chosen[-1] / chosen[0]) ** 0.08)
    sizes.set_ylim(chosen[0] / margin, chosen[-1] * margin)
    final = leading.measures[0].final
    _tick(sizes, _apart(chosen, math.log2, first=final[0] if final else None))
    offered = sorted({limit for of in task.facts.sizes.values() for limit in of.power_limits_w})
    room = 0.15 * (offered[-1] - offered[0]) or 10.0
    limits.set_ylim(offered[0] - room, offered[-1] + room)
    _tick(limits, _apart(offered, float, most=4))
    sizes.set_ylabel("batch size")
    limits.set_ylabel("power limit, W")
    for axes in (consumption, sizes, limits):
        axes.yaxis.set_label_coords(-0.068, 0.5)
    _finish(consumption, sizes, limits, task.recurrences, history.seed)


def _message(leading: PolicyResult) -> str:
    """What the policy ends with, and what that saves."""
    measures, name = leading.measures[0], policy_label(leading.policy)
    if measures.final is None or measures.energy_saving is None or measures.time_saving is None:
        return f"{name}: no run reached the target in the last {LAST} recurrences"
    size, limit = measures.final
    energy, time = (
        f"{abs(saving) * 100:.0f} % {'more' if saving < 0 else 'less'}"
        for saving in (measures.energy_saving, measures.time_saving)
    )
    return f"{name} ends at batch size {size} and {limit} W: {energy} energy, {time} time than default"


def _draw_consumption(
    axes: Axes, records: Sequence[RunRecord], comparison: Comparison, look: Theme, marker_size: float
) -> None:
    """Energy and time of every recurrence, all its tries together, relative to the default's expectation."""
    default, count = comparison.task.default, comparison.task.recurrences
    energy, time = [0.0] * count, [0.0] * count
    for record in records:
        energy[record.recurrence] += record.energy_j / default.energy_j
        time[record.recurrence] += record.time_s / default.time_s
    axes.axhline(1.0, color=look.ink, linewidth=1, linestyle=(0, (4, 2)), label=_default_in_words(default))
    joined = "-" if count <= _MOST_JOINED else "none"
    shape: Any = {"linestyle": joined, "linewidth": 0.6, "rasterized": count > _MOST_VECTORS}
    numbers = range(1, count + 1)
    axes.plot(
        numbers, time, "D", color=look.time, markersize=marker_size, markerfacecolor=look.paper,
        markeredgewidth=0.9, label="time", **shape,
    )  # fmt: skip
    axes.plot(
        numbers, energy, "o", color=look.energy, markersize=marker_size * 0.9, markeredgewidth=0,
        label="energy", **shape,
    )  # fmt: skip
    highest = max(*energy, *time, 1.0)
    lowest = min([value for value in (*energy, *time) if value > 0.0] + [1.0])
    if highest > WIDE_RANGE * lowest:
        from matplotlib.ticker import StrMethodFormatter

        axes.set_yscale("log")
        axes.set_ylim(lowest / 1.4, highest * 1.4)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    else:
        axes.set_ylim(0, highest * 1.08)
    axes.set_ylabel("relative to default")
    _legend_above(axes)


def _default_in_words(default: Expectation) -> str:
    return (
        f"default (batch size {default.batch_size}, {default.power_limit_w} W): "
        f"{quantity(default.energy_j, 'J')}, {quantity(default.time_s, 's')}"
    )


def _draw_choice(
    axes: Axes,
    records: Sequence[RunRecord],
    chosen: Callable[[RunRecord], int],
    colour: str,
    look: Theme,
    marker_size: float,
) -> None:
    """One mark per run: a ring where it profiled power limits, a cross where it missed the target."""
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("run", "o", {"color": colour, "markeredgewidth": 0}),
        (
            "run that first tries every power limit",
            "o",
            {"color": colour, "markerfacecolor": look.paper, "markeredgewidth": 1.1, "zorder": 3},
        ),
        (
            "try that missed the target",
            "x",
            {"color": look.ink, "markeredgewidth": 1.3, "zorder": 4, "clip_on": False},
        ),
    )
    for kind, (name, marker, style) in enumerate(kinds):
        drawn = [record for record in records if kind == (2 if not record.reached else record.profiled)]
        size = max(marker_size, 3.0) if kind else marker_size
        axes.plot(
            [record.recurrence + 1 for record in drawn],
            [chosen(record) for record in drawn],
            marker,
            markersize=size + (1.0 if kind == 2 else 0.0),
            label=name if drawn else f"_{name}",
            rasterized=len(drawn) > _MOST_VECTORS,
            **style,
        )


def _tick(axes: Axes, shown: Sequence[int]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator(list(shown)))
    axes.set_yticks(list(shown), [str(value) for value in shown])
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)


def _apart(
    values: Sequence[int], height: Callable[[int], float], *, most: int = 7, first: int | None = None
) -> list[int]:
    """Pick those of the ascending `values` that stand far enough apart on the axis: `first`, then from the top."""
    least = (height(values[-1]) - height(values[0])) / most
    shown = [values[-1] if first is None else first]
    for value in reversed(values):
        if all(abs(height(other) - height(value)) >= max(least, 1e-9) for other in shown):
            shown.append(value)
    return sorted(shown)


def _legend_above(axes: Axes) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.006, 1.0),
        ncols=4,
        handletextpad=0.4,
        columnspacing=1.6,
        borderaxespad=0,
        borderpad=0.25,
    )


def _finish(consumption: Axes, sizes: Axes, limits: Axes, recurrences: int, seed: int) -> None:
    """The shared horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    _legend_above(sizes)
    limits.set_xlim(0.5 - 0.01 * recurrences, recurrences + 0.5 + 0.01 * recurrences)
    limits.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    for axes in (consumption, sizes):
        axes.tick_params(labelbottom=False)
    last = min(LAST, recurrences)
    saved = "saving: the last one" if last == 1 else f"saving: mean of the last {last}"
    limits.set_xlabel(f"recurrence (seed {seed}; {saved})")
