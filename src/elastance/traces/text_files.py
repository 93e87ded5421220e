"""Text files that are compressed as their names say, the same bytes each time."""

from __future__ import annotations

import gzip
import lzma
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CSV_SUFFIXES = (".csv", ".csv.gz", ".csv.xz")
"""File name endings of CSV that can be written and read."""

XZ_PRESET = 1
"""Files come out a fifth larger than with the default preset, in a ninth of the time."""


@contextmanager
def open_text(path: Path) -> Generator[TextIO]:
    """Open `path` to write text, compressed by its ending and without name or date of the file in it."""
    with path.open("wb") as raw:
        binary: IO[bytes] | gzip.GzipFile = raw
        if path.suffix == ".gz":
            binary = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
        elif path.suffix == ".xz":
            binary = lzma.open(raw, "wb", preset=XZ_PRESET)  # noqa: SIM115 (closed by the wrapper below)
        with TextIOWrapper(binary, encoding="utf-8", newline="") as file:
            yield file
