"""An experiment: facts and options in, rows and findings out, and a picture of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.finding import Finding
    from elastance.figures.experiments.setting import Setting
    from elastance.traces import SourceRecord

_Row = TypeVar("_Row", bound=NamedTuple)


class Kind(StrEnum):
    """What the numbers of an experiment rest on."""

    EXACT = "exact"
    """They follow from the facts without randomness, or from one given seed."""
    STATISTICAL = "statistical"
    """They are simulated over seeds."""
    SYNTHETIC = "synthetic"
    """They need facts that are not public and were made up instead; never the paper's."""
    MEASURED = "measured"
    """They are measured on the machine at hand, and differ from one to the next."""
    IMPOSSIBLE = "not reproducible"
    """They cannot be had."""


@dataclass(frozen=True)
class Result(Generic[_Row]):
    """What an experiment found.

    Attributes:
        rows: The data, one observation per row; the picture shows these and nothing else.
        findings: What was claimed and what became of it.
        source: Where the facts came from.
        settings: What was simulated, in a line.
        notes: What a reader of the picture must know, the baseline first; a line each.
        synthetic: Whether anything besides the facts was made up.
    """

    rows: Sequence[_Row]
    findings: tuple[Finding, ...]
    source: SourceRecord
    settings: str
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    @property
    def provenance(self) -> Provenance:
        """Where its numbers come from: what was made up in part is no trace."""
        return Provenance.MODEL if self.synthetic else self.source.provenance


@dataclass(frozen=True)
class Experiment:
    """A figure that can be computed anew.

    Attributes:
        name: What it is called on the command line: ``collection/figure``.
        paper: Which figure of which paper it is.
        title: What it shows.
        must_hold: The claim, in a line.
        kind: What its numbers rest on.
        compute: Computes it; None if it cannot be had.
        draw: Draws the rows of a result on a canvas.
        height_in: Height of the drawing without heading and notes, inches.
        impossible: Why it cannot be had; empty if it can.
    """

    name: str
    paper: str
    title: str
    must_hold: str
    kind: Kind
    compute: Callable[[Setting], Result[Any]] | None = None
    draw: Callable[[Result[Any], Canvas], None] | None = None
    height_in: float = 4.0
    impossible: str = ""

    @property
    def stem(self) -> str:
        """What its files are called, without their endings."""
        return self.name.replace("/", "-")
