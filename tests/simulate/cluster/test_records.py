import csv
from pathlib import Path

import pytest

from elastance.errors import InputError
from elastance.runs import Provenance
from elastance.scheduling import ClusterPower
from elastance.simulate.cluster import (
    ClusterComparison,
    ClusterMeasures,
    ClusterPolicyResult,
    ClusterShape,
    check_directory,
    write_records,
)
from elastance.traces import ClusterWorkload, builtin_step_times
from made_up_cluster import make_history


@pytest.fixture
def comparison() -> ClusterComparison:
    history = make_history()
    result = ClusterPolicyResult("fifo", (0,), (history,), (ClusterMeasures.of(history),), (0.1,))
    return ClusterComparison(
        ClusterWorkload(Path("jobs.csv"), "", Provenance.TRACE, ()),
        ClusterShape(("v100", "t4"), (2, 1)),
        ClusterPower((40.0, 10.0), (300.0, 70.0)),
        builtin_step_times(),
        60.0,
        False,
        False,
        (result,),
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_what_is_written(comparison: ClusterComparison, tmp_path: Path) -> None:
    written = write_records(comparison, tmp_path / "new")
    assert [path.name for path in written] == ["cluster.json", "jobs.csv", "phases.csv", "timeline.csv"]
    _, jobs, phases, timeline = written
    assert rows(jobs)[1] == {
        "policy": "fifo", "seed": "0", "job": "b", "submit_s": "20.0", "start_s": "20.0", "end_s": "60.0",
        "restarts": "0", "alone_s": "80.0", "determinism": "D1",
    }  # fmt: skip
    assert [
        (row["job"], row["activity"], row["allocated_v100"], row["determinism"]) for row in rows(phases)
    ] == [
        ("a", "restarting", "2", ""),
        ("a", "training", "2", ""),
        ("b", "training", "0", "D1"),
    ]
    assert [(float(row["start_s"]), float(row["power_w"])) for row in rows(timeline)][3] == (30.0, 570.0)
    assert not list(tmp_path.glob("new/*.tmp*"))


def test_the_same_bytes_again(comparison: ClusterComparison, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_records(comparison, tmp_path)]
    assert [path.read_bytes() for path in write_records(comparison, tmp_path)] == first


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        check_directory(tmp_path / "file")
    with pytest.raises(InputError, match="there is no directory"):
        check_directory(tmp_path / "no" / "such")
