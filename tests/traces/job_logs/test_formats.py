from collections.abc import Callable
from pathlib import Path

import pytest

from elastance.errors import TraceError
from elastance.traces.job_logs import Dropped, JobLog, find_log
from elastance.traces.job_logs.gavel import job_batch_size
from made_up_job_logs import LOGS

Read = Callable[..., JobLog]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(name: str, *replaced: str) -> JobLog:
        path = tmp_path / f"{name}.csv"
        text = LOGS[name]
        if replaced:
            assert replaced[0] in text
            text = text.replace(*replaced, 1)
        path.write_bytes(text.encode())
        return find_log(name).read(path)

    return read


def test_philly(read: Read) -> None:
    log = read("philly")
    assert log.rows == 6
    assert log.dropped == {Dropped.NO_RUN_TIME: 1, Dropped.NO_GPU: 1}
    first, second, *_ = log.records
    assert (first.name, first.row, first.gpus, first.run_s) == ("philly-2", 2, 1, 1800.0)
    assert first.submit_s - second.submit_s == 48 * 60 + 52


def test_helios(read: Read) -> None:
    log = read("helios")
    assert [(of.name, of.gpus, of.run_s) for of in log.records] == [("helios-7", 8, 3600.0)]
    assert log.dropped == {Dropped.NO_GPU: 1}


def test_tiresias(read: Read) -> None:
    found = [(of.name, of.submit_s, of.gpus, of.run_s, of.application) for of in read("tiresias").records]
    assert found == [
        ("tiresias-0", 0.0, 1, 164.0, "vgg19"),
        ("tiresias-1", 30.0, 8, 147.0, "resnet152"),
        ("tiresias-2", 53.0, 2, 127.0, "googlenet"),
    ]


def test_openb(read: Read) -> None:
    log = read("openb")
    assert [(of.name, of.gpus, of.run_s, of.gpu) for of in log.records] == [
        ("pod-0", 1, 3900.0, None),
        ("pod-1", 1, 400.0, None),
        ("pod-4", 8, 90000.0, "v100"),
    ]
    assert log.dropped == {Dropped.NO_GPU: 1, Dropped.NEVER_RAN: 1, Dropped.NO_RUN_TIME: 1}
    assert log.notes[0] == "1 pods that asked for a share of a GPU were given a whole one"
    assert "1 pods are latency-sensitive" in log.notes[1]


def test_sia_splits_the_batch_over_the_replicas(read: Read) -> None:
    found = [(of.application, of.gpus, of.batch_size, of.run_s) for of in read("sia").records]
    assert found == [("cifar10", 6, 341, None), ("bert", 16, 24, None), ("imagenet", 10, 320, None)]


def test_gavel(read: Read) -> None:
    log = read("gavel")
    found = [(of.row, of.application, of.gpus, of.batch_size, of.samples) for of in log.records]
    assert found == [
        (1, "ResNet-18 (batch size 64)", 2, 64, 64000.0),
        (2, "LM (batch size 5)", 1, 5, 150000.0),
        (3, "CycleGAN", 1, 1, 700.0),
    ]
    assert log.dropped == {Dropped.NO_RUN_TIME: 1}
    assert "1 jobs name no batch size" in log.notes[0]
    assert job_batch_size("A3C") is None


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("philly", "num_gpus,", "gpus,", "row 1, column num_gpus: column missing"),
        ("philly", "06:13:03", "6 o'clock", r"row 3, column timestamp: .*expected a time such as"),
        ("philly", "7200.0", "long", "row 3, column duration: 'long', expected a finite number"),
        ("helios", "\n8,", "\n7,", "row 3, column job_id: '7' stands in row 2 too"),
        ("tiresias", "147", "nan", "row 3, column duration: 'nan'"),
        ("openb", "pod-4", "pod-1", "row 6, column name: 'pod-1' stands in row 3 too"),
        ("sia", "16,384", "0,384", "row 3, column num_replicas: '0', expected a positive whole number"),
        ("gavel", "\tthere", "", r"row 1: 9 cells separated by tabs where a trace of Gavel has 10"),
        ("gavel", "\t30000", "\tmany", "row 2: total steps 'many'"),
        ("gavel", "\t80\n", "\t80", "no line end"),
    ],
)
def test_a_file_that_makes_no_sense(read: Read, name: str, before: str, after: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        read(name, before, after)


def test_negative_submissions_are_left_out(read: Read) -> None:
    assert read("tiresias", "8,30,", "8,-30,").dropped == {Dropped.NEGATIVE_TIME: 1}
    assert read("gavel", "\t40\n", "\t-40\n").dropped[Dropped.NEGATIVE_TIME] == 1
