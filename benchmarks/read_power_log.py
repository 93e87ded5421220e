"""How fast a log of ten million samples is read and integrated, against polars and against reading line by line.

Run it with ``.venv/bin/python benchmarks/read_power_log.py [ROWS]``; it needs 36 bytes of disk per row.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars

from elastance.measure import summarize
from elastance.traces.power_log import read_power_log
from elastance.traces.power_log_lines import parse_lines


def write_log(path: Path, rows: int) -> None:
    """Write `rows` samples, 0.1 s apart with jitter, around 90 W."""
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        file.write("Time,Power\n")
        for first in range(0, rows, 500_000):
            count = min(500_000, rows - first)
            time_ns = 1_772_323_200 * 10**9 + np.arange(first, first + count) * 10**8
            time_ns += rng.integers(0, 5 * 10**7, count)
            power_mw = rng.normal(90_000, 20_000, count).clip(1000).astype(np.int64)
            stamps = np.datetime_as_string(time_ns.astype("M8[ns]")).tolist()
            lines = zip(stamps, power_mw.tolist(), strict=True)
            file.writelines(f"{stamp.replace('T', ' ')},{power}\n" for stamp, power in lines)


def read_with_polars(path: Path) -> polars.DataFrame:
    """Read the log as polars does."""
    return polars.read_csv(path, schema={"Time": polars.String, "Power": polars.Int64}).with_columns(
        polars.col("Time").str.to_datetime("%Y-%m-%d %H:%M:%S%.9f", time_unit="ns")
    )


def main() -> None:
    """Time each reader once."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "power.csv"
        write_log(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size:,} bytes")
        few = b"".join(path.read_bytes().splitlines(keepends=True)[1:200_001])
        for name, share, read in (
            ("read_power_log and summarize", 1.0, lambda: summarize(read_power_log(path))),
            ("polars, read only", 1.0, lambda: read_with_polars(path)),
            ("line by line (from 200,000 rows)", rows / 200_000, lambda: parse_lines(few, ["Time", "Power"])),
        ):
            start_s, start_cpu_s = time.perf_counter(), time.process_time()
            read()
            wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
            print(f"{name:35}{wall_s * share:6.1f} s, {cpu_s * share:6.1f} s of processor time")


if __name__ == "__main__":
    main()
