"""Write power logs in the published monitor's format, so that they can be read at any moment, whatever happens."""

from __future__ import annotations

import importlib.util
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError, MissingExtraError, RecordingError
from elastance.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from elastance.devices import Device

PARTIAL = ".partial.csv"
"""What is added to the name of a Parquet file for the log it is made from once the recording ends."""


class RecordedColumn(NamedTuple):
    """A column that can be recorded besides time and power.

    Attributes:
        header: Its name in the file.
        read: Reads a device in the unit of the file.
    """

    header: str
    read: Callable[[Device], int]


def _temperature(device: Device) -> int:
    return round(device.temperature_c())


def _clock_mhz(device: Device) -> int:
    return round(device.clock_hz() / 1e6)


def _memory_in_use(device: Device) -> int:
    return device.memory_bytes()[0]


COLUMNS = {
    "temperature": RecordedColumn("Temp", _temperature),
    "clock": RecordedColumn("SMFreq", _clock_mhz),
    "memory": RecordedColumn("Mem", _memory_in_use),
}
"""Name to column, in the order of the file: °C, MHz, bytes in use."""


def utc_stamp(time_ns: int) -> str:
    """Return nanoseconds since 1970 as a power log has them: UTC, nine decimals."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{nanoseconds:09d}"


class LogWriter:
    """A power log that grows line by line, each on its way to the disk before the next is made.

    A line that could not be written whole is taken back, so that the file always ends with a whole one.

    Args:
        path: Where to; `check_output` has passed it. Parquet is written once the log is closed, from a CSV log beside
            it (`PARTIAL`), which stays if that fails.
        headers: Names of the columns after the time.

    Raises:
        RecordingError: The file cannot be written.
    """

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.path = path
        self.written_to = path.with_name(path.name + PARTIAL) if path.suffix == ".parquet" else path
        self._bytes = 0
        try:
            self._file = self.written_to.open("wb", buffering=0)
        except OSError as error:
            raise RecordingError(f"{self.written_to}: cannot be written: {error.strerror}") from None
        self._append(",".join(("Time", *headers)))

    def add(self, time_ns: int, numbers: Iterable[int]) -> None:
        """Append a sample: time in ns since 1970, then power in mW and what the header adds.

        Raises:
            RecordingError: The disk is full, or gone.
        """
        self._append(",".join((utc_stamp(time_ns), *map(str, numbers))))

    def close(self) -> None:
        """Finish the file.

        Raises:
            RecordingError: The Parquet file cannot be written.
        """
        if self._file.closed:
            return
        self._file.close()
        if self.written_to != self.path:
            try:
                _convert_to_parquet(self.written_to, self.path)
            except (InputError, OSError) as error:
                raise RecordingError(f"{error}; the samples are in {self.written_to}") from None
            self.written_to.unlink()

    def _append(self, line: str) -> None:
        rest = memoryview(f"{line}\n".encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self._take_back()
            raise RecordingError(
                f"{self.written_to}: cannot be written: {error.strerror}; what was recorded so far is in it"
            ) from None
        self._bytes += len(line) + 1

    def _take_back(self) -> None:
        """Cut off the part of a line, where the file can be cut."""
        try:
            os.ftruncate(self._file.fileno(), self._bytes)
        except OSError:
            return


def check_output(path: Path, *, replace: bool = False) -> Path:
    """Return `path` if a recording may go there.

    Args:
        path: A power log.
        replace: Whether a file that is there may be overwritten.

    Raises:
        InputError: It may not: a file is there, the directory is missing, or the format is not written.
    """
    if path.suffix in (".gz", ".xz"):
        raise InputError(
            f"{path}: a compressed file would be lost if it were cut short; compress it afterwards"
        )
    if path.suffix == ".parquet" and importlib.util.find_spec("polars") is None:
        raise MissingExtraError(f"{path}: writing Parquet", "parquet")
    for file in (path, path.with_name(path.name + PARTIAL)):
        if file.is_file() and not replace:
            raise InputError(f"{file}: is there already; give another name, or --force to overwrite it")
    return path if path.exists() and not path.is_dir() else check_writable(path)


def _convert_to_parquet(log: Path, path: Path) -> None:
    import polars

    frame = polars.read_csv(log).with_columns(
        polars.col("Time").str.to_datetime("%Y-%m-%d %H:%M:%S%.9f", time_unit="ns", time_zone="UTC")
    )
    with replacing(path) as temporary:
        frame.write_parquet(temporary)
