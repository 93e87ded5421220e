"""Launched jobs are found, told apart, and held by one launcher."""

import os
from pathlib import Path

import pytest

from elastance.elastic.launching import JobDirectory, JobState, JobStatus
from elastance.errors import InputError, UnknownNameError


def made(name: str, checkpoints: Path) -> JobDirectory:
    directory = JobDirectory.named(name)
    directory.path.mkdir(parents=True)
    directory.write_status(
        JobStatus(
            name, 4711, JobState.RUNNING, ("python", "a.py"), "/here", 4, "2x2", 4, (1, 2), str(checkpoints)
        )
    )
    return directory


def test_a_job_has_many_names(tmp_path: Path) -> None:
    checkpoints = tmp_path / "saved"
    checkpoints.mkdir()
    directory = made("mine", checkpoints)
    made("other", tmp_path)
    for name in ("mine", str(directory.path), str(checkpoints)):
        assert JobDirectory.find(name) == directory, name
    assert JobDirectory.find("4711").path.name == "mine"
    with pytest.raises(UnknownNameError, match="did you mean mine"):
        JobDirectory.find("mime")


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    directory = made("mine", tmp_path)
    status = directory.read_status()
    assert status is not None
    assert (status.executors, status.state, status.has_ended) == ((1, 2), JobState.RUNNING, False)
    directory.status_path.write_text('{"name": "mine"}')
    assert directory.read_status() is None


def test_one_launcher_at_a_time(tmp_path: Path) -> None:
    directory = made("mine", tmp_path)
    assert not directory.is_running()
    with directory.held():
        assert directory.is_running()
        with pytest.raises(InputError, match="is being trained already by process 4711"), directory.held():
            pass
    assert not directory.is_running()
    assert not JobDirectory.named("never").is_running()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b"])
def test_names_that_suit_no_directory(name: str) -> None:
    with pytest.raises(InputError, match="expected letters"):
        JobDirectory.named(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_directory_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTANCE_STATE", "/proc/state")
    with pytest.raises(InputError, match="name another directory"), JobDirectory.named("mine").held():
        pass
