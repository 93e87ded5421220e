"""The look of every figure, and how a figure becomes a file."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from elastance.errors import InputError, UnknownNameError
from elastance.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
"""Picture formats, by file name ending."""

WIDTH_INCHES = 8.0
"""Width of every figure: shown at 800 pixels, a point of text is 1.4 pixels."""

LAYOUT_DPI = 100.0
"""Pixels per inch in which figures are laid out; a file may have more."""

WIDE_RANGE = 20.0
"""From this ratio between largest and smallest value on, a scale is logarithmic."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure: those of Okabe and Ito, darkened on white until text in them can be read.

    Attributes:
        name: What it is called on the command line.
        paper, ink, faint: Background, text and lines, and what should stay in the background.
        energy, time: Colours of the two quantities, other than those of any well-known policy.
        policies: Well-known policies to their colours, the same in every figure.
        series: Colours of all other policies, in order of use.
    """

    name: str
    paper: str
    ink: str
    faint: str
    energy: str
    time: str
    policies: Mapping[str, str]
    series: tuple[str, ...]

    def policy_colours(self, names: Iterable[str]) -> dict[str, str]:
        """Return a colour per policy; the cycle starts anew once it is used up."""
        names = list(names)
        others = [name for name in names if name not in self.policies]
        cycle = {name: self.series[index % len(self.series)] for index, name in enumerate(others)}
        return {name: self.policies.get(name) or cycle[name] for name in names}


THEMES: tuple[Theme, ...] = (
    Theme(
        "light",
        paper="#ffffff",
        ink="#24292f",
        faint="#9aa4ae",
        energy="#007a58",
        time="#a0458c",
        policies={
            "knowledge-gradient": "#6a3fb5",
            "zeus": "#0072b2",
            "grid": "#c04a00",
            "grid-early-stop": "#b0306a",
            "default": "#24292f",
            "oracle": "#24292f",
        },
        series=("#7a4b2a", "#00707c", "#a0458c", "#4a5fc1", "#007a58"),
    ),
    Theme(
        "dark",
        paper="#0d1117",
        ink="#e6edf3",
        faint="#6e7681",
        energy="#2cc295",
        time="#e78ac3",
        policies={
            "knowledge-gradient": "#b79cff",
            "zeus": "#56b4e9",
            "grid": "#ff8a4c",
            "grid-early-stop": "#e9c400",
            "default": "#e6edf3",
            "oracle": "#e6edf3",
        },
        series=("#d3a27f", "#6fd3de", "#e78ac3", "#9aa8ff", "#2cc295"),
    ),
)


def find_theme(name: str) -> Theme:
    """Return the theme called `name`.

    Raises:
        UnknownNameError: There is none of that name.
    """
    for theme in THEMES:
        if theme.name == name:
            return theme
    raise UnknownNameError("theme", name, (theme.name for theme in THEMES))


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
    """Draw in the colours and sizes of `theme` inside the block; other figures are not touched.

    The user's own matplotlib settings do not count inside, so that everyone gets the same picture.
    """
    import matplotlib as mpl

    settings: Any = {
        "figure.dpi": LAYOUT_DPI,
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "text.color": theme.ink,
        "text.parse_math": False,  # a dollar in somebody's name is a dollar
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
        "axes.formatter.useoffset": False,
        "xtick.color": theme.faint,
        "ytick.color": theme.faint,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
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
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
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
    with mpl.rc_context(), replacing(path) as temporary:
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", {"svg.hashsalt": "elastance", "svg.fonttype": "path"}))
        figure.savefig(temporary, format=suffix, dpi=2 * LAYOUT_DPI, metadata=no_date)


def unit_for(largest: float, base: str) -> tuple[str, float]:
    """Return name and size of the unit that suits values up to `largest`; `base` is ``"J"`` or ``"s"``."""
    scales = (
        (("GJ", 1e9), ("MJ", 1e6), ("kJ", 1e3), ("J", 1.0))
        if base == "J"
        else (("h", 3600.0), ("min", 60.0), ("s", 1.0))
    )
    return next((scale for scale in scales if largest >= scale[1]), scales[-1])


def quantity(value: float, base: str) -> str:
    """Return `value`, in J or s, with the unit that suits it."""
    unit, size = unit_for(value, base)
    return f"{plain_number(value / size)} {unit}"


def plain_number(value: float) -> str:
    """Return `value` to three digits, without an exponent: 0.5, 19.4, 25,160."""
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    text = f"{round(value, digits) + 0.0:,.{digits}f}"  # adding zero turns -0 into 0
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed_number(value: float) -> str:
    """Return `value` as a whole number with its sign, a true minus: +17, ±0."""
    whole = round(value)
    return f"{whole:+d}".replace("-", "\N{MINUS SIGN}") if whole else "±0"
