"""A text in order of time: its rows lie encoded in a file, only their times and places in memory."""

from __future__ import annotations

import json
import math
import mmap
from array import array
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from elastance.errors import TraceError
from elastance.traces.text.timestamps import EXPECTED, Moment, time_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray

    from elastance.traces.text.reading import TextFile, TextRow

_MOST_LABELS = 10_000
"""More different labels than this are taken for a wrong column."""

_REPORT_EVERY = 10_000
"""Rows between two calls of the progress function."""


@dataclass(frozen=True)
class SortedText:
    """The rows of a text, sorted by time; rows of equal time in file order.

    Attributes:
        times_us: Microseconds from 1970-01-01 on the text's own clock, ascending.
        starts, ends: Where each row's encoded text lies in the spool, bytes.
        codes: Label of each row, as an index of `labels`.
        labels: The different labels, as JSON, in order of their first use in the file.
        characters: Length of each row's text.
        clock: Whose time it is: ``"as written"``, ``"UTC"`` or an offset such as ``"UTC-07:00"``.
        spool: The encoded rows, mapped into memory.
    """

    times_us: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    codes: NDArray[np.int64]
    labels: tuple[str, ...]
    characters: NDArray[np.int64]
    clock: str
    spool: mmap.mmap

    def __len__(self) -> int:
        return len(self.times_us)

    def lines(self, rows: NDArray[np.int64]) -> Iterator[bytes]:
        """Yield the JSON line of each of these rows."""
        spool, endings = self.spool, [f"{label}}}\n".encode() for label in self.labels]
        columns = (self.times_us // 1000, self.starts, self.ends, self.codes)
        places = zip(*(column[rows].tolist() for column in columns), strict=True)
        return (b'{"date":%d,%b%b' % (ms, spool[start:end], endings[code]) for ms, start, end, code in places)

    def size_bytes(self, first: int, stop: int) -> int:
        """Return how many bytes the lines of the rows from `first` up to `stop` take at most."""
        digits = max(len(str(int(time) // 1000)) for time in self.times_us[[0, -1]])
        ends = np.array([len(f'{{"date":,{label}}}\n') + digits for label in self.labels])
        lengths = self.ends[first:stop] - self.starts[first:stop]
        return int(lengths.sum() + ends[self.codes[first:stop]].sum())


@contextmanager
def sorted_text(
    file: TextFile, spool: IO[bytes], on_progress: Callable[[int, int], None] | None = None
) -> Generator[SortedText]:
    """Read `file` once, and give its rows in order of time while the block runs.

    Args:
        file: The text.
        spool: An empty file, open for reading and writing, that holds the encoded rows meanwhile.
        on_progress: Called with (position, extent) of the file as it is read.

    Raises:
        TraceError: A row lacks a time, a text or a label.
    """
    rows = _Rows(file)
    for number, row in enumerate(file.rows()):
        spool.write(rows.add(row))
        if on_progress is not None and number % _REPORT_EVERY == 0:
            on_progress(row.position, file.extent)
    if not rows.times:
        raise TraceError("the file has no rows", path=file.path)
    spool.flush()
    with mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) as encoded:
        text = rows.sort(encoded)
        del rows  # as large as what was made of it
        yield text


class _Rows:
    """Rows as they are read: four numbers each, and the labels."""

    def __init__(self, file: TextFile) -> None:
        self._file = file
        self.times, self._offsets, self._ends, self._codes, self._characters = (array("q") for _ in range(5))
        self._labels: dict[tuple[type, Any], int] = {}
        self._read_time: Callable[[Any], Moment] | None = None
        self._zoned = False
        self._position = 0
        self._quoted = [f",{json.dumps(name)}:".encode() for name in file.columns.kept]

    def add(self, row: TextRow) -> bytes:
        """Take a row in; return its JSON line between the date, which is known in the end, and the label."""
        time, text, label, *kept = row.cells
        moment = self._moment(row, time)
        if not isinstance(text, str):
            raise self._wrong(row, self._file.columns.text, text, "text")
        encoded = b'"text":' + json.dumps(text).encode()
        for name, value in zip(self._quoted, kept, strict=True):
            encoded += name + self._json(row, value)
        encoded += b',"label":'
        self._position += len(encoded)
        self.times.append(moment.wall_us)
        self._offsets.append(moment.offset_s or 0)
        self._ends.append(self._position)
        self._codes.append(self._code(row, label))
        self._characters.append(len(text))
        return encoded

    def _moment(self, row: TextRow, value: object) -> Moment:
        name = self._file.columns.time
        try:
            if self._read_time is None:
                self._read_time = time_reader(value)
                self._zoned = self._read_time(value).offset_s is not None
            moment = self._read_time(value)
        except (ValueError, OverflowError):
            raise self._wrong(row, name, value, f"a time: {EXPECTED}, all rows alike") from None
        if (moment.offset_s is not None) != self._zoned:
            expected = "a time zone, as in" if self._zoned else "no time zone, like"
            raise self._wrong(row, name, value, f"{expected} the first row")
        return moment

    def _code(self, row: TextRow, label: object) -> int:
        # By type too: to Python 1, 1.0 and True are the same key.
        key = (type(label), label)
        try:
            code = self._labels.get(key)
        except TypeError:
            code = None
        if code is not None:
            return code
        unfit = not isinstance(label, str | int | float) or label == ""
        if unfit or (isinstance(label, float) and not math.isfinite(label)):
            raise self._wrong(row, self._file.columns.label, label, "a label: a number or text")
        if len(self._labels) == _MOST_LABELS:
            raise TraceError(
                f"more than {_MOST_LABELS} different labels; name the right column with --label-column",
                path=self._file.path,
                column=self._file.columns.label,
            )
        return self._labels.setdefault(key, len(self._labels))

    def _json(self, row: TextRow, value: object) -> bytes:
        try:
            return json.dumps(value, allow_nan=False).encode()
        except (TypeError, ValueError):
            raise TraceError(f"{value!r} cannot be kept in JSON", path=self._file.path, row=row.row) from None

    def _wrong(self, row: TextRow, column: str, found: object, expected: str) -> TraceError:
        shown = "empty cell" if found in ("", None) else f"{found!r}"
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return TraceError(f"{shown}, expected {expected}", path=self._file.path, row=row.row, column=column)

    def sort(self, encoded: mmap.mmap) -> SortedText:
        times, offsets, ends, codes, characters = (
            np.frombuffer(column, np.int64)
            for column in (self.times, self._offsets, self._ends, self._codes, self._characters)
        )
        clock = "as written"
        if self._zoned:
            if (offsets == offsets[0]).all():
                clock = _offset_in_words(int(offsets[0]))
            else:
                clock, times = "UTC", times - offsets * 1_000_000
        order = np.argsort(times, kind="stable")
        starts = np.concatenate(([0], ends[:-1]))
        return SortedText(
            times[order],
            starts[order],
            ends[order],
            codes[order],
            self._label_names(),
            characters[order],
            clock,
            encoded,
        )

    def _label_names(self) -> tuple[str, ...]:
        """The labels as JSON; those of a CSV file, which knows only text, become whole numbers if all are."""
        labels = [label for _, label in self._labels]
        if self._file.layout in {"csv", "sentiment140"} and all(_is_whole(label) for label in labels):
            return tuple(labels)
        return tuple(map(json.dumps, labels))


def _is_whole(label: str) -> bool:
    digits = label.removeprefix("-")
    return len(digits) < 19 and digits.isascii() and digits.isdigit() and str(int(label)) == label


def _offset_in_words(offset_s: int) -> str:
    if not offset_s:
        return "UTC"
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return f"UTC{'-' if offset_s < 0 else '+'}{hours:02}:{minutes:02}"
