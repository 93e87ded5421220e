"""Panels that several experiments share."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.style import Theme

MARKERS = ("o", "D", "s", "^", "v", "P")
"""Shapes of the series of a panel, so that colour alone never tells them apart."""


class Estimate(NamedTuple):
    """A value with its uncertainty.

    Attributes:
        value: Where the mark stands.
        half_width: Half width of its 95 % interval; None if there is none.
    """

    value: float
    half_width: float | None = None


def draw_estimates(
    axes: Axes,
    categories: Sequence[str],
    series: Mapping[str, Sequence[Estimate]],
    colours: Mapping[str, str],
    look: Theme,
) -> None:
    """Draw one row per category, from top to bottom, and in it one mark with its interval per series.

    Args:
        axes: Where to draw.
        categories: Names of the rows.
        series: Name to one estimate per category.
        colours: Name to colour.
        look: The theme.
    """
    step = 0.7 / max(1, len(series))
    for place, (name, estimates) in enumerate(series.items()):
        shift = (place - (len(series) - 1) / 2) * step
        axes.errorbar(
            [estimate.value for estimate in estimates],
            [number + shift for number in range(len(categories))],
            xerr=[estimate.half_width or 0.0 for estimate in estimates],
            fmt=MARKERS[place % len(MARKERS)],
            color=colours[name],
            markersize=5,
            elinewidth=1.4,
            label=name,
        )
    axes.set_yticks(range(len(categories)), list(categories))
    axes.set_ylim(len(categories) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for number in range(1, len(categories)):
        axes.axhline(number - 0.5, color=look.faint, linewidth=0.4, alpha=0.6)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
