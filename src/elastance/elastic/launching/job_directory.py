"""The directory of a launched job: its status for whoever asks, its plan, its lock, and its checkpoints.

One per name below ``$ELASTANCE_STATE/jobs`` (else the user's state directory). The launcher holds the lock while it
lives, so that nobody mistakes a process that came later for it.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from elastance.errors import InputError, UnknownNameError
from elastance.files import replacing
from elastance.measure.limit_records import state_directory

if TYPE_CHECKING:
    from collections.abc import Generator

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LOCK_PATIENCE_S = 1.0  # whoever looks whether a job runs holds its lock for a moment


class JobState(StrEnum):
    """What a launched job is doing, or how it ended."""

    STARTING = "starting"
    """Its executors have not met yet."""
    RUNNING = "running"
    """It trains."""
    LEAVING = "leaving"
    """Its executors are asked to save and leave."""
    FINISHED = "finished"
    """The script has ended as it should."""
    FAILED = "failed"
    """It cannot go on."""
    SUSPENDED = "suspended"
    """It was saved in order to go on later."""
    INTERRUPTED = "interrupted"
    """A signal ended it."""


@dataclass(frozen=True)
class JobStatus:
    """How a launched job is; what ``job.json`` holds.

    Attributes:
        name: Name of the job.
        pid: Process id of the launcher.
        state: What it is doing, or how it ended.
        command: What is trained.
        directory: Where the launcher was started.
        workers: Logical workers.
        placement: Which executor hosts how many.
        most_executors: As many as it can be given.
        executors: Their process ids.
        checkpoints: Directory of the checkpoints, unless the script has its own.
        step: Global steps done; None before the executors have met.
        total_steps: Global steps of the whole job.
        restarts: After crashes.
        resizes: On request.
        plan: Id of the last plan that was looked at.
        plan_problem: Why it was refused; None if it was not.
    """

    name: str
    pid: int
    state: JobState
    command: tuple[str, ...]
    directory: str
    workers: int
    placement: str
    most_executors: int
    executors: tuple[int, ...]
    checkpoints: str
    step: int | None = None
    total_steps: int | None = None
    restarts: int = 0
    resizes: int = 0
    plan: str | None = None
    plan_problem: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the launcher has said that it is done."""
        return self.state not in (JobState.STARTING, JobState.RUNNING, JobState.LEAVING)

    def to_json(self) -> dict[str, Any]:
        """The status as a document."""
        return asdict(self)


@dataclass(frozen=True)
class JobDirectory:
    """Files of one job.

    Attributes:
        path: The directory.
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> JobDirectory:
        """The directory of a job, which need not exist.

        Raises:
            InputError: The name does not suit a directory.
        """
        if not _NAME.fullmatch(name):
            raise InputError(f"--name {name!r}: expected letters, digits, '.', '_' and '-'")
        return cls(_jobs() / name)

    @classmethod
    def find(cls, job: str) -> JobDirectory:
        """The directory of the job with this name, directory, directory of checkpoints, or launcher's process id.

        Raises:
            UnknownNameError: There is none.
        """
        here = cls(Path(job).resolve())
        if here.status_path.is_file():
            return here
        found = [cls(path.parent) for path in sorted(_jobs().glob("*/job.json"))]
        for one in found:
            status = one.read_status()
            if status is not None and (
                job in (status.name, str(status.pid)) or Path(status.checkpoints) == here.path
            ):
                return one
        raise UnknownNameError("job", job, [one.path.name for one in found])

    @property
    def status_path(self) -> Path:
        """Its status."""
        return self.path / "job.json"

    @property
    def plan_path(self) -> Path:
        """What it shall be resized to."""
        return self.path / "plan.json"

    @property
    def own_checkpoints(self) -> Path:
        """Where its checkpoints are unless somebody names another directory."""
        return self.path / "checkpoints"

    def read_status(self) -> JobStatus | None:
        """Its status; None if it has none, or one of another version."""
        try:
            document: dict[str, Any] = json.loads(self.status_path.read_text("utf-8"))
            document["state"] = JobState(document["state"])
            for name in ("command", "executors"):
                document[name] = tuple(document[name])
            return JobStatus(**document)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_status(self, status: JobStatus) -> None:
        """Replace its status as a whole."""
        with replacing(self.status_path) as temporary:
            temporary.write_text(json.dumps(status.to_json(), indent=1) + "\n", "utf-8")

    def is_running(self) -> bool:
        """Whether a launcher lives that trains it."""
        if not self.path.is_dir():
            return False
        lock = FileLock(self.path / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False

    @contextmanager
    def held(self) -> Generator[None]:
        """Be the only launcher of the job while the block runs.

        Raises:
            InputError: It is running already, or the directory cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / "lock", timeout=_LOCK_PATIENCE_S)
            lock.acquire()
        except Timeout:
            status = self.read_status()
            by = f" by process {status.pid}" if status is not None else ""
            raise InputError(
                f"job {self.path.name!r} is being trained already{by}: choose another --name"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror}); name another directory with $ELASTANCE_STATE"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _jobs() -> Path:
    return state_directory().parent / "jobs"
