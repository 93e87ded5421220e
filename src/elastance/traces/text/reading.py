"""Read a timestamped, labelled text row by row: CSV, JSON lines or Parquet, however large."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import lzma
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from elastance.errors import InputError, MissingExtraError, TraceError
from elastance.traces.reading import FIRST_ROW
from elastance.traces.text.columns import SENTIMENT140, ColumnChoice, TextColumns, is_sentiment140

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_COMPRESSED = (".gz", ".xz")
_PARQUET_ROWS = 50_000
"""Rows of a Parquet file that are in memory at a time."""


class TextRow(NamedTuple):
    """One row, as it was read.

    Attributes:
        row: Line in the file; in Parquet the place among the rows, from 2 as in a file with a header.
        position: How much of the file has been read, bytes; in Parquet rows.
        cells: Time, text, label, then the columns kept.
    """

    row: int
    position: int
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class TextFile:
    """A text that can be read.

    Attributes:
        path: The file.
        layout: ``"sentiment140"``, ``"csv"``, ``"json lines"`` or ``"parquet"``.
        columns: What each column is for.
        encoding: How its characters are encoded; empty for Parquet.
        extent: What `TextRow.position` ends at.
    """

    path: Path
    layout: str
    columns: TextColumns
    encoding: str
    extent: int

    def rows(self) -> Iterator[TextRow]:
        """Yield the rows in file order.

        Raises:
            TraceError: A row does not fit, or the file cannot be read to its end.
        """
        if self.layout == "parquet":
            return _parquet_rows(self)
        return _json_rows(self) if self.layout == "json lines" else _csv_rows(self)


def open_text(path: Path, choice: ColumnChoice | None = None, encoding: str | None = None) -> TextFile:
    """Look at the beginning of `path` to see how it is to be read; Sentiment140's layout is recognised.

    Args:
        path: ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.json`` (an object per line), plain, ``.gz`` or
            ``.xz``; or ``.parquet`` (extra ``parquet``).
        choice: The columns the user names.
        encoding: UTF-8 by default, Latin-1 for Sentiment140.

    Raises:
        TraceError: The file cannot be read, or lacks a column.
        UnknownNameError: A column the user named is not there.
        InputError: The ending or the encoding is not known.
    """
    choice = choice or ColumnChoice()
    suffix = _suffix(path)
    if suffix == ".parquet":
        frame = _scan(path)
        names = frame.collect_schema().names()
        extent = int(frame.select(_polars().len()).collect().item())
        return TextFile(path, "parquet", choice.among(names, path), "", extent)
    encoding = None if encoding is None else _known_encoding(encoding)
    if suffix in _DELIMITERS:
        layout, names, encoding = _csv_layout(path, _DELIMITERS[suffix], encoding)
    else:
        layout, encoding = "json lines", encoding or "utf-8-sig"
        names = _first_keys(path, encoding)
    return TextFile(path, layout, choice.among(names, path), encoding, path.stat().st_size)


def _suffix(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    ending = endings[-1] if endings else ""
    known = (*_DELIMITERS, *_JSON_LINES, ".parquet")
    if ending not in known or (ending == ".parquet" and path.suffix.lower() != ".parquet"):
        raise InputError(
            f"{path}: cannot tell what it is from its name; expected one that ends in {', '.join(known)}, "
            "the text ones also with .gz or .xz"
        )
    return ending


def _known_encoding(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(f"unknown encoding {encoding!r}; utf-8 and latin-1 are usual") from None
    return "utf-8-sig" if name == "utf-8" else name  # a byte-order mark is no part of the text


@contextmanager
def _reading(path: Path, encoding: str) -> Generator[tuple[IO[bytes], io.TextIOBase]]:
    """Give the file as it lies on the disk and its text; whatever is wrong with either names the file."""
    try:
        with path.open("rb") as raw:
            content: Any = raw
            if path.suffix.lower() == ".gz":
                content = gzip.GzipFile(fileobj=raw)
            elif path.suffix.lower() == ".xz":
                content = lzma.LZMAFile(raw)  # noqa: SIM115 - the wrapper below closes it
            with io.TextIOWrapper(content, encoding=encoding, newline="") as text:
                yield raw, text
    except FileNotFoundError:
        raise TraceError("no such file", path=path) from None
    except EOFError:
        raise TraceError("the compressed file is truncated; fetch or copy it again", path=path) from None
    except UnicodeDecodeError:
        raise TraceError(
            f"not {encoding.removesuffix('-sig').upper()} text; name its encoding, such as --encoding latin-1",
            path=path,
        ) from None
    except (lzma.LZMAError, zlib.error) as error:
        raise TraceError(f"cannot be decompressed: {error}", path=path) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror or error}", path=path) from None


def _csv_layout(path: Path, delimiter: str, encoding: str | None) -> tuple[str, list[str], str]:
    """Layout, column names and encoding; the first row is looked at as Latin-1, which every byte fits."""
    first: list[str] = []
    with _reading(path, encoding or "latin-1") as (_, text):
        try:
            first = next(csv.reader(text, delimiter=delimiter, strict=True), first)
        except csv.Error as error:
            raise TraceError(f"not a CSV file: {error}", path=path, row=1) from None
    if not first:
        raise TraceError("the file is empty", path=path)
    if is_sentiment140(first):
        return "sentiment140", list(SENTIMENT140), encoding or "latin-1"
    if encoding is None:
        with _reading(path, "utf-8-sig") as (_, text):
            first = next(csv.reader(text, delimiter=delimiter, strict=True))
    for name in first:
        if first.count(name) > 1:
            raise TraceError("column stands twice in the header", path=path, row=1, column=name)
    return "csv", first, encoding or "utf-8-sig"


def _csv_rows(file: TextFile) -> Iterator[TextRow]:
    headed = file.layout == "csv"
    with _reading(file.path, file.encoding) as (raw, text):
        delimiter = _DELIMITERS[_suffix(file.path)]
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            names: list[str] = next(reader) if headed else [*SENTIMENT140]
            where = [names.index(name) for name in file.columns.needed]
            for cells in reader:
                if len(cells) != len(names):
                    if not cells:
                        continue  # an empty line
                    raise TraceError(
                        f"{len(cells)} cells where {len(names)} are expected",
                        path=file.path,
                        row=reader.line_num,
                    )
                yield TextRow(reader.line_num, raw.tell(), tuple([cells[at] for at in where]))
        except csv.Error as error:
            raise TraceError(f"not a CSV file: {error}", path=file.path, row=reader.line_num) from None


def _first_keys(path: Path, encoding: str) -> list[str]:
    with _reading(path, encoding) as (_, text):
        for row, line in enumerate(text, start=1):
            if line.strip():
                return list(_json_object(path, row, line))
    raise TraceError("the file is empty", path=path)


def _json_rows(file: TextFile) -> Iterator[TextRow]:
    needed = file.columns.needed
    with _reading(file.path, file.encoding) as (raw, text):
        for row, line in enumerate(text, start=1):
            if not line.strip():
                continue
            record = _json_object(file.path, row, line)
            try:
                yield TextRow(row, raw.tell(), tuple([record[name] for name in needed]))
            except KeyError as missing:
                raise TraceError(
                    "not in this row's object", path=file.path, row=row, column=missing.args[0]
                ) from None


def _json_object(path: Path, row: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise TraceError(f"not a JSON object on one line: {error.msg}", path=path, row=row) from None
    if not isinstance(record, dict):
        raise TraceError("not a JSON object on one line", path=path, row=row)
    return cast("dict[str, Any]", record)


def _polars() -> Any:  # noqa: ANN401
    try:
        import polars
    except ImportError:
        raise MissingExtraError("reading Parquet", "parquet") from None
    return polars


def _scan(path: Path) -> Any:  # noqa: ANN401
    polars = _polars()
    try:
        frame = polars.scan_parquet(path)
        frame.collect_schema()
    except FileNotFoundError:
        raise TraceError("no such file", path=path) from None
    except (polars.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TraceError(f"not a readable Parquet file: {reason}", path=path) from None
    return frame


def _parquet_rows(file: TextFile) -> Iterator[TextRow]:
    polars = _polars()
    frame = _scan(file.path).select(file.columns.needed)
    try:
        for start in range(0, file.extent, _PARQUET_ROWS):
            rows = frame.slice(start, _PARQUET_ROWS).collect().iter_rows()
            for index, cells in enumerate(rows, start=start):
                yield TextRow(index + FIRST_ROW, index + 1, cells)
    except (polars.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TraceError(f"not a readable Parquet file: {reason}", path=file.path) from None
