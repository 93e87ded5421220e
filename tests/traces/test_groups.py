import gzip
import lzma
from pathlib import Path

import pytest

from elastance.errors import TraceError
from elastance.runs import Provenance
from elastance.traces import Group, Submission, read_groups

HEADER = "group,start_time,end_time,dataset,runtime_ratio\n"
ROWS = "a,0,10,squad,1.0\nb,3,4,cifar100,0.5\na,5,15,squad,2.0\n"


def written(directory: Path, rows: str = ROWS, name: str = "groups.csv") -> Path:
    content = (HEADER + rows).encode()
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".xz"):
        content = lzma.compress(content)
    (directory / name).write_bytes(content)
    return directory / name


@pytest.mark.parametrize("name", ["groups.csv", "groups.csv.gz", "groups.csv.xz"])
def test_groups_are_read_in_order_of_their_first_rows(tmp_path: Path, name: str) -> None:
    trace = read_groups(written(tmp_path, name=name))
    assert trace.groups == (
        Group("a", "squad", (Submission(0.0, 10.0, 1.0), Submission(5.0, 15.0, 2.0))),
        Group("b", "cifar100", (Submission(3.0, 4.0, 0.5),)),
    )
    assert trace.submissions == 3
    assert trace.provenance is Provenance.TRACE
    assert str(trace).startswith(f"groups in {tmp_path}")


def test_made_up_groups_stay_labelled_whatever_the_file_is_called(tmp_path: Path) -> None:
    trace = read_groups(written(tmp_path, "synthetic-001,0,1,squad,1\n", "alibaba.csv"))
    assert trace.provenance is Provenance.MODEL
    assert str(trace).startswith("synthetic groups in ")


@pytest.mark.parametrize(
    ("rows", "row", "message"),
    [
        ("", None, "no rows"),
        ("a,5,6,squad,1\na,4,6,squad,1\n", 3, "not sorted"),
        ("a,5,4,squad,1\n", 2, "ends at 4.0 before it starts"),
        ("a,5,6,tweets,1\n", 2, "unknown dataset 'tweets'"),
        ("a,5,6,squad,1\na,6,7,cifar100,1\n", 3, "mixes squad and cifar100"),
        ("a,5,6,squad,0\n", 2, "expected a positive finite number"),
        (",5,6,squad,1\n", 2, "empty cell"),
    ],
)
def test_rows_that_make_no_sense(tmp_path: Path, rows: str, row: int | None, message: str) -> None:
    with pytest.raises(TraceError, match=message) as refused:
        read_groups(written(tmp_path, rows))
    assert row is None or f"row {row}" in str(refused.value)


@pytest.mark.parametrize("name", ["groups.csv.gz", "groups.csv.xz"])
def test_a_compressed_file_that_was_cut_off(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, ROWS * 50, name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match="truncated"):
        read_groups(path)
