"""The page an experiment is drawn on: heading, source of the facts, notes, and the room between them."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.figures.recurring import facts_in_words
from elastance.figures.style import WIDTH_INCHES, Theme, drawing, find_theme

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

    from elastance.figures.experiments.experiment import Experiment, Result

_LINE = 0.17
"""Height of a line of text, inches."""

_HEADING = 0.34
_LETTERS = 134
"""Letters of a note that fit into a line."""

_LEFT = 0.012


@dataclass(frozen=True)
class Canvas:
    """Room for a drawing.

    Attributes:
        figure: The figure.
        look: Its theme.
        bottom, top: Where the room for the drawing begins and ends, as fractions of the figure's height.
    """

    figure: Figure
    look: Theme
    bottom: float
    top: float

    def grid(
        self,
        rows: int,
        columns: int,
        *,
        above_in: float = 0.3,
        below_in: float = 0.45,
        left: float = 0.09,
        right: float = 0.98,
        **ratios: Any,  # noqa: ANN401
    ) -> GridSpec:
        """Return a grid for panels.

        Args:
            rows: Panels above each other.
            columns: Panels beside each other.
            above_in: Room kept for titles, inches.
            below_in: Room kept for labels, inches.
            left: Where the grid begins, as a fraction of the figure's width.
            right: Where it ends.
            ratios: What matplotlib's `GridSpec` takes besides.
        """
        height = float(self.figure.get_figheight())
        return self.figure.add_gridspec(
            rows,
            columns,
            left=left,
            right=right,
            bottom=self.bottom + below_in / height,
            top=self.top - above_in / height,
            **ratios,
        )

    def legend(self, columns: int, *more: tuple[Artist, str]) -> None:
        """Explain the marks of the first panel, and `more`, in a row above all panels."""
        marks = [*zip(*self.figure.axes[0].get_legend_handles_labels(), strict=True), *more]
        self.figure.legend(
            [mark for mark, _ in marks],
            [label for _, label in marks],
            loc="upper left",
            bbox_to_anchor=(0.005, self.top + 0.005),
            ncols=columns,
            columnspacing=1.6,
            handletextpad=0.5,
        )


def draw_experiment(experiment: Experiment, result: Result[Any], *, theme: str = "light") -> Figure:
    """Draw the rows of `result`, with what a reader must know about them.

    Args:
        experiment: What it is.
        result: What it found.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    above = [facts_in_words(result.source), *_wrapped(result.settings)]
    below = [line for note in result.notes for line in _wrapped(note)]
    header = _HEADING + _LINE * len(above) + 0.05
    footer = _LINE * len(below) + 0.08
    height = experiment.height_in + header + footer
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, height))
        FigureCanvasAgg(figure)
        figure.text(_LEFT, 1 - 0.11 / height, experiment.title, size=12, weight="bold", va="top")
        for number, line in enumerate(above):
            figure.text(_LEFT, 1 - (_HEADING + _LINE * number) / height, line, va="top", alpha=0.8)
        for number, line in enumerate(reversed(below)):
            figure.text(_LEFT, (0.06 + _LINE * number) / height, line, va="bottom", alpha=0.8)
        assert experiment.draw is not None, experiment.name
        experiment.draw(result, Canvas(figure, look, footer / height, 1 - header / height))
        # Ticks that are made when the figure is saved would no longer know the theme.
        figure.draw_without_rendering()
    return figure


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LETTERS, break_on_hyphens=False)
