"""The picture of a profile: energy and time of a training step over power limits, a line per batch size."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.labels import shortened, spread_out
from elastance.figures.style import WIDE_RANGE, WIDTH_INCHES, Theme, drawing, find_theme, plain_number
from elastance.train.profiling.products import best_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.train.profiling.plan import Cell
    from elastance.train.profiling.runner import ProfileResult

_HEIGHT = 4.5
_BOTTOM, _TOP = 0.62, 0.98
"""Inches below and above the panels."""

_PANELS = ((0.075, 0.45), (0.565, 0.94))
"""Left and right end of each panel, as shares of the width."""

_APART_PX = 13.0
_PALEST = 0.35


class _Quantity(NamedTuple):
    """What a panel shows: of the step, and of each trial."""

    title: str
    unit: str
    colour: str
    values: list[list[float]]
    ranges: list[list[tuple[float, float]]]


def draw_profile(result: ProfileResult, *, eta: float = 0.5, theme: str = "light") -> Figure:
    """Draw energy and time of a step under each limit; where there is one limit only, over batch sizes.

    Bars reach from the least trial to the largest; a ring marks the limit with the least cost.

    Args:
        result: What `elastance.train.profiling.runner.run_profile` returned.
        eta: Weighs energy (1) against time (0) in the cost.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    sizes = sorted({cell.batch_size for cell in result.cells})
    lines = [[cell for cell in result.cells if cell.batch_size == size] for size in sizes]
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, _HEIGHT))
        FigureCanvasAgg(figure)
        _title(figure, result, eta)
        energy = _quantity("energy of a step, J", "J", look.energy, lines)
        time = _quantity("time of a step, ms", "ms", look.time, lines)
        for of, (left, right) in zip((energy, time), _PANELS, strict=True):
            height = 1.0 - (_BOTTOM + _TOP) / _HEIGHT
            axes = figure.add_axes((left, _BOTTOM / _HEIGHT, right - left, height))
            axes.set_title(of.title)
            if lines:
                _draw(axes, of, lines, eta, look)
        # Ticks that are made when the figure is saved would no longer know the theme.
        figure.draw_without_rendering()
    return figure


def _quantity(title: str, unit: str, colour: str, lines: list[list[Cell]]) -> _Quantity:
    values: list[list[float]] = []
    ranges: list[list[tuple[float, float]]] = []
    for cells in lines:
        trials = [
            [(one.energy_j if unit == "J" else 1e3 * one.time_s) / cell.steps for one in cell.trials]
            for cell in cells
        ]
        values.append([sum(of) / len(of) for of in trials])
        ranges.append([(min(of), max(of)) for of in trials])
    return _Quantity(title, unit, colour, values, ranges)


def _draw(axes: Axes, of: _Quantity, lines: list[list[Cell]], eta: float, look: Theme) -> None:
    over_sizes = all(len(cells) == 1 for cells in lines)
    everything = [value for line in of.values for value in line]
    if max(everything) > WIDE_RANGE * min(everything):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: plain_number(value))
    if over_sizes:
        xs = [float(cells[0].batch_size) for cells in lines]
        _line(axes, xs, [line[0] for line in of.values], [line[0] for line in of.ranges], of.colour, 1.0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(xs, [plain_number(x) for x in xs])
        axes.minorticks_off()
        axes.set_xlabel("batch size")
    else:
        for rank, (cells, values, ranges) in enumerate(zip(lines, of.values, of.ranges, strict=True)):
            alpha = _PALEST + (1.0 - _PALEST) * (rank + 1) / len(lines)
            limits = [float(cell.power_limit_w) for cell in cells]
            _line(axes, limits, values, ranges, of.colour, alpha)
            best = cells.index(best_limit(cells, eta))
            axes.plot(limits[best], values[best], "o", ms=9, mfc="none", mec=look.ink, mew=1.1, clip_on=False)
        axes.set_xlabel("power limit of each GPU, W")
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0.0)
    if not over_sizes:
        _name_lines(axes, lines, of.values)


def _line(
    axes: Axes,
    xs: list[float],
    values: list[float],
    ranges: list[tuple[float, float]],
    colour: str,
    alpha: float,
) -> None:
    axes.plot(xs, values, "-o", ms=3.5, color=colour, alpha=alpha)
    lows, highs = zip(*ranges, strict=True)
    axes.vlines(xs, lows, highs, color=colour, alpha=alpha, lw=3.5)


def _name_lines(axes: Axes, lines: list[list[Cell]], values: list[list[float]]) -> None:
    """Write each batch size at the right end of its line."""
    height = axes.bbox.height
    places = [
        axes.transData.transform((cells[-1].power_limit_w, line[-1]))[1] - axes.bbox.y0
        for cells, line in zip(lines, values, strict=True)
    ]
    for cells, y in zip(lines, spread_out(places, _APART_PX, 0.0, height), strict=True):
        axes.text(1.02, y / height, f"{cells[0].batch_size:,}", va="center", transform=axes.transAxes)
    axes.text(
        1.02, 1.03, "batch size", ha="center", va="bottom", size=7.5, alpha=0.8, transform=axes.transAxes
    )


def _title(figure: Figure, result: ProfileResult, eta: float) -> None:
    gpu, job = result.manifest["gpu"], result.manifest["job"]
    count = f"{gpu['count']} x " if gpu["count"] > 1 else ""
    sources = sorted({cell.energy_source.value for cell in result.cells})
    settings = result.manifest["settings"]
    figure.text(
        0.012, 1 - 0.11 / _HEIGHT, shortened(f"{job['dataset']} on {count}{gpu['name']}", 80),
        size=12, weight="bold", va="top",
    )  # fmt: skip
    loose = sum(not cell.settled for cell in result.cells)
    spread = f"trials within {100 * settings['spread']:g} %" + (
        f" except {loose} of {len(result.cells)}" if loose else ""
    )
    said = f"energy: {', '.join(sources) or 'nothing measured'}; {spread}; ring: least cost at eta {eta:g}"
    figure.text(0.012, 1 - 0.38 / _HEIGHT, said, va="top", alpha=0.8)
