"""What figures share that measure on this machine, and show what was published on another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.elastic.measuring.machine import machine_in_words
from elastance.elastic.measuring.ratios import Ratio, estimated
from elastance.figures.experiments.expected import expected_rows
from elastance.runs import Provenance
from elastance.traces import SourceKind, SourceRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEEDS = "one, fixed; what varies is the machine"

ONLY_REPORTED = "nothing is demanded of it"

TOO_NOISY = (
    "other load on the machine: the 95 % intervals are up to ± {width:.1f} {unit} wide, wanted {room:g}"
)


class TimeRow(NamedTuple):
    """Time of one way of training, measured in one repeat or published.

    Attributes:
        model: What was trained.
        variant: The way.
        repeat: Number of the repeat; None where published.
        time_s: Wall time, s.
        cpu_s: Processor time, s; None where unknown.
        relative: Wall time relative to the baseline of the same model and repeat.
        provenance: ``"measured"`` or ``"published"``.
    """

    model: str
    variant: str
    repeat: int | None
    time_s: float
    cpu_s: float | None
    relative: float
    provenance: str


class Time(NamedTuple):
    """One time that is still to be compared with its baseline; see `TimeRow`."""

    model: str
    variant: str
    repeat: int | None
    time_s: float
    cpu_s: float | None = None


def relative_to(baseline: str, times: Iterable[Time], provenance: Provenance) -> list[TimeRow]:
    """Compare every time with that of variant `baseline` of the same model and repeat."""
    times = list(times)
    bases = {(time.model, time.repeat): time.time_s for time in times if time.variant == baseline}
    return [
        TimeRow(*time, relative=time.time_s / bases[time.model, time.repeat], provenance=provenance.value)
        for time in times
    ]


def models_of(rows: Sequence[TimeRow], provenance: Provenance) -> list[str]:
    """Return the models of one provenance, in order."""
    return list(dict.fromkeys(row.model for row in rows if row.provenance == provenance.value))


def ratio_of(rows: Iterable[TimeRow], model: str, variant: str, provenance: Provenance) -> Ratio:
    """Return how a variant of a model compares with the baseline, over repeats."""
    return estimated(
        [
            row.relative
            for row in rows
            if (row.model, row.variant, row.provenance) == (model, variant, provenance.value)
        ]
    )


def too_noisy(ratios: Iterable[Ratio], limit: float, room: float) -> str:
    """Return why it cannot be told on which side of `limit` ratios are; empty if it can, to within `room`.

    A machine that does other work beside gives intervals wider than what is to be told apart.
    """
    width = max((of.half_width for of in ratios if not of.decides(limit, room)), default=0.0)
    if width == 0.0:
        return ""
    return TOO_NOISY.format(width=100 * width, unit="points", room=100 * room)


def measured_source(device: str) -> SourceRecord:
    """Return the record of facts that were measured here."""
    return SourceRecord.of_files(SourceKind.MEASURED, machine_in_words(device), {}, Provenance.MEASURED)


def published(table: str) -> list[dict[str, str]]:
    """Return a table of published numbers."""
    return expected_rows("elastance.figures.easyscale", table)
