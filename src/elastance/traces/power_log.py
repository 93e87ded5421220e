"""Read power logs: the published monitor's CSV, plain or compressed, and Parquet with the same columns.

A log may be read while it is written: a last line without its newline is dropped and said so (`PowerLog.torn`). Any
other line that is not well formed is an error with its number. Times are whole nanoseconds: as floats, seconds since
1970 would resolve 238 ns only.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import MissingExtraError, PowerLogError
from elastance.traces.power_log_lines import MalformedLineError, parse_lines, parse_regular_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = list[NDArray[np.int64]]

REQUIRED = ("Time", "Power")
OPTIONAL = ("Temp", "SMFreq", "Mem")
"""Columns that may follow, in this order: °C, MHz, bytes in use."""

_EXPECTED = f"expected {','.join(REQUIRED)} and then any of {','.join(OPTIONAL)}, in this order"

_BLOCK = 1 << 20
"""Bytes parsed at once: a few of these fit in a processor's cache."""


@dataclass(frozen=True)
class PowerLog:
    """The samples of one device, in order of time; read one with `read_power_log`.

    Attributes:
        path: Where it was read from.
        time_ns: When each sample was taken, ns since 1970 (UTC).
        power_w: Power, W.
        temperature_c: Temperature, °C; None if it was not recorded.
        clock_hz: Clock of the compute units, Hz; None if it was not recorded.
        memory_bytes: Memory in use, bytes; None if it was not recorded.
        torn: Whether the last line lacked its newline, and was dropped.
    """

    path: Path
    time_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]
    temperature_c: NDArray[np.float64] | None = None
    clock_hz: NDArray[np.float64] | None = None
    memory_bytes: NDArray[np.int64] | None = None
    torn: bool = False

    def __len__(self) -> int:
        return len(self.time_ns)


def read_power_log(path: Path, *, on_progress: Callable[[int], None] | None = None) -> PowerLog:
    """Read a power log: ``.csv`` or any other text, ``.gz``, ``.xz``, ``.parquet``.

    Args:
        path: The file.
        on_progress: Called now and then with the number of samples read so far.

    Raises:
        PowerLogError: The file is missing or unreadable, a line is malformed, or time runs backwards.
        MissingExtraError: It is Parquet, and polars is not installed.
    """
    try:
        if path.suffix == ".parquet":
            header, columns, torn = *_read_parquet(path), False
        else:
            with _open(path) as file:
                header, columns, torn = _read_text(path, file, on_progress or (lambda _: None))
    except FileNotFoundError:
        raise PowerLogError("no such file", path=path) from None
    except EOFError:
        raise PowerLogError("the compressed file is truncated; copy it again", path=path) from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise PowerLogError(f"cannot be decompressed: {error}", path=path) from None
    except OSError as error:
        raise PowerLogError(f"cannot be read: {error.strerror}", path=path) from None
    backwards = np.flatnonzero(np.diff(columns[0]) < 0)
    if len(backwards):
        row = int(backwards[0]) + 3  # the later one of the two samples; the header is row 1
        back_s = (columns[0][row - 3] - columns[0][row - 2]) / 1e9
        raise PowerLogError(
            f"time runs backwards, by {back_s:g} s: was the clock set, or are these two logs in one?",
            path=path,
            row=row,
        )
    values = dict(zip(header, columns, strict=True))
    return PowerLog(
        path,
        time_ns=values["Time"],
        power_w=values["Power"] / 1e3,
        temperature_c=values["Temp"].astype(float) if "Temp" in values else None,
        clock_hz=values["SMFreq"].astype(float) * 1e6 if "SMFreq" in values else None,
        memory_bytes=values.get("Mem"),
        torn=torn,
    )


def _open(path: Path) -> BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".xz":
        return lzma.open(path)
    return path.open("rb")


def _read_text(
    path: Path, file: BufferedIOBase, on_progress: Callable[[int], None]
) -> tuple[list[str], Columns, bool]:
    header = _checked_header(path, file.readline(200))
    parts: list[Columns] = [[np.empty(0, np.int64) for _ in header]]
    samples, torn = 0, False
    for block in _whole_lines(file):
        if not block.endswith(b"\n"):
            torn = True
            break
        columns = parse_regular_lines(block, len(header))
        if columns is None:
            try:
                columns = parse_lines(block, header)
            except MalformedLineError as error:
                raise PowerLogError(str(error), path=path, row=samples + error.index + 2) from None
        parts.append(columns)
        samples += len(columns[0])
        on_progress(samples)
    return header, [np.concatenate(column) for column in zip(*parts, strict=True)], torn


def _whole_lines(file: BufferedIOBase) -> Generator[bytes]:
    """Give blocks of whole lines; if the last line has no newline, it comes last and alone."""
    rest = b""
    while chunk := file.read(_BLOCK):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = b""
        rest += chunk[cut:]
    if rest:
        yield rest


def _checked_header(path: Path, line: bytes) -> list[str]:
    if not line:
        raise PowerLogError("the file is empty", path=path)
    text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
    header = text.split(",")
    if not line.endswith(b"\n") or not _is_header(header):
        raise PowerLogError(f"not a power log: it begins with {text[:60]!r}; {_EXPECTED}", path=path, row=1)
    return header


def _is_header(header: list[str]) -> bool:
    optional = [name for name in OPTIONAL if name in header]
    return header == [*REQUIRED, *optional]


def _read_parquet(path: Path) -> tuple[list[str], Columns]:
    try:
        import polars
    except ImportError:
        raise MissingExtraError(f"{path}: reading Parquet", "parquet") from None
    path.stat()  # for the plain complaint about a file that is missing
    try:
        frame = polars.read_parquet(path)
        header = [name for name in (*REQUIRED, *OPTIONAL) if name in frame.columns]
        if not _is_header(header):
            raise PowerLogError(f"has the columns {','.join(frame.columns)}; {_EXPECTED}", path=path)
        whole = [name for name in header[1:] if frame[name].dtype.is_integer()]
        if not isinstance(frame["Time"].dtype, polars.Datetime) or whole != header[1:]:
            raise PowerLogError("Time must be date-times in UTC, all other columns whole numbers", path=path)
        frame = frame.select(
            polars.col("Time").cast(polars.Datetime("ns", "UTC")).cast(polars.Int64),
            polars.col(header[1:]).cast(polars.Int64),
        )
    except polars.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise PowerLogError(f"not a readable Parquet power log: {reason}", path=path) from None
    missing = [name for name in header if frame[name].null_count()]
    if missing:
        raise PowerLogError("has cells without a value", path=path, column=missing[0])
    return header, [frame[name].to_numpy() for name in header]
