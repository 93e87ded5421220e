"""Launch a job: be its only launcher, find its checkpoints, and see to it until it is done."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.elastic.launching.interruption import Interruption
from elastance.elastic.launching.job_directory import JobDirectory, JobState, JobStatus
from elastance.elastic.launching.resizing import check_placement
from elastance.elastic.launching.supervision import Supervision
from elastance.errors import InputError
from elastance.measure import EnergyMeter
from elastance.train.launching import check_command, check_torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.elastic.launching.report import LaunchReport
    from elastance.elastic.launching.settings import LaunchSettings


def launch(settings: LaunchSettings, tell: Callable[[str], None] = lambda _: None) -> LaunchReport:
    """Train a job until its script ends, it is suspended, or it cannot go on. For the main thread.

    Args:
        settings: The job.
        tell: Called with one line on whatever happens.

    Raises:
        MissingExtraError: PyTorch is not installed.
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
        InputError: The job is running already, its checkpoints are of another command, there are too few devices,
            or a directory cannot be used.
    """
    check_torch()
    check_command(settings.command)
    workers, devices = settings.placement.workers, settings.devices
    most = min(workers, len(devices)) if devices else workers
    check_placement(settings.placement, workers, most)
    directory = JobDirectory.named(settings.name)
    with ExitStack() as stack:
        stack.enter_context(directory.held())
        interruption = Interruption()
        stack.enter_context(interruption.noted())
        checkpoints = _checkpoints(settings, directory, tell)
        directory.plan_path.unlink(missing_ok=True)
        tell(f"job {settings.name!r}: {workers} logical workers, placement {settings.placement}")
        meter = stack.enter_context(EnergyMeter(devices, estimate_short=True)) if devices else None
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="elastance-")))
        status = JobStatus(
            name=settings.name,
            pid=os.getpid(),
            state=JobState.STARTING,
            command=settings.command,
            directory=str(Path.cwd()),
            workers=workers,
            placement=str(settings.placement),
            most_executors=most,
            executors=(),
            checkpoints=str(checkpoints),
        )
        return Supervision(settings, directory, status, interruption, meter, work, tell).until_done()


def _checkpoints(settings: LaunchSettings, directory: JobDirectory, tell: Callable[[str], None]) -> Path:
    """The directory of the checkpoints; made if need be.

    Raises:
        InputError: It cannot be made, or nobody named it and it holds checkpoints of another command.
    """
    path = settings.checkpoints or directory.own_checkpoints
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--checkpoints {path}: cannot be made: {error.strerror}") from None
    found = sorted(path.glob("step-*.checkpoint"))
    if not found:
        return path.resolve()
    former = directory.read_status()
    here = (settings.command, str(Path.cwd()))
    if settings.checkpoints is None and former is not None and here != (former.command, former.directory):
        raise InputError(
            f"job {settings.name!r} was left unfinished by another command, {' '.join(former.command)!r} in "
            f"{former.directory}: choose another --name, or give it up with rm -r {directory.path}"
        )
    step = int(found[-1].stem.removeprefix("step-"))
    tell(f"job {settings.name!r} goes on from its checkpoint after global step {step}")
    return path.resolve()
