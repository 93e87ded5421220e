"""Power logs: reading them, windows over them, and every way in which one can be wrong."""

import gzip
import lzma
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, PowerLogError
from elastance.measure import PowerLog, energy, mean_power, read_power_log, summarize
from elastance.measure.log_reading import OPTIONAL

SECOND = 10**9
_START = 1_657_678_056_708_783_111


def _stamp(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns")).replace("T", " ")


def _csv(times_ns, powers_mw, header: str = "Time,Power", extra: str = "") -> bytes:
    lines = [f"{_stamp(t)},{p}{extra}" for t, p in zip(times_ns, powers_mw, strict=True)]
    return "\n".join([header, *lines, ""]).encode()


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Eleven samples, a second apart: 100, 101 ... 110 W."""
    path = tmp_path / "power.csv"
    path.write_bytes(_csv([_START + k * SECOND for k in range(11)], [1000 * (100 + k) for k in range(11)]))
    return path


def test_the_published_sample(public_traces: Path) -> None:
    path = public_traces / "power_log_sample.csv"
    log = read_power_log(path)
    summary = summarize(log)
    seconds = (log.time_ns - log.time_ns[0]) / 1e9
    assert summary.energy_j == pytest.approx(float(np.trapezoid(log.power_w, seconds)), rel=1e-12)
    assert (summary.samples, summary.time_s, log.torn) == (19, 0.958481625, False)
    assert energy(path) == pytest.approx(31.00415520421, abs=1e-9)
    assert mean_power(path) == pytest.approx(32.3471565813377, abs=1e-9)


@pytest.mark.parametrize(
    ("start", "end", "samples", "joules"),
    [
        (None, None, 11, 1050.0),
        (0, None, 11, 1050.0),
        (-0.0, None, 11, 1050.0),
        (2, 5, 4, 310.5),
        (1.5, 5.5, 4, 310.5),
        (-3, None, 4, 325.5),
        (None, -7, 4, 304.5),
        (-5, -3, 3, 212.0),
        (2, -3, 6, 522.5),
        (-8, 5, 4, 310.5),
        (2, 1e300, 9, 848.0),
        (-1e300, 2, 3, 202.0),
    ],
)
def test_windows_count_from_both_ends_of_the_whole_log(log_file, start, end, samples, joules) -> None:
    summary = summarize(log_file, start, end)
    assert summary.samples == samples
    assert energy(log_file, start, end) == summary.energy_j == pytest.approx(joules, rel=1e-12)
    assert mean_power(log_file, start, end) == pytest.approx(joules / (samples - 1), rel=1e-12)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, 5, "start 5 s is not before end 5 s"),
        (5, 2, "not before"),
        (-2, -5, "not before"),
        (-10, 0, "start -10 s is not before end 0 s"),
        (None, 0, "not before"),
        (11, None, "not before"),
        (math.nan, None, "start nan: expected seconds"),
        (None, math.inf, "end inf: expected seconds"),
        (2.1, 2.9, "no samples between start 2.1 s and end 2.9 s, .* the log has 11 over 10 s"),
        (1.5, 2.5, "1 sample between"),
        (20, 30, "no samples between"),
    ],
)
def test_a_window_without_two_samples_is_refused(log_file, start, end, message) -> None:
    for ask in (energy, mean_power):
        with pytest.raises(InputError, match=message):
            ask(log_file, start, end)


_gaps = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=40)


@given(_gaps, st.data())
def test_a_window_is_the_trapezoid_over_its_samples(gaps: list[int], data: st.DataObject) -> None:
    times = np.cumsum([_START, *gaps])
    powers = np.array(data.draw(st.lists(st.integers(0, 10**6), min_size=len(times), max_size=len(times))))
    log = PowerLog(Path("made-up"), times, powers / 1e3)
    edges = st.integers(-100 * SECOND, 100 * SECOND)
    start, end = data.draw(edges), data.draw(edges)
    low = int(times[0] if start >= 0 else times[-1]) + start
    high = int(times[0] if end >= 0 else times[-1]) + end
    used = [(int(t), int(p)) for t, p in zip(times, powers, strict=True) if low <= t <= high]
    if low >= high or len(used) < 2:
        with pytest.raises(InputError):
            energy(log, start / 1e9, end / 1e9)
        return
    twice_pj = sum((t1 - t0) * (p0 + p1) for (t0, p0), (t1, p1) in pairwise(used))
    assert energy(log, start / 1e9, end / 1e9) == pytest.approx(twice_pj / 2e12, rel=1e-12)


def test_samples_at_one_and_the_same_time_have_no_mean(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(_csv([_START, _START], [1, 2]))
    assert energy(path) == 0
    with pytest.raises(InputError, match="no mean power"):
        mean_power(path)


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
    path.write_bytes(_csv([_START], [250_000], "Time,Power,Temp,SMFreq,Mem", ",41,1380,17179869184"))
    log = read_power_log(path)
    assert (log.power_w, log.temperature_c, log.clock_hz, log.memory_bytes) == (250, 41, 1.38e9, 2**34)
    path.write_bytes(_csv([_START], [250_000], "Time,Power,SMFreq", ",1380"))
    log = read_power_log(path)
    assert (log.temperature_c, log.clock_hz, log.memory_bytes) == (None, 1.38e9, None)
    assert OPTIONAL == ("Temp", "SMFreq", "Mem")


_TIMES = [_START, _START + SECOND, _START + 2 * SECOND]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"Time,Pow", "not a power log: it begins with 'Time,Pow'"),
        (b"Time,Power", "not a power log"),
        (b"Power,Time\n", "row 1: not a power log"),
        (b"Time,Power,Mem,Temp\n", "in this order"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a power log"),
        (b"Time,Power\n", "no samples, where an energy needs at least 2"),
        (_csv(_TIMES[:1], [1]), "1 sample, where"),
        (_csv(_TIMES, [1, "1e3", 1]), "row 3: Power '1e3'"),
        (_csv(_TIMES, [1, 2, 3]) + b"\n", "row 5: ''"),
        (_csv(_TIMES, [1, 2, 3]) + b"Time,Power\n", "row 5: Time 'Time'"),
        (_csv([*_TIMES, _START + SECOND], [1, 2, 3, 4]), "row 5: time runs backwards, by 1 s"),
    ],
)
def test_an_unusable_file_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(content)
    with pytest.raises(PowerLogError, match=message) as caught:
        energy(path)
    assert str(path) in str(caught.value)


def test_rows_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elastance.measure.log_reading._BLOCK", 64)
    path = tmp_path / "power.csv"
    good = [_START + k * SECOND for k in range(100)]
    path.write_bytes(_csv(good, range(100)))
    assert read_power_log(path).time_ns.tolist() == good
    path.write_bytes(_csv(good, [*range(77), "x", *range(22)]))
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
