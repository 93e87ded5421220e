"""Reading power logs, and every way in which one can be wrong."""

import gzip
import lzma
import sys
from pathlib import Path

import polars
import pytest

from elastance.errors import MissingExtraError, PowerLogError
from elastance.traces.power_log import OPTIONAL, read_power_log
from made_up_logs import SECOND, START, eleven_seconds, make_log


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "power.csv"
    path.write_bytes(eleven_seconds())
    return path


def test_a_torn_last_line_is_dropped_and_said_so(log_file: Path) -> None:
    whole = log_file.read_bytes()
    for lost in range(1, len("2022-07-13 02:07:36.708783111,110000\n")):
        log_file.write_bytes(whole[:-lost])
        log = read_power_log(log_file)
        assert log.torn
        assert len(log) == 10
    log_file.write_bytes(whole + b"2")
    assert len(read_power_log(log_file)) == 11


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.xz", ".parquet", ".log"])
def test_every_container_reads_the_same(log_file: Path, tmp_path: Path, suffix: str) -> None:
    content, path = log_file.read_bytes(), tmp_path / f"other{suffix}"
    if suffix == ".parquet":
        frame = polars.read_csv(log_file).with_columns(polars.col("Time").str.to_datetime(time_unit="ns"))
        frame.write_parquet(path)
    else:
        packed = {".csv.gz": gzip.compress, ".csv.xz": lzma.compress}
        path.write_bytes(packed.get(suffix, bytes)(content))
    log, plain = read_power_log(path), read_power_log(log_file)
    assert log.time_ns.tolist() == plain.time_ns.tolist()
    assert log.power_w.tolist() == plain.power_w.tolist()


def test_optional_columns_in_si_units(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(make_log([START], [250_000], "Time,Power,Temp,SMFreq,Mem", ",41,1380,17179869184"))
    log = read_power_log(path)
    assert (log.power_w, log.temperature_c, log.clock_hz, log.memory_bytes) == (250, 41, 1.38e9, 2**34)
    path.write_bytes(make_log([START], [250_000], "Time,Power,SMFreq", ",1380"))
    log = read_power_log(path)
    assert (log.temperature_c, log.clock_hz, log.memory_bytes) == (None, 1.38e9, None)
    assert OPTIONAL == ("Temp", "SMFreq", "Mem")


_TIMES = [START, START + SECOND, START + 2 * SECOND]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"Time,Pow", "not a power log: it begins with 'Time,Pow'"),
        (b"Time,Power", "not a power log"),
        (b"Power,Time\n", "row 1: not a power log"),
        (b"Time,Power,Mem,Temp\n", "in this order"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a power log"),
        (make_log(_TIMES, [1, "1e3", 1]), "row 3: Power '1e3'"),
        (make_log(_TIMES, [1, 2, 3]) + b"\n", "row 5: ''"),
        (make_log(_TIMES, [1, 2, 3]) + b"Time,Power\n", "row 5: Time 'Time'"),
        (make_log([*_TIMES, START + SECOND], [1, 2, 3, 4]), "row 5: time runs backwards, by 1 s"),
    ],
)
def test_an_unusable_file_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(content)
    with pytest.raises(PowerLogError, match=message) as caught:
        read_power_log(path)
    assert str(path) in str(caught.value)


def test_rows_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elastance.traces.power_log._BLOCK", 64)
    path = tmp_path / "power.csv"
    good = [START + k * SECOND for k in range(100)]
    path.write_bytes(make_log(good, range(100)))
    assert read_power_log(path).time_ns.tolist() == good
    path.write_bytes(make_log(good, [*range(77), "x", *range(22)]))
    with pytest.raises(PowerLogError, match="row 79: Power 'x'"):
        read_power_log(path)


def test_a_file_that_cannot_be_unpacked_is_explained(log_file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    with pytest.raises(PowerLogError, match="no such file"):
        read_power_log(missing)
    with pytest.raises(PowerLogError, match="no such file"):
        read_power_log(missing.with_suffix(".parquet"))
    with pytest.raises(PowerLogError, match="cannot be read: Is a directory"):
        read_power_log(tmp_path)
    for suffix, pack in ((".gz", gzip.compress), (".xz", lzma.compress)):
        path = tmp_path / f"power.csv{suffix}"
        path.write_bytes(pack(log_file.read_bytes())[:-12])
        with pytest.raises(PowerLogError, match=r"truncated|cannot be decompressed"):
            read_power_log(path)
        path.write_bytes(log_file.read_bytes())
        with pytest.raises(PowerLogError, match="cannot be decompressed"):
            read_power_log(path)


def test_parquet_of_another_kind_is_explained(log_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "power.parquet"
    path.write_bytes(log_file.read_bytes())
    with pytest.raises(PowerLogError, match="not a readable Parquet power log"):
        read_power_log(path)
    frame = polars.read_csv(log_file)
    frame.write_parquet(path)
    with pytest.raises(PowerLogError, match="Time must be date-times"):
        read_power_log(path)
    frame.rename({"Power": "Watts"}).write_parquet(path)
    with pytest.raises(PowerLogError, match="has the columns Time,Watts"):
        read_power_log(path)
    timed = frame.with_columns(polars.col("Time").str.to_datetime(time_unit="ns"))
    timed.with_columns(polars.lit(None, polars.Int64).alias("Power")).write_parquet(path)
    with pytest.raises(PowerLogError, match="column Power: has cells without a value"):
        read_power_log(path)


def test_parquet_without_polars_says_what_to_install(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match="reading Parquet needs the extra 'parquet'"):
        read_power_log(log_file.with_suffix(".parquet"))
