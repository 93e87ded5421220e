import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.traces import read_groups, read_table
from elastance.traces.group_table import ROWS_AT_A_TIME, GroupTable, find_overlapping, write_groups


def make_table() -> GroupTable:
    return GroupTable(
        ["a", "b", "c, with comma"],
        ["squad", "imagenet", "squad"],
        np.array([3, 1, 2]),
        np.array([0, 5_000, 10_001, 7, 0, 90]),
        np.array([10_001, 5_500, 10_002, 20, 10, 100]),
    )


# A group: gaps before each start, and run times; small, so that ends and starts often coincide.
GROUPS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=6), min_size=1, max_size=4
)


@given(GROUPS)
def test_overlap_is_what_counting_by_hand_finds(groups: list[list[tuple[int, int]]]) -> None:
    group, start, end, expected = [], [], [], []
    for number, rows in enumerate(groups):
        clock, ends = 0, []
        for gap, runtime in rows:
            clock += gap
            group.append(number)
            start.append(clock)
            end.append(clock + runtime)
            expected.append(any(earlier > clock for earlier in ends))
            ends.append(clock + runtime)
    assert find_overlapping(np.array(group), np.array(start), np.array(end)).tolist() == expected


def test_shares_of_the_workloads() -> None:
    squad, imagenet = make_table().shares
    assert squad.to_json() == {
        "workload": "squad",
        "groups": 2,
        "rows": 5,
        "overlapping_rows": 1,
        "mean_runtime_s": (10_001 + 500 + 1 + 10 + 10) / 5 / 1000,
    }
    assert (imagenet.dataset, imagenet.rows, imagenet.mean_runtime_s) == ("imagenet", 1, 0.013)


def test_runtime_ratio_is_relative_to_all_rows_of_the_dataset() -> None:
    ratio = make_table().runtime_ratio
    mean = (10_001 + 500 + 1 + 10 + 10) / 5
    assert ratio == pytest.approx([10_001 / mean, 500 / mean, 1 / mean, 1.0, 10 / mean, 10 / mean])


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.xz", ".parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    table = make_table()
    seen = []
    written = write_groups(
        tmp_path / f"g{ending}", table, {"made_by": "a test"}, lambda *done: seen.append(done)
    )
    columns = read_table(written.path).columns
    assert columns["group"] == ["a"] * 3 + ["b"] + ["c, with comma"] * 2
    assert columns["start_time"] == [0.0, 5.0, 10.001, 0.007, 0.0, 0.09]
    assert columns["end_time"] == [10.001, 5.5, 10.002, 0.02, 0.01, 0.1]
    assert columns["dataset"] == ["squad"] * 3 + ["imagenet"] + ["squad"] * 2
    assert columns["runtime_ratio"] == table.runtime_ratio.tolist()
    assert [group.name for group in read_groups(written.path).groups] == table.names
    digest = sha256(written.path.read_bytes()).hexdigest()
    assert written.manifest == tmp_path / f"g{ending}.manifest.json"
    assert json.loads(written.manifest.read_text()) == {
        "made_by": "a test",
        "groups": 3,
        "rows": 6,
        "sha256": digest,
    }
    assert written.sha256 == digest
    assert ending == ".parquet" or seen == [(6, 6)]
    # The bytes hold neither the name nor the date of the file.
    again = write_groups(tmp_path / f"other{ending}", table, {})
    assert again.sha256 == digest
    if ending == ".csv.gz":
        assert written.path.read_bytes()[4:8] == bytes(4)


def test_rows_in_more_than_one_batch(tmp_path: Path) -> None:
    rows = 2 * ROWS_AT_A_TIME + 1
    start = np.arange(rows)
    table = GroupTable(["a", "b"], ["squad", "squad"], np.array([rows - 1, 1]), start, start + 1)
    seen = []
    written = write_groups(tmp_path / "g.csv", table, {}, lambda done, _: seen.append(done))
    assert seen == [ROWS_AT_A_TIME, 2 * ROWS_AT_A_TIME, rows]
    assert read_table(written.path).columns["start_time"] == (start / 1000).tolist()


@pytest.mark.parametrize("name", ["g.txt", "g", "g.csv.bz2", "g.gz"])
def test_endings_that_could_not_be_read_again(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"the name must end in \.csv, \.csv\.gz, \.csv\.xz or \.parquet"):
        write_groups(tmp_path / name, make_table(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_groups(tmp_path / "g.csv.gz", make_table(), {}, interrupted)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"pip install 'elastance\[parquet\]'"):
        write_groups(tmp_path / "g.parquet", make_table(), {})
