"""One recurrence of a job: run after run, until one has reached the target (Zeus, NSDI'23, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import ConvergenceError, ElastanceError
from elastance.train.tuning.placeholders import command_for
from elastance.train.tuning.results import Dispatch, Result, Status
from elastance.train.tuning.run import Pace, make_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.devices import Device
    from elastance.train.tuning.job import TuningJob
    from elastance.train.tuning.store import TuningStore

RETRIES = 19
"""Further tries after the first; twenty in all, as published."""


class MadeRun(NamedTuple):
    """A run that has ended.

    Attributes:
        dispatch: What was chosen.
        result: What came of it.
    """

    dispatch: Dispatch
    result: Result


def run_recurrence(
    store: TuningStore,
    name: str,
    command: Sequence[str],
    devices: Sequence[Device],
    *,
    retries: int = RETRIES,
    pace: Pace | None = None,
    tell: Callable[[MadeRun], None] = lambda made: None,
) -> MadeRun:
    """Run a job until it has reached its target. For the main thread: it forwards signals.

    A run that misses is followed by another choice of the policy. The last try is the best batch size known, without
    a threshold. A script that fails at a batch size that never worked is tried at the best one known: if it fails
    there too the script is at fault, and nothing is learned. One that is interrupted ends the recurrence.

    Args:
        store: Where the job is.
        name: Its name.
        command: The script, with placeholders.
        devices: What to measure.
        retries: How many further tries there may be.
        pace: How the script is watched.
        tell: Called with every run that has ended.

    Returns:
        The last run.

    Raises:
        InputError: A placeholder is unknown, or the script told no result or a malformed one.
        ConvergenceError: The job has never reached its target and its default batch size, run to the end, missed it.
        DeviceError: None of the devices can be read, or the power limit cannot be set.
        DatabaseError: The database cannot be used.
    """
    job = store.job(name)
    # Refuses a command that cannot be completed before anything is chosen.
    command_for(job, command, Dispatch("", 0, 0, None, job.default_batch_size, None, None))
    recurrence: int | None = None
    doubtful: MadeRun | None = None
    try:
        for left in range(retries, -1, -1):
            last = left == 0 and retries > 0
            run = store.dispatch(
                name, recurrence, best_known=last or doubtful is not None, without_threshold=last
            )
            recurrence = run.recurrence
            made = MadeRun(run, make_run(store, job, run, command, devices, pace or Pace()))
            tell(made)
            if doubtful is not None:
                _report(store, doubtful, evidence=made.result.status in (Status.REACHED, Status.MISSED))
                doubtful = None
            elif left and _is_doubtful(made, job):
                doubtful = made
                continue
            _report(store, made)
            if made.result.status is not Status.MISSED or not left:
                return made
            _check_default(store, job, made)
    finally:
        if doubtful is not None:
            _report(store, doubtful, evidence=False)
    raise AssertionError("the last try returns")


def _is_doubtful(made: MadeRun, job: TuningJob) -> bool:
    """Whether a script failed, and that may be due to its batch size."""
    return made.result.status is Status.FAILED and made.dispatch.batch_size != job.default_batch_size


def _check_default(store: TuningStore, job: TuningJob, missed: MadeRun) -> None:
    """Refuse to go on if the default batch size cannot reach the target."""
    if missed.result.stopped or missed.dispatch.batch_size != job.default_batch_size:
        return
    if not store.ever_reached(job.name):
        raise ConvergenceError(
            f"batch size {job.default_batch_size}, the default, ended without reaching {job.target}: it has to be"
            " able to; give the job more epochs or an easier target"
        )


def _report(store: TuningStore, made: MadeRun, *, evidence: bool = True) -> None:
    try:
        store.report(made.dispatch.id, made.result, evidence=evidence)
    except ElastanceError:
        # What the policy cannot learn from is recorded all the same.
        store.report(made.dispatch.id, made.result, evidence=False)
        raise
