"""The workload that EasyScale's artifact publishes (SC'23), with its irregularities reported, not hidden."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.catalog import PUBLISHED_EPOCH_SHARE, find_application
from elastance.errors import TraceError
from elastance.traces.reading import FIRST_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HEADER = (
    "name",
    "time",
    "application",
    "max_parallelism",
    "batch_size",
    "epochs",
    "enable_heterogeneous_deterministic",
    "preferred_gpu",
)
"""The columns that are read; one without a name follows them."""


class PublishedRow(NamedTuple):
    """One row.

    Attributes:
        name, application, preferred_gpu: As they stand there.
        time_s: Submission, s.
        max_parallelism: Logical workers.
        batch_size: Samples per micro-batch of one of them.
        samples: Samples to train on: epochs times the published share of the data set.
        may_mix_types: Whether `enable_heterogeneous_deterministic` is anything but 0.
    """

    name: str
    time_s: float
    application: str
    max_parallelism: int
    batch_size: int
    samples: float
    may_mix_types: bool
    preferred_gpu: str


@dataclass(frozen=True)
class PublishedWorkload:
    """The rows of a file, one per name.

    Attributes:
        sha256: Digest of the file's bytes, hexadecimal.
        rows: Names in order of their first row, each with the values of its last, as the published simulator reads.
        irregularities: What is odd about the file, a line each.
    """

    sha256: str
    rows: tuple[PublishedRow, ...]
    irregularities: tuple[str, ...]


def is_published_workload(path: Path) -> bool:
    """Whether the file begins with the published header; False for a file that cannot be read as text."""
    if not path.name.endswith(".csv"):
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        return False  # whoever reads it next says what is wrong
    return tuple(first.strip().split(",")[: len(HEADER)]) == HEADER


def read_published_rows(path: Path) -> PublishedWorkload:
    """Read a file with the published header.

    Raises:
        TraceError: A cell makes no sense; the message names row and column.
        UnknownNameError: An application is not one of the published ones.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from None
    except UnicodeDecodeError:
        raise TraceError("not UTF-8 text", path=path) from None
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    if not lines:
        raise TraceError("the file has a header but no rows", path=path)
    read = [_row(path, number, cells) for number, cells in enumerate(lines, FIRST_ROW)]
    last = {row.name: row for row in read}  # a name keeps its first place and its last values
    irregularities = (*_irregularities(header, lines, read),)
    if not text.endswith("\n"):
        irregularities += ("the last line has no line end; if the file was cut off, rows are missing",)
    return PublishedWorkload(hashlib.sha256(content).hexdigest(), tuple(last.values()), irregularities)


def _row(path: Path, number: int, cells: Sequence[str]) -> PublishedRow:
    if len(cells) < len(HEADER):
        raise TraceError(f"{len(cells)} cells where {len(HEADER)} are needed", path=path, row=number)
    of: dict[str, str] = dict(zip(HEADER, cells, strict=False))

    def whole(column: str, least: int) -> int:
        try:
            value = int(of[column])
        except ValueError:
            value = least - 1
        if value < least:
            raise TraceError(
                f"{of[column]!r}, expected a whole number from {least} up",
                path=path,
                row=number,
                column=column,
            )
        return value

    for column in ("name", "preferred_gpu"):
        if not of[column]:
            raise TraceError("empty cell, expected text", path=path, row=number, column=column)
    application = find_application(of["application"])
    samples = whole("epochs", 1) * (application.dataset_samples * PUBLISHED_EPOCH_SHARE)
    return PublishedRow(
        name=of["name"],
        time_s=float(whole("time", 0)),
        application=application.name,
        max_parallelism=whole("max_parallelism", 1),
        batch_size=whole("batch_size", 1),
        samples=samples,
        may_mix_types=whole("enable_heterogeneous_deterministic", 0) != 0,
        preferred_gpu=of["preferred_gpu"].lower(),
    )


def _irregularities(
    header: Sequence[str], lines: Sequence[Sequence[str]], rows: Sequence[PublishedRow]
) -> Iterator[str]:
    if len(header) > len(HEADER):
        yield f"the header ends with a column without a name; it is ignored ({len(header)} columns)"
    lengths = Counter(map(len, lines))
    usual = lengths.most_common(1)[0][0]
    for number, cells in enumerate(lines, FIRST_ROW):
        if len(cells) != usual:
            yield f"row {number} has {len(cells)} cells, the others {usual}"
        flag = cells[HEADER.index("enable_heterogeneous_deterministic")]
        if flag not in {"0", "1"}:
            yield f"row {number}: enable_heterogeneous_deterministic is {flag}; anything but 0 means yes"
    repeated = {name: count for name, count in Counter(row.name for row in rows).items() if count > 1}
    if repeated:
        named = ", ".join(f"{name} ({count} times)" for name, count in repeated.items())
        distinct = len({row.name for row in rows})
        yield f"{len(rows)} rows have {distinct} names; of {named} the last row counts, at the place of the first"
    disordered = sum(later.time_s < earlier.time_s for earlier, later in pairwise(rows))
    if disordered:
        yield f"{disordered} row{'s' * (disordered > 1)} submitted earlier than the row above"
