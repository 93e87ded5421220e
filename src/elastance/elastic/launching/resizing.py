"""Ask a running job to go on with other executors: a plan file, and a signal that says to read it."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from elastance.elastic.launching.job_directory import JobDirectory, JobState, JobStatus
from elastance.elastic.placement import Placement
from elastance.errors import InputError, NotResizedError, WorkerError
from elastance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_POLL_S = 0.05


@dataclass(frozen=True)
class ResizePlan:
    """What a running job is asked for; what ``plan.json`` holds. One of the first two.

    Attributes:
        executors: So many, as evenly loaded as can be; 0 saves the job and ends it.
        placement: Which executor hosts how many.
        id: Tells plans apart; None for one written by hand.
    """

    executors: int | None = None
    placement: str | None = None
    id: str | None = None

    def placed(self, workers: int, most_executors: int) -> Placement | None:
        """Return the placement it asks for; None if the job shall be saved and end.

        Raises:
            InputError: The job cannot have it.
        """
        if (self.executors is None) == (self.placement is None):
            raise InputError("a plan names executors or a placement, one of both")
        if self.placement is not None:
            placement = Placement.parse(self.placement)
        elif self.executors == 0:
            return None
        else:
            placement = Placement.even(workers, self.executors or 0)
        return check_placement(placement, workers, most_executors)


def check_placement(placement: Placement, workers: int, most_executors: int) -> Placement:
    """Return a placement that a job can have.

    Raises:
        InputError: It has another number of logical workers, or more executors than devices.
    """
    if placement.workers != workers:
        raise InputError(
            f"placement {placement} has {placement.workers} logical workers, the job has {workers} for all its life"
        )
    if placement.executors > most_executors:
        raise InputError(
            f"{placement.executors} executors need a device each, --devices names {most_executors}: "
            f"use at most {most_executors} executors"
        )
    return placement


def read_plan(path: Path) -> ResizePlan:
    """Read a plan file.

    Raises:
        InputError: It is missing, or no plan.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        executors, placement = document.get("executors"), document.get("placement")
        if not isinstance(executors, int | None) or not isinstance(placement, str | None):
            raise TypeError  # noqa: TRY301 (told with the others)
        plan = ResizePlan(**document)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError):
        raise InputError(
            f'{path}: expected {{"executors": 4}} or {{"placement": "3:2+1+1"}} and nothing else'
        ) from None
    return plan


def resize(
    job: str, *, executors: int | None = None, placement: str | None = None
) -> tuple[JobDirectory, str]:
    """Ask a running job to go on with other executors after its current global step.

    Args:
        job: Name, directory, directory of checkpoints, or process id of the launcher.
        executors: So many; 0 saves the job and ends it.
        placement: Which executor hosts how many, instead.

    Returns:
        Its directory, and the id of the plan, for `wait_until_resized`.

    Raises:
        InputError: There is no such job, it is not running, or it cannot have that.
    """
    directory = JobDirectory.find(job)
    status = directory.read_status()
    if status is None or status.has_ended or not directory.is_running():
        raise InputError(_not_running(directory, status))
    plan = ResizePlan(executors, placement, uuid.uuid4().hex)
    plan.placed(status.workers, status.most_executors)
    with replacing(directory.plan_path) as temporary:
        temporary.write_text(json.dumps(asdict(plan)) + "\n", "utf-8")
    try:
        os.kill(status.pid, signal.SIGUSR1)
    except OSError as error:
        raise InputError(
            f"job {status.name!r}: its launcher, process {status.pid}, cannot be told: {error.strerror}; ask as the "
            "user and in the container it runs in"
        ) from None
    assert plan.id is not None
    return directory, plan.id


def _not_running(directory: JobDirectory, status: JobStatus | None) -> str:
    name = directory.path.name
    if status is None:
        return f"job {name!r} is not running"
    if status.has_ended:
        return f"job {name!r} is not running: its state is {status.state.value!r}"
    return (
        f"job {name!r} is not running: its launcher, process {status.pid}, was killed; launched again, it goes on "
        "from its last checkpoint"
    )


def wait_until_resized(
    directory: JobDirectory, plan: str, tell: Callable[[JobStatus], None] = lambda _: None
) -> JobStatus:
    """Wait until the executors of a plan train, or the job is saved and has ended as the plan asks.

    Args:
        directory: Of the job.
        plan: Id of the plan.
        tell: Called with the status every now and then.

    Raises:
        InputError: The launcher refused the plan.
        NotResizedError: The job ended first, or somebody else's plan came after this one.
        WorkerError: The launcher was killed.
    """
    while True:
        alive = directory.is_running()  # before its last words
        status = directory.read_status()
        if status is None:
            raise WorkerError(f"{directory.status_path}: is gone")
        tell(status)
        asked = read_plan(directory.plan_path)
        if status.plan == plan and status.plan_problem is not None:
            raise InputError(status.plan_problem)
        if asked.id != plan:
            raise NotResizedError(f"job {status.name!r}: another resize came after this one")
        if status.plan == plan and _is_done(asked, status):
            return status
        if status.has_ended:
            raise NotResizedError(f"job {status.name!r} is {status.state.value}, and was not resized before")
        if not alive:
            raise WorkerError(_not_running(directory, status))
        time.sleep(_POLL_S)


def _is_done(plan: ResizePlan, status: JobStatus) -> bool:
    wanted = plan.placed(status.workers, status.most_executors)
    if wanted is None:
        return status.state is JobState.SUSPENDED
    ran = status.state is JobState.FINISHED and status.placement == str(wanted)
    return ran or status.state is JobState.RUNNING
