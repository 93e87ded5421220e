"""Slice a text into overlapping windows, each a training and a validation file, with a manifest of what was cut."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from elastance.errors import InputError
from elastance.files import replacing
from elastance.traces.text.reading import open_text
from elastance.traces.text.spool import SortedText, sorted_text
from elastance.traces.text.timestamps import in_words, time_reader
from elastance.traces.text.windows import Window, cut_windows, parse_stride, split_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from elastance.traces.text.columns import ColumnChoice, TextColumns

MANIFEST = "manifest.json"
"""Name of the file that says what the slices of a directory are; written last."""

MADE_BY = "elastance data capriccio"
"""How a manifest says that it is about slices."""

SENTIMENT140_START = "2009-05-01"
"""Where the published slices start: too many days of April 2009 have no rows."""

_SLICE_FILE = re.compile(r"([1-9]\d*)_(train|val)\.json")


@dataclass(frozen=True)
class SliceSettings:
    """How a text is to be sliced; the defaults are the published ones.

    Attributes:
        window: Rows of a slice.
        stride: From the start of a slice to that of the next: ``1d``, ``12h``, ``30min``, ``1w``.
        start: Day or time (ISO 8601) at or after which the first slice starts, on the text's own clock; None: the
            first row, but 2009-05-01 in Sentiment140.
        train_share: Share of a slice that is for training.
        seed: Seed of the permutation, the same for every slice.
        max_slices: Stop after so many; None: as many as there are.
    """

    window: int = 500_000
    stride: str = "1d"
    start: str | None = None
    train_share: float = 0.85
    seed: int = 42
    max_slices: int | None = None


@dataclass(frozen=True)
class Slice:
    """What is in one slice.

    Attributes:
        number: From 1.
        from_time: Where it was to start: its day, on the text's own clock.
        first_time, last_time: Times of its first and last row.
        first_row, end_row: Its rows, among all rows sorted by time, from 0; the end is not included.
        train_rows, validation_rows: How many rows each of its files has.
        train_labels, validation_labels: Label (as JSON) to how many rows have it.
        mean_characters: Mean length of its texts.
        overlap: Share of its rows that the slice before has too; 0 in the first.
        equals_previous: Whether it has the very rows of the slice before: its day has no rows of its own.
    """

    number: int
    from_time: str
    first_time: str
    last_time: str
    first_row: int
    end_row: int
    train_rows: int
    validation_rows: int
    train_labels: dict[str, int]
    validation_labels: dict[str, int]
    mean_characters: float
    overlap: float
    equals_previous: bool

    def label_shares(self) -> dict[str, float]:
        """Return the share of the slice's rows that have each label."""
        rows = self.train_rows + self.validation_rows
        return {
            label: (count + self.validation_labels[label]) / rows
            for label, count in self.train_labels.items()
        }


@dataclass(frozen=True)
class SliceReport:
    """What was cut, from what, and how: the content of the manifest.

    Attributes:
        source: Name of the file.
        sha256: Digest of its bytes, hexadecimal.
        layout: How it was read.
        encoding: How its characters are encoded; empty for Parquet.
        columns: What each of its columns was for.
        clock: Whose days and times these are: ``"as written"``, ``"UTC"``, or an offset from it.
        rows: Rows in the file.
        settings: How it was sliced; `start` is where the first slice really starts.
        slices: In order.
    """

    source: str
    sha256: str
    layout: str
    encoding: str
    columns: TextColumns
    clock: str
    rows: int
    settings: SliceSettings
    slices: tuple[Slice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {"made_by": MADE_BY, "version": importlib.metadata.version("elastance"), **asdict(self)}


def slice_text(
    path: Path,
    directory: Path,
    settings: SliceSettings | None = None,
    *,
    columns: ColumnChoice | None = None,
    encoding: str | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> SliceReport:
    """Slice the text in `path` as Zeus's Capriccio does, and write the slices to `directory`.

    Each slice becomes ``{i}_train.json`` and ``{i}_val.json``, i from 1: a JSON object per line with ``date``
    (milliseconds from 1970-01-01 on the text's own clock), ``text``, ``label`` and the columns kept. Each file is
    written whole or not at all; slices of an earlier run are replaced; the manifest comes last, so a directory with
    one is complete. In memory lie five numbers per row and one slice's line numbers, not the texts.

    Args:
        path: The text; see `elastance.traces.text.open_text` for what can be read.
        directory: Where to; created if need be.
        settings: How; as published by default.
        columns: The columns the user names.
        encoding: UTF-8 by default, Latin-1 for Sentiment140.
        on_progress: Called with what is being done, how much of it is done, and how much there is.

    Raises:
        InputError: The file or a setting cannot be used, there is not one whole window, or no room on the disk.
    """
    asked = settings or SliceSettings()
    # What is wrong with the settings should be known before a large file is read.
    stride_us, start_us = parse_stride(asked.stride), _start_us(asked.start)
    cut_windows(np.zeros(0, np.int64), rows=asked.window, stride_us=stride_us, most=asked.max_slices)
    train, validation = split_rows(asked.window, asked.train_share, asked.seed)
    file = open_text(path, columns, encoding)
    if asked.start is None and file.layout == "sentiment140":
        start_us = _start_us(SENTIMENT140_START)
    _create(directory)
    _require_own(directory)
    progress = on_progress or _unseen
    with (
        tempfile.TemporaryFile(dir=directory) as spool,
        sorted_text(file, spool, lambda done, total: progress("reading", done, total)) as text,
    ):
        windows = cut_windows(
            text.times_us, rows=asked.window, stride_us=stride_us, start_us=start_us, most=asked.max_slices
        )
        if not windows:
            raise _too_few_rows(path, text, asked.window, start_us)
        _require_room(text, windows, directory)
        (directory / MANIFEST).unlink(missing_ok=True)
        slices: list[Slice] = []
        for number, window in enumerate(windows, start=1):
            progress("slicing", number - 1, len(windows))
            _write_lines(directory / f"{number}_train.json", text.lines(window.start + train))
            _write_lines(directory / f"{number}_val.json", text.lines(window.start + validation))
            before = windows[number - 2] if number > 1 else None
            slices.append(_described(text, number, window, before, (train, validation)))
        report = SliceReport(
            path.name,
            _digest(path),
            file.layout,
            file.encoding,
            file.columns,
            text.clock,
            len(text),
            asked,
            tuple(slices),
        )
    _remove_older(directory, len(slices))
    with replacing(directory / MANIFEST) as temporary:
        temporary.write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    return report


def _unseen(stage: str, done: int, total: int) -> None:
    """Report progress to nobody."""


def _start_us(start: str | None) -> int | None:
    if start is None:
        return None
    try:
        moment = time_reader(start)(start)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.offset_s is not None:
        raise InputError(
            f"start {start!r}: expected a day or a time on the text's own clock, such as 2009-05-01 "
            "or 2009-05-01T12:00"
        )
    return moment.wall_us


def _create(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise InputError(f"{directory}: cannot be written to: {error.strerror}") from None


def _require_own(directory: Path) -> None:
    """Refuse to replace a manifest that is about something else, such as synthetic traces."""
    if (directory / MANIFEST).exists():
        read_manifest(directory)


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest of a directory of slices, as `SliceReport.to_json` made it.

    Raises:
        InputError: There is none, or it is about something else.
    """
    path = directory / MANIFEST
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{directory}: no {MANIFEST}, so these are no (or unfinished) slices; "
            f"`{MADE_BY} --output {directory}` makes them"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable manifest: {error}") from None
    if not isinstance(document, dict) or cast("dict[str, Any]", document).get("made_by") != MADE_BY:
        raise InputError(f"{path}: is about something else than slices; give another directory")
    return cast("dict[str, Any]", document)


def _too_few_rows(path: Path, text: SortedText, window: int, start_us: int | None) -> InputError:
    left = len(text) if start_us is None else len(text) - int(np.searchsorted(text.times_us, start_us))
    since = "" if start_us is None else f" from {in_words(start_us)} on"
    return InputError(
        f"{path}: {left} rows{since} are fewer than one window of {window}; give a smaller --window "
        "or an earlier --start"
    )


def _require_room(text: SortedText, windows: list[Window], directory: Path) -> None:
    needed = sum(text.size_bytes(window.start, window.stop) for window in windows)
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise InputError(
            f"{directory}: {len(windows)} slices take {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free; "
            "give a smaller --window, a longer --stride or --max-slices"
        )


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with replacing(path) as temporary, temporary.open("wb", buffering=1 << 20) as file:
        file.writelines(lines)


def _remove_older(directory: Path, count: int) -> None:
    """Remove slices beyond these, which an earlier run with other settings left."""
    for path in directory.iterdir():
        match = _SLICE_FILE.fullmatch(path.name)
        if match is not None and int(match[1]) > count:
            path.unlink()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(
    text: SortedText,
    number: int,
    window: Window,
    before: Window | None,
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Slice:
    train, validation = (
        dict(
            zip(
                text.labels,
                np.bincount(text.codes[window.start + part], minlength=len(text.labels)).tolist(),
                strict=True,
            )
        )
        for part in parts
    )
    rows = slice(window.start, window.stop)
    return Slice(
        number,
        in_words(window.from_us),
        in_words(int(text.times_us[window.start])),
        in_words(int(text.times_us[window.stop - 1])),
        window.start,
        window.stop,
        len(parts[0]),
        len(parts[1]),
        train,
        validation,
        float(text.characters[rows].mean()),
        window.overlap(before),
        before is not None and before.start == window.start,
    )
