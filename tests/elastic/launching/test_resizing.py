"""Plans of a resize, and how whoever asked for it learns what came of it."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from elastance.elastic.launching import JobDirectory, JobState, JobStatus, resize, wait_until_resized
from elastance.elastic.launching.resizing import ResizePlan, read_plan
from elastance.errors import InputError, NotResizedError, WorkerError

STATUS = JobStatus("mine", os.getpid(), JobState.RUNNING, ("true",), "/", 4, "2x2", 3, (), "/saved")


@pytest.fixture
def directory() -> JobDirectory:
    made = JobDirectory.named("mine")
    made.path.mkdir(parents=True)
    made.write_status(STATUS)
    return made


def test_a_plan_says_how_many_or_who_hosts_what() -> None:
    assert str(ResizePlan(executors=3).placed(4, 4)) == "3:2+1+1"
    assert str(ResizePlan(placement="1x4").placed(4, 4)) == "1x4"
    assert ResizePlan(executors=0).placed(4, 4) is None


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (ResizePlan(), "one of both"),
        (ResizePlan(2, "2x2"), "one of both"),
        (ResizePlan(5), "4 logical workers on 5 executors"),
        (ResizePlan(-1), "must be at least 1"),
        (ResizePlan(4), "4 executors need a device each, --devices names 3"),
        (ResizePlan(placement="2x1"), "has 2 logical workers, the job has 4 for all its life"),
    ],
)
def test_plans_that_a_job_cannot_have(plan: ResizePlan, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan.placed(4, 3)


@pytest.mark.parametrize("text", ["", "[]", '{"executors": "2"}', '{"executers": 2}', '{"placement": 2}'])
def test_files_that_are_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputError, match="expected"):
        read_plan(tmp_path / "plan.json")


def test_a_running_launcher_is_told(directory: JobDirectory) -> None:
    with pytest.raises(InputError, match="its launcher, process .* was killed"):
        resize("mine", executors=1)
    came: list[int] = []
    former = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    try:
        with directory.held():
            with pytest.raises(InputError, match="need a device each"):
                resize("mine", executors=4)
            assert not directory.plan_path.exists()
            _, plan = resize("mine", executors=1)
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert came == [signal.SIGUSR1]
    assert read_plan(directory.plan_path) == ResizePlan(1, None, plan)


def ended_with(directory: JobDirectory, asked: str, **changes: object) -> JobStatus:
    """What waiting for plan "a", for three executors, gives while the job is so."""
    directory.plan_path.write_text(f'{{"executors": 3, "id": "{asked}"}}')
    directory.write_status(replace(STATUS, **changes))
    return wait_until_resized(directory, "a")


def test_waiting_ends_with_what_came_of_it(directory: JobDirectory) -> None:
    with directory.held():
        assert ended_with(directory, "a", plan="a", placement="3:2+1+1").state is JobState.RUNNING
        done = {"plan": "a", "state": JobState.FINISHED}
        assert ended_with(directory, "a", **done, placement="3:2+1+1").has_ended
        with pytest.raises(NotResizedError, match="is finished, and was not resized before"):
            ended_with(directory, "a", **done)
        with pytest.raises(NotResizedError, match="another resize came after this one"):
            ended_with(directory, "b")
        with pytest.raises(InputError, match="no room"):
            ended_with(directory, "a", plan="a", plan_problem="no room")
    with pytest.raises(WorkerError, match="was killed"):
        ended_with(directory, "a", state=JobState.LEAVING)
