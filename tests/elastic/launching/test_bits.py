"""Launched, resized and killed, a job gives the bits of plain DDP."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from elastance.elastic import Level, Placement
from elastance.elastic.launching import LaunchSettings, launch
from made_up_elastic import Job, in_processes, train_with_ddp
from made_up_launch import training, written_digests

JOB = Job("image", 4, 0.002)


@pytest.fixture(scope="module")
def expected() -> list[set[str]]:
    return [{digest} for digest in in_processes(JOB.workers, train_with_ddp, JOB)[0]]


def digests(directory: Path) -> list[set[str]]:
    """Of all executors, by step."""
    return [digests for _, digests in sorted(written_digests(directory).items())]


@pytest.mark.slow
def test_resizing_by_command_does_not_change_a_bit(tmp_path: Path, expected: list[set[str]]) -> None:
    command = training(tmp_path, s1=2, s18=1, s29=3, s30=4)
    report = launch(LaunchSettings(tuple(command), "resized", Placement.even(4, 4), Level.D1))
    assert report.exit_status == 0, report
    runs = [(run.placement, run.first_step, run.last_step) for run in report.runs]
    assert runs == [("4x1", 0, 1), ("2x2", 1, 18), ("1x4", 18, 29), ("3:2+1+1", 29, 30), ("4x1", 30, 54)]
    assert digests(tmp_path) == expected


@pytest.mark.slow
def test_a_killed_executor_does_not_change_a_bit(tmp_path: Path, expected: list[set[str]]) -> None:
    command = training(tmp_path, s11="kill")
    told: list[str] = []
    settings = LaunchSettings(tuple(command), "killed", Placement.parse("2:3+1"), checkpoint_every=4)
    report = launch(settings, told.append)
    assert report.exit_status == 0, (report, told)
    assert report.status.restarts == 1
    assert [run.first_step for run in report.runs] == [0, 8]
    assert any("executor 1 was killed by SIGKILL" in line for line in told)
    assert digests(tmp_path) == expected
