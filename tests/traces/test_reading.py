import gzip
import hashlib
import lzma
from pathlib import Path

import polars
import pytest

from elastance.errors import InputError, TraceError
from elastance.traces import GROUP, POWER, TRAIN, read_table

TRAIN_TEXT = """\
dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch
cifar100,shufflenetv2,32,adadelta,1e-1,1,0.5,3
cifar100,shufflenetv2,32,adadelta,1e-1,1,0.6,nan
cifar100,shufflenetv2,32,adadelta,2.65e-05,2,0.5,
"""

POWER_TEXT = """\
dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power
cifar100,shufflenetv2,32,adadelta,100,20.5,90.25
cifar100,shufflenetv2,32,adadelta,125,18.5,110
"""

GROUP_TEXT = """\
group,start_time,end_time,dataset,runtime_ratio
a,0,10,squad,1.0
a,-5,20,squad,0.5
"""


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_columns_are_typed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", TRAIN_TEXT)
    table = read_table(path, TRAIN)
    assert table.columns["batch_size"] == [32, 32, 32]
    assert table.columns["learning_rate"] == [0.1, 0.1, 2.65e-05]
    assert table.columns["target_epoch"] == [3, None, None]
    assert len(table) == 3
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("text", "schema"), [(TRAIN_TEXT, TRAIN), (POWER_TEXT, POWER), (GROUP_TEXT, GROUP)])
def test_the_kind_is_told_from_the_header(tmp_path: Path, text: str, schema: object) -> None:
    assert read_table(write(tmp_path / "x.csv", text)).schema is schema


def test_every_format_reads_the_same(tmp_path: Path) -> None:
    plain = read_table(write(tmp_path / "t.csv", TRAIN_TEXT), TRAIN).columns
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TRAIN_TEXT.encode()))
    (tmp_path / "t.csv.xz").write_bytes(lzma.compress(TRAIN_TEXT.encode()))
    write(tmp_path / "bom.csv", "\ufeff" + TRAIN_TEXT.replace("\n", "\r\n"))
    polars.DataFrame(plain).write_parquet(tmp_path / "t.parquet")
    for name in ("t.csv.gz", "t.csv.xz", "bom.csv", "t.parquet"):
        assert read_table(tmp_path / name, TRAIN).columns == plain


def test_extra_columns_are_ignored(tmp_path: Path) -> None:
    text = "".join(f"{line},extra\n" for line in POWER_TEXT.splitlines())
    assert list(read_table(write(tmp_path / "p.csv", text), POWER).columns) == list(POWER.columns)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("average_power\n", "avg_power\n", "row 1, column average_power: column missing from the header"),
        ("power_limit", "batch_size", "row 1, column batch_size: column stands twice"),
        (",90.25", ",", "row 2, column average_power: empty cell, expected a positive finite number"),
        (",90.25", ",warm", "row 2, column average_power: 'warm', expected a positive finite number"),
        (",90.25", ",inf", "row 2, column average_power: 'inf'"),
        (",18.5,", ",-18.5,", "row 3, column time_per_epoch: '-18.5'"),
        ("32,adadelta,125", "0,adadelta,125", "row 3, column batch_size: '0', expected a positive whole number"),
        ("32,adadelta,125", "32.5,adadelta,125", "row 3, column batch_size: '32.5'"),
        ("cifar100,shufflenetv2,32,adadelta,125", ",shufflenetv2,32,adadelta,125", "row 3, column dataset: empty"),
        (",18.5,110\n", ",18.5\n", "row 3: 6 cells where the header has 7"),
        (",18.5,110\n", ",18", "row 3: 6 cells where the header has 7; the last line is truncated"),
        (",110\n", ",11", "row 3: the last line has no line end: the file was probably cut off"),
        (POWER_TEXT.split("\n", 1)[1], "", "a header but no rows"),
        (POWER_TEXT, "", "the file is empty"),
        ("adadelta,100", '"adadelta,100', "not a CSV file"),
    ],
)  # fmt: skip
def test_complaints_name_file_row_and_column(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in POWER_TEXT
    path = write(tmp_path / "power.csv", POWER_TEXT.replace(old, new, 1))
    with pytest.raises(TraceError) as caught:
        read_table(path, POWER)
    assert str(caught.value).startswith(f"{path}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"missing\.csv: no such file"):
        read_table(tmp_path / "missing.csv")
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        read_table(tmp_path)
    (tmp_path / "latin.csv").write_bytes(
        POWER_TEXT.replace("adadelta,125", "ad\xe4delta,125").encode("latin-1")
    )
    with pytest.raises(TraceError, match="row 3: not UTF-8 text"):
        read_table(tmp_path / "latin.csv")
    with pytest.raises(
        TraceError, match="row 1: not a train, drift, power, group or cluster trace; nearest is a power"
    ):
        read_table(write(tmp_path / "other.csv", "dataset,network,power_limit\na,b,1\n"))


@pytest.mark.parametrize(("name", "compress"), [("t.csv.gz", gzip.compress), ("t.csv.xz", lzma.compress)])
def test_compressed_files_cut_off_or_damaged(tmp_path: Path, name: str, compress: object) -> None:
    content = compress(TRAIN_TEXT.encode())  # type: ignore[operator]
    path = tmp_path / name
    path.write_bytes(content[:-20])
    with pytest.raises(TraceError, match=r"truncated|cannot be decompressed"):
        read_table(path)
    path.write_bytes(b"not compressed at all")
    with pytest.raises(TraceError, match="cannot be decompressed"):
        read_table(path)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(TraceError, match="not a readable Parquet file"):
        read_table(path)


def test_parquet_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="pip install 'elastance\\[parquet\\]'"):
        read_table(tmp_path / "t.parquet")


def test_the_short_cut_for_regular_files_reads_what_the_csv_module_reads(tmp_path: Path) -> None:
    regular = read_table(write(tmp_path / "t.csv", TRAIN_TEXT)).columns
    quoted = TRAIN_TEXT.replace("shufflenetv2", '"shufflenetv2"')
    assert read_table(write(tmp_path / "q.csv", quoted)).columns == regular


def test_a_gzip_file_with_garbage_inside(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TRAIN_TEXT.encode()))
    content[12:40] = bytes(28)
    (tmp_path / "t.csv.gz").write_bytes(content)
    with pytest.raises(TraceError, match="cannot be decompressed"):
        read_table(tmp_path / "t.csv.gz")
