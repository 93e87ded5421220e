"""Read a trace file into typed columns; every complaint names file, row and column.

Rows are numbered as lines of the file, the header being line 1. CSV may be plain or compressed (``.gz``, ``.xz``);
Parquet with the same columns reads the same (extra ``parquet``).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.errors import MissingExtraError, TraceError
from elastance.traces.schema import NEVER, SCHEMAS, CellType, Schema, column_adapters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIXES = (".csv", ".csv.gz", ".csv.xz", ".parquet")
"""File name endings that can be read, in the order in which they are looked for."""

FIRST_ROW = 2
"""Line number of the first row under the header."""


@dataclass(frozen=True)
class Table:
    """A trace file, read and type-checked.

    Attributes:
        path: The file.
        sha256: Digest of the file's bytes, hexadecimal.
        schema: The columns it was read with.
        columns: Column name to values, one per row, in file order. Columns the schema does not know are left out.
    """

    path: Path
    sha256: str
    schema: Schema
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def read_table(path: Path, schema: Schema | None = None) -> Table:
    """Read `path`; without `schema` the one its header fits is taken.

    Raises:
        TraceError: The file is missing, unreadable, truncated, empty, or a header or cell does not fit the schema.
    """
    content = _content(path)
    raw = _parquet_columns(path, content) if path.suffix == ".parquet" else _csv_columns(path, content)
    if schema is None:
        schema = _detect_schema(path, raw)
    missing = [name for name in schema.columns if name not in raw]
    if missing:
        raise TraceError(
            f"column missing from the header; a {schema.kind} trace has {', '.join(schema.columns)}",
            path=path,
            row=1,
            column=missing[0],
        )
    wanted = schema.columns | {name: kind for name, kind in schema.optional.items() if name in raw}
    columns = {name: _typed_column(path, name, kind, raw[name]) for name, kind in wanted.items()}
    if not columns[next(iter(columns))]:
        raise TraceError("the file has a header but no rows", path=path)
    return Table(path, hashlib.sha256(content).hexdigest(), schema, columns)


def read_text(path: Path) -> tuple[str, str]:
    """Return the text of a file, plain or compressed, and the SHA-256 of its bytes, hexadecimal.

    Raises:
        TraceError: The file is missing, unreadable, truncated, empty or no text.
    """
    content = _content(path)
    return _text(path, content), hashlib.sha256(content).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TraceError("no such file", path=path) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from None


def _detect_schema(path: Path, raw: dict[str, Sequence[Any]]) -> Schema:
    for schema in SCHEMAS:
        if schema.columns.keys() <= raw.keys():
            return schema
    nearest = max(SCHEMAS, key=lambda schema: len(schema.columns.keys() & raw.keys()))
    missing = [name for name in nearest.columns if name not in raw]
    raise TraceError(
        "not a train, drift, power, group or cluster trace; "
        f"nearest is a {nearest.kind} trace, without {', '.join(missing)}",
        path=path,
        row=1,
    )


def _typed_column(path: Path, name: str, cell_type: CellType, cells: Sequence[Any]) -> list[Any]:
    from pydantic import ValidationError

    if cell_type in {CellType.POSITIVE_INT_OR_EMPTY, CellType.FINITE_FLOAT_OR_EMPTY}:
        cells = [None if cell in NEVER or cell != cell else cell for cell in cells]
    try:
        return column_adapters()[cell_type].validate_python(cells)
    except ValidationError as error:
        index = error.errors(include_url=False, include_context=False)[0]["loc"][0]
        assert isinstance(index, int)
        found = "empty cell" if cells[index] in ("", None) else f"{cells[index]!r}"
        raise TraceError(
            f"{found}, expected {cell_type.value}", path=path, row=index + FIRST_ROW, column=name
        ) from None


def _decompressed(path: Path, content: bytes) -> bytes:
    try:
        if path.suffix == ".gz":
            return gzip.decompress(content)
        if path.suffix == ".xz":
            # Not lzma.decompress: that takes a stream that was cut off for one that is corrupt.
            with lzma.open(io.BytesIO(content)) as file:
                return file.read()
    except EOFError:
        raise TraceError("the compressed file is truncated; fetch or copy it again", path=path) from None
    except (OSError, lzma.LZMAError, zlib.error) as error:
        raise TraceError(f"cannot be decompressed: {error}", path=path) from None
    return content


def _text(path: Path, content: bytes) -> str:
    data = _decompressed(path, content)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise TraceError("not UTF-8 text", path=path, row=row) from None
    if not text:
        raise TraceError("the file is empty", path=path)
    return text


def _csv_columns(path: Path, content: bytes) -> dict[str, Sequence[str]]:
    text = _text(path, content)
    if text.endswith(("\n\n", "\r\n\r\n")):  # blank lines at the end, as the Philly trace has one
        text = text.rstrip("\r\n") + "\n"
    cells = _regular_cells(text)
    header, *columns = _checked_rows(path, text) if cells is None else cells
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise TraceError("column stands twice in the header", path=path, row=1, column=twice)
    return dict(zip(header, columns, strict=True))


def _regular_cells(text: str) -> list[list[str]] | None:
    """Return header and columns of a file as regular as the published ones, without a list per row; else None."""
    if '"' in text or "\r" in text or not text.endswith("\n"):
        return None
    lines = text.split("\n")[:-1]
    width = lines[0].count(",") + 1
    if any(line.count(",") + 1 != width for line in lines):
        return None
    cells = text[:-1].replace("\n", ",").split(",")
    return [cells[:width], *(cells[width + column :: width] for column in range(width))]


def _checked_rows(path: Path, text: str) -> list[list[str]]:
    """Return header and columns of any other CSV file, or say which row is wrong."""
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise TraceError(f"not a CSV file: {error}", path=path) from None
    torn = not text.endswith(("\n", "\r"))
    for index, row in enumerate(rows):
        if len(row) != len(header):
            raise TraceError(
                f"{len(row)} cells where the header has {len(header)}"
                + ("; the last line is truncated" if torn and index == len(rows) - 1 else ""),
                path=path,
                row=index + FIRST_ROW,
            )
    if torn:
        raise TraceError(
            "the last line has no line end: the file was probably cut off; "
            "if it is complete, end it with a line break",
            path=path,
            row=len(rows) + 1,
        )
    return [header, *([row[column] for row in rows] for column in range(len(header)))]


def _parquet_columns(path: Path, content: bytes) -> dict[str, Sequence[Any]]:
    try:
        import polars
    except ImportError:
        raise MissingExtraError(f"{path}: reading Parquet", "parquet") from None
    try:
        frame = polars.read_parquet(io.BytesIO(content))
    except (polars.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TraceError(f"not a readable Parquet file: {reason}", path=path) from None
    return {name: frame[name].to_list() for name in frame.columns}
