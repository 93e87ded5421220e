"""Between an executor and its launcher: how far it is, why it refused, and whether it shall leave.

Files in a directory of the run, not signals: a file can wait for an executor that has not imported PyTorch yet,
and nobody is interrupted within a step.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.elastic.launching.assignment import Assignment, Wishes
from elastance.errors import ElastanceError, InputError
from elastance.files import replacing
from elastance.train.data_parallel.joining import end_with_launcher, launcher_is_gone

if TYPE_CHECKING:
    from types import TracebackType

_STOP = "stop"
_PROGRESS = "progress"
_LINE_BYTES = 64


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        first_step: Global steps done when the run began.
        step: Global steps done.
        total_steps: Global steps of the whole job.
        suspended: Whether it was saved and left the loop in order to go on elsewhere.
    """

    first_step: int
    step: int
    total_steps: int
    suspended: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why an executor does not train.

    Attributes:
        message: One line.
        exit_status: What the command is to leave with.
    """

    message: str
    exit_status: int


class LauncherLink:
    """An executor's side; made by `under_launcher`.

    Args:
        directory: Of this run.
        executor: Number of this executor.
    """

    def __init__(self, directory: Path, executor: int) -> None:
        self._directory = directory
        self._executor = executor
        self._stop = directory / _STOP
        self._progress: int | None = None

    def tell(self, progress: Progress) -> None:
        """Say how far it is; the first executor speaks for all. In place: a step must not wait for a file system."""
        if self._executor:
            return
        if self._progress is None:
            if not self._directory.is_dir():  # the launcher was killed
                return
            self._progress = os.open(self._directory / _PROGRESS, os.O_WRONLY | os.O_CREAT, 0o600)
        numbers = (progress.first_step, progress.step, progress.total_steps, int(progress.suspended))
        text = " ".join(map(str, numbers)).ljust(_LINE_BYTES - 1) + "\n"
        os.pwrite(self._progress, text.encode(), 0)

    def stop_asked(self) -> bool:
        """Whether the executors shall save and leave after this step; the first one is asked for all."""
        return not self._executor and (self._stop.exists() or launcher_is_gone())

    def tell_refusal(self, error: ElastanceError) -> None:
        """Say why this executor does not train; the launcher says it once, for all."""
        if self._directory.is_dir():
            refusal = Refusal(str(error), error.exit_status)
            with replacing(self._directory / f"refusal-{self._executor}.json") as temporary:
                temporary.write_text(json.dumps(asdict(refusal)), "utf-8")


_link: LauncherLink | None = None


def under_launcher(wishes: Wishes) -> tuple[Wishes, LauncherLink | None]:
    """Return what holds for a script with these wishes, and the link to its launcher, if it has one.

    Raises:
        InputError: The script says otherwise than the launcher, or makes a second job.
    """
    global _link
    assignment = Assignment.given()
    if assignment is None:
        return wishes, None
    end_with_launcher()
    first = _link is None
    link = _link = _link or LauncherLink(Path(assignment.directory), int(os.environ.get("RANK", "0")))
    if first:
        _tell_uncaught(link)
    else:
        raise InputError(
            "prepare() was called twice: a launched script trains one job; launch a script for each"
        )
    return assignment.settle(wishes), link


def _tell_uncaught(link: LauncherLink) -> None:
    former = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:  # noqa: ANN401
        if isinstance(error, ElastanceError):
            link.tell_refusal(error)  # instead of one traceback per executor
        else:
            former(kind, error, trace)

    sys.excepthook = hook


def ask_to_stop(directory: Path) -> None:
    """Have the executors of a run save and leave after the current global step."""
    (directory / _STOP).touch()


def read_progress(directory: Path) -> Progress | None:
    """How far a run is; None if its executors have not met yet."""
    try:
        first, step, total, suspended = (directory / _PROGRESS).read_text("ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    return Progress(int(first), int(step), int(total), suspended == "1")


def read_refusal(directory: Path) -> Refusal | None:
    """Why an executor of a run does not train; None if none has said so."""
    found = sorted(directory.glob("refusal-*.json"))
    return Refusal(**json.loads(found[0].read_text("utf-8"))) if found else None
