from pathlib import Path

import pytest

from elastance.errors import InputError, TraceError
from elastance.runs import Provenance
from elastance.traces import read_cluster

OWN = "name,submit_s,application,logical_workers,batch_size,samples,may_mix_types,preferred_gpu"
PUBLISHED = (
    "name,time,application,max_parallelism,batch_size,epochs,"
    "enable_heterogeneous_deterministic,preferred_gpu,"
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_published_workload_is_read_with_its_irregularities(easyscale: Path) -> None:
    workload = read_cluster(easyscale / "workload.csv")
    assert len(workload.jobs) == 62
    assert workload.provenance is Provenance.TRACE
    first, said = workload.jobs[0], "\n".join(workload.irregularities)
    assert (first.name, first.may_mix_types, first.logical_workers) == ("bert-0", True, 16)
    assert first.samples == pytest.approx(4 * 886.41)
    for words in ("68 rows have 62 names", "is 40", "row 55 has 8 cells", "without a name", "no line end"):
        assert words in said


def test_a_repeated_name_keeps_its_first_place_and_its_last_values(tmp_path: Path) -> None:
    rows = ("a,5,bert,4,8,1,1,v100,", "b,6,ncf,4,1024,1,0,t4,", "a,7,bert,8,8,2,0,p100,")
    workload = read_cluster(write(tmp_path / "jobs.csv", PUBLISHED, *rows))
    assert [(job.name, job.submit_s, job.logical_workers) for job in workload.jobs] == [
        ("a", 7, 8),
        ("b", 6, 4),
    ]
    assert any("a (2 times)" in line for line in workload.irregularities)


def test_our_own_format(tmp_path: Path) -> None:
    rows = ("synthetic-1,0.5,bert,4,8,800,Yes,V100,2", "b,0,ncf,2,10,100,no,t4,1")
    workload = read_cluster(write(tmp_path / "jobs.csv", f"{OWN},min_gpus", *rows))
    first, second = workload.jobs
    assert (first.may_mix_types, first.preferred_gpu, first.min_gpus, first.steps) == (True, "v100", 2, 25.0)
    assert not second.may_mix_types
    assert workload.provenance is Provenance.MODEL
    assert workload.irregularities == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,-1,bert,4,8,800,yes,v100", "row 2, column submit_s: -1 is negative"),
        ("a,1e11,bert,4,8,800,yes,v100", "row 2, column submit_s: 1e+11 is later than 1e+10 s"),
        ("a,nan,bert,4,8,800,yes,v100", "row 2, column submit_s: 'nan', expected a finite number"),
        ("a,1,bert,0,8,800,yes,v100", "row 2, column logical_workers: '0', expected a positive whole number"),
        ("a,1,bert,4,8,800,perhaps,v100", "row 2, column may_mix_types: 'perhaps', expected yes or no"),
        ("a,1,bert,4,8,800,yes,v100\na,2,bert,4,8,800,yes,v100", "same as row 2: name a"),
        ("a,1,bert,4,8,800,yes", "7 cells where the header has 8"),
    ],
)
def test_rows_that_make_no_sense(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(TraceError) as refused:
        read_cluster(write(tmp_path / "jobs.csv", OWN, row))
    assert message in str(refused.value)


def test_more_gpus_than_logical_workers_at_least(tmp_path: Path) -> None:
    path = write(tmp_path / "jobs.csv", f"{OWN},min_gpus", "a,1,bert,4,8,800,yes,v100,5")
    with pytest.raises(TraceError, match=r"min_gpus: 5 is more than the job's 4 logical workers"):
        read_cluster(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,-1,bert,4,8,1,1,v100,", "row 2, column time: '-1', expected a whole number from 0 up"),
        ("a,1,bert,4,8,x,1,v100,", "row 2, column epochs: 'x', expected a whole number from 1 up"),
        ("a,1,bert,4", "row 2: 4 cells where 8 are needed"),
        ("a,1,birt,4,8,1,1,v100,", "unknown application 'birt': did you mean bert"),
        ("a,1,bert,4,8,1,1,,", "row 2, column preferred_gpu: empty cell"),
    ],
)
def test_published_rows_that_make_no_sense(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_cluster(write(tmp_path / "jobs.csv", PUBLISHED, row))
    assert message in str(refused.value)


def test_files_that_are_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such file"):
        read_cluster(tmp_path / "none.csv")
    with pytest.raises(TraceError, match="no rows"):
        read_cluster(write(tmp_path / "jobs.csv", PUBLISHED))
