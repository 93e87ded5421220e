"""The look of every figure, and how a figure becomes a file."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from elastance.errors import InputError
from elastance.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

SUFFIXES = (".png", ".svg", ".pdf")
"""Picture formats, by file name ending."""

WIDE_RANGE = 20.0
"""From this ratio between largest and smallest value on, a scale is logarithmic."""

WIDTH_INCHES = 8.0
"""Width of every figure: shown at 800 pixels, a point of text is 1.4 pixels."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure; data colours are those of Okabe and Ito, told apart by the colour-blind too.

    Attributes:
        name: What it is called on the command line.
        paper, ink, faint: Background, text and lines, and what should stay in the background.
        series: Colours of data, in order of use.
        scale: Matplotlib colour map for ordered values, without its ends that vanish on the paper.
    """

    name: str
    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]
    scale: str


THEMES: tuple[Theme, ...] = (
    Theme(
        "light",
        "#ffffff",
        "#24292f",
        "#9aa4ae",
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9"),
        "viridis_r",
    ),
    Theme(
        "dark",
        "#0d1117",
        "#e6edf3",
        "#6e7681",
        ("#56b4e9", "#e69f00", "#2cc295", "#e78ac3", "#f0e442", "#88aaff"),
        "viridis",
    ),
)


def find_theme(name: str) -> Theme:
    """Return the theme called `name`.

    Raises:
        InputError: There is none of that name.
    """
    for theme in THEMES:
        if theme.name == name:
            return theme
    raise InputError(f"theme {name!r}: known: {', '.join(theme.name for theme in THEMES)}")


def check_picture_path(path: Path) -> Path:
    """Return `path` if a picture can be written there.

    Raises:
        InputError: The ending is not that of a picture, or the place cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a picture ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return check_writable(path)


@contextmanager
def drawing(theme: Theme) -> Generator[None]:
    """Draw in the colours and sizes of `theme` inside the block; other figures are not touched."""
    import matplotlib as mpl

    settings: Any = {
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "axes.titlesize": 9.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 8.5,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "font.size": 8,
        "font.family": "DejaVu Sans",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
    }
    with mpl.rc_context(settings):
        yield


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, whole or not at all; same figure, same bytes.

    Raises:
        InputError: The ending is not that of a picture, or the file cannot be written.
    """
    import matplotlib as mpl

    check_picture_path(path)
    suffix = path.suffix.lower().removeprefix(".")
    no_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[suffix]
    with (
        mpl.rc_context(cast("Any", {"svg.hashsalt": "elastance", "svg.fonttype": "path"})),
        replacing(path) as temporary,
    ):
        figure.savefig(temporary, format=suffix, dpi=200, metadata=no_date)


def spread_out(axes: Axes, labels: Sequence[Text], gap_px: float = 1.0) -> None:
    """Move `labels`, which stand in a column, up or down until none overlaps another.

    Positions are in the axes' fractions of height; the order from bottom to top is kept.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    box = axes.get_window_extent(renderer)
    ordered = sorted(labels, key=lambda label: label.get_position()[1])
    if not ordered:
        return
    height = max(label.get_window_extent(renderer).height for label in ordered) + gap_px
    wanted = [box.y0 + label.get_position()[1] * box.height for label in ordered]
    placed: list[float] = []
    for y in wanted:
        placed.append(max(y, placed[-1] + height) if placed else y)
    top = box.y1
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], top)
        top = placed[index] - height
    for label, y in zip(ordered, placed, strict=True):
        label.set_y((y - box.y0) / box.height)


def unit_for(largest: float, base: str) -> tuple[str, float]:
    """Return name and size of the unit of `base` (``"J"`` or ``"s"``) that suits values up to `largest`."""
    scales = (
        (("GJ", 1e9), ("MJ", 1e6), ("kJ", 1e3), ("J", 1.0))
        if base == "J"
        else (("h", 3600.0), ("min", 60.0), ("s", 1.0))
    )
    return next((scale for scale in scales if largest >= scale[1]), scales[-1])


def quantity(value: float, base: str) -> str:
    """Return `value`, in J or s, with the unit that suits it."""
    unit, size = unit_for(value, base)
    return f"{value / size:.3g} {unit}"
