"""The tables of Alibaba's GPU trace of 2020 (cluster-trace-gpu-v2020), as they lie in the user's directory.

They are CSV without a header line; beside each the publisher offers a ``.header`` file. They are read as unpacked
(``.csv``), compressed by the user (``.csv.gz``, ``.csv.xz``) or as downloaded (``.tar.gz``). They are never held in
memory: what is compressed is unpacked to a scratch directory first.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import lzma
import shutil
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from elastance.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from polars import LazyFrame

SUFFIXES = (".csv", ".csv.gz", ".csv.xz", ".tar.gz")
"""File name endings that can be read, in the order in which they are looked for."""

PUBLISHED_AT = "https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2020"

NUMBERS = frozenset({"start_time", "end_time", "plan_gpu"})
"""Columns read as numbers; the others are text."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layout:
    """One published table.

    Attributes:
        name: Stem of its file name.
        columns: Names of its columns, in the published order.
        needed: Those elastance uses.
    """

    name: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]


JOBS = Layout(
    "pai_job_table",
    ("job_name", "inst_id", "user", "status", "start_time", "end_time"),
    ("job_name", "inst_id", "user", "status", "start_time", "end_time"),
)
"""One row per job: who submitted it, when it was submitted and completed (s), and how it ended."""

TASKS = Layout(
    "pai_task_table",
    (
        "job_name",
        "task_name",
        "inst_num",
        "status",
        "start_time",
        "end_time",
        "plan_cpu",
        "plan_mem",
        "plan_gpu",
        "gpu_type",
    ),
    ("job_name", "plan_gpu"),
)
"""One row per task of a job; plan_gpu is in percent of a GPU."""

TAGS = Layout(
    "pai_group_tag_table",
    ("inst_id", "user", "gpu_type_spec", "group", "workload"),
    ("inst_id", "user", "group"),
)
"""One row per job; jobs with the same group tag run the same scripts with the same arguments on the same data."""


@dataclass(frozen=True)
class PublishedTable:
    """A table that was found and is well-formed.

    Attributes:
        path: The user's file.
        sha256: Digest of its bytes, hexadecimal.
        unpacked: Where its plain text lies.
        layout: Which table it is.
        columns: Names of the columns, in file order.
        has_header: Whether the first line holds them.
    """

    path: Path
    sha256: str
    unpacked: Path
    layout: Layout
    columns: tuple[str, ...]
    has_header: bool

    def scan(self) -> LazyFrame:
        """Return the needed columns as a query to be run; numbers that are missing are null."""
        import polars

        return polars.scan_csv(
            self.unpacked,
            has_header=False,
            skip_rows=int(self.has_header),
            schema={name: polars.Float64 if name in NUMBERS else polars.String for name in self.columns},
            null_values=["", "nan", "NaN"],
            glob=False,
        ).select(self.layout.needed)


def find_tables(directory: Path, scratch: Path, *layouts: Layout) -> list[PublishedTable]:
    """Find, unpack and check tables.

    Args:
        directory: The user's copy of the trace.
        scratch: Directory for what has to be unpacked.
        layouts: Which tables.

    Raises:
        TraceError: The directory or a table is missing, or a file is truncated or malformed.
    """
    if not directory.is_dir():
        raise TraceError("no such directory", path=directory)
    paths = {layout.name: _find(directory, layout.name) for layout in layouts}
    if missing := [name for name, path in paths.items() if path is None]:
        raise TraceError(
            f"no {' and no '.join(missing)} here ({', '.join(SUFFIXES)}); the tables are at {PUBLISHED_AT}",
            path=directory,
        )
    return [_opened(path, scratch, layout) for layout in layouts if (path := paths[layout.name])]


def _find(directory: Path, name: str) -> Path | None:
    candidates = (directory / f"{name}{suffix}" for suffix in SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _opened(path: Path, scratch: Path, layout: Layout) -> PublishedTable:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from None
    unpacked = path
    if path.suffix != ".csv":
        unpacked = scratch / f"{layout.name}.csv"
        with _decompressed(path, layout.name) as packed, unpacked.open("wb") as plain:
            shutil.copyfileobj(packed, plain, _CHUNK)
    columns, has_header = _columns(path, unpacked, layout)
    _require_regular(path, unpacked, len(columns))
    return PublishedTable(path, sha256, unpacked, layout, columns, has_header)


@contextmanager
def _decompressed(path: Path, name: str) -> Generator[IO[bytes] | gzip.GzipFile | lzma.LZMAFile]:
    try:
        with lzma.open(path) if path.suffix == ".xz" else gzip.open(path) as file:
            if path.name.endswith(".tar.gz"):
                with tarfile.open(fileobj=file, mode="r:") as archive:
                    yield _member(path, archive, f"{name}.csv")
            else:
                yield file
            while file.read(_CHUNK):  # the checksum of gzip stands at the end, behind other members too
                pass
    except (EOFError, tarfile.ReadError) as error:
        if isinstance(error, EOFError) or "unexpected end" in str(error):
            raise TraceError("the compressed file is truncated; fetch or copy it again", path=path) from None
        raise TraceError(f"cannot be unpacked: {error}", path=path) from None
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise TraceError(f"cannot be decompressed: {error}", path=path) from None


def _member(path: Path, archive: tarfile.TarFile, name: str) -> IO[bytes]:
    for member in archive:
        if member.isfile() and member.name.rsplit("/", 1)[-1] == name:
            file = archive.extractfile(member)
            assert file is not None
            return file
    raise TraceError(f"holds no {name}", path=path)


def _columns(path: Path, unpacked: Path, layout: Layout) -> tuple[tuple[str, ...], bool]:
    """Return the names of the columns, and whether the file's own first line holds them."""
    with unpacked.open(encoding="utf-8", errors="replace", newline="") as file:
        first = tuple(next(csv.reader(file), ()))
    if not first:
        raise TraceError("the file is empty", path=path)
    has_header = set(layout.needed) <= set(first)
    header = path.parent / f"{layout.name}.header"
    columns = layout.columns
    if has_header:
        columns = first
    elif header.is_file():
        columns = tuple(header.read_text("utf-8", "replace").strip().split(","))
        if lacking := [name for name in layout.needed if name not in columns]:
            raise TraceError(f"names no column {' or '.join(lacking)}", path=header)
    if len(first) != len(columns):
        raise TraceError(
            f"{len(first)} columns, {layout.name} has {len(columns)}: {', '.join(columns)}", path=path, row=1
        )
    return columns, has_header


def _require_regular(path: Path, unpacked: Path, width: int) -> None:
    """Complain about a row that has not `width` cells, an open quotation or a torn last line."""
    commas = lines = quotes = 0
    last = b""
    with unpacked.open("rb") as file:
        while chunk := file.read(_CHUNK):
            commas += chunk.count(b",")
            lines += chunk.count(b"\n")
            quotes += chunk.count(b'"')
            last = chunk[-1:]
    torn = last != b"\n"
    # Rows too long are found by whoever reads the file; as they are none, equal counts mean that none is too short.
    if commas == (width - 1) * lines and not quotes and not torn:
        return
    row = 0
    with unpacked.open(encoding="utf-8", errors="replace", newline="") as file:
        try:
            for row, cells in enumerate(csv.reader(file, strict=True), start=1):
                if len(cells) != width:
                    end = "; the file was probably cut off here" if torn and not file.read(1) else ""
                    message = f"{len(cells)} cells where there should be {width}{end}"
                    raise TraceError(message, path=path, row=row)
        except csv.Error as error:
            raise TraceError(f"not CSV: {error}", path=path, row=row + 1) from None
    if torn:
        raise TraceError(
            "the last line has no line end: the file was probably cut off; "
            "if it is complete, end it with a line break",
            path=path,
            row=row,
        )
