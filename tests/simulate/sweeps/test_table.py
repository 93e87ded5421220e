import csv
import math
from pathlib import Path

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.simulate.sweeps.table import TableFormat, find_format, write_table

COLUMNS = {"name": str, "count": int, "energy_j": float}
ROWS = [('a, "b"\n', 1, 0.1 + 0.2), (None, None, None), ("ü", 10**15, math.inf), ("", -1, 5e-324)]


def test_csv_keeps_every_bit(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", TableFormat.CSV, COLUMNS, ROWS)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == list(COLUMNS)
    for (name, count, energy), written in zip(ROWS, rows, strict=True):
        assert written[0] == (name or "")
        assert written[1] == ("" if count is None else str(count))
        assert (float(written[2]) if written[2] else None) == energy


def test_parquet_keeps_types_and_bytes(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    for name in "ab":
        write_table(tmp_path / name, TableFormat.PARQUET, COLUMNS, ROWS)
    frame = polars.read_parquet(tmp_path / "a")
    assert frame.rows() == ROWS
    assert frame.schema == {"name": polars.String, "count": polars.Int64, "energy_j": polars.Float64}
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_column_without_any_value_keeps_its_type(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    write_table(tmp_path / "t.parquet", TableFormat.PARQUET, COLUMNS, [(None, None, None)] * 200 + [ROWS[0]])
    assert polars.read_parquet(tmp_path / "t.parquet").rows()[-1] == ROWS[0]


def test_formats_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_format("csv") is TableFormat.CSV
    with pytest.raises(UnknownNameError, match="known: csv, parquet"):
        find_format("xlsx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"elastance\[parquet\]"):
        find_format("parquet")
