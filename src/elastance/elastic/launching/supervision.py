"""Start executors until a job is done: others when it is resized, anew when one crashes."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from elastance.elastic.launching.assignment import Assignment
from elastance.elastic.launching.job_directory import JobState, JobStatus
from elastance.elastic.launching.link import ask_to_stop, read_progress, read_refusal
from elastance.elastic.launching.report import LaunchReport, Run
from elastance.elastic.launching.resizing import read_plan
from elastance.elastic.launching.restarts import Crash, reason_to_give_up
from elastance.elastic.numerics import environment
from elastance.errors import InputError
from elastance.train.data_parallel.joining import LAUNCHER
from elastance.train.launching import InterruptedJob, RankProcess, started_ranks
from elastance.train.launching.environment import visible_device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elastance.elastic.launching.interruption import Interruption
    from elastance.elastic.launching.job_directory import JobDirectory
    from elastance.elastic.launching.link import Progress
    from elastance.elastic.launching.settings import LaunchSettings
    from elastance.elastic.placement import Placement
    from elastance.measure import EnergyMeter
    from elastance.measure.meter import Window
    from elastance.train.launching import JobEnd
    from elastance.train.launching.rank_processes import RunningRanks

STOPPED_STATUS = 75
"""Exit status of executors that saved and left, and of a job that was suspended."""

_STATUS_EVERY_S = 0.5
_GRACE_S = 30.0
"""How long executors may take to save after a signal, before they are ended."""


class Supervision:
    """A job on its way.

    Args:
        settings: What it is launched with.
        directory: Its directory, held by this process.
        status: As it begins.
        interruption: What signals ask for.
        meter: Measures the devices; None if there are none.
        work: A directory for what lives no longer than the launcher.
        tell: Called with one line on whatever happens.
    """

    def __init__(
        self,
        settings: LaunchSettings,
        directory: JobDirectory,
        status: JobStatus,
        interruption: Interruption,
        meter: EnergyMeter | None,
        work: Path,
        tell: Callable[[str], None],
    ) -> None:
        self._settings, self._directory, self._status = settings, directory, status
        self._interruption, self._meter, self._work, self._tell = interruption, meter, work, tell
        self._wanted: Placement | None = settings.placement  # None: save and end
        self._stop_asked = False
        self._end_by_s: float | None = None
        self._told_s = 0.0
        self._runs: list[Run] = []
        self._crashes: list[Crash] = []

    def until_done(self) -> LaunchReport:
        """Run after run."""
        while (report := self._after(*self._run())) is None:
            pass
        return report

    def _run(self) -> tuple[JobEnd | None, Progress | None, Path]:
        """Start executors, and wait until they have ended; without an end if a signal ended them."""
        assert self._wanted is not None
        placement, directory = self._wanted, self._work / f"run-{len(self._runs)}"
        directory.mkdir()
        logs = directory / "logs"
        logs.mkdir()
        self._stop_asked = False
        self._say(replace(self._status, state=JobState.STARTING, placement=str(placement), executors=()))
        begun_s, end = time.monotonic(), None
        with ExitStack() as stack:
            window: Window | None = None
            if self._meter is not None:
                window = stack.enter_context(self._meter.window("run"))
            try:
                ranks = self._executors(placement, directory)
                with (
                    started_ranks(self._settings.command, ranks, logs) as running,
                    self._interruption.noted_before(),
                ):
                    end = running.until_ended(lambda: self._look(running, directory), leaving=STOPPED_STATUS)
            except InterruptedJob as stop:
                self._interruption.number = self._interruption.number or stop.number
        progress = read_progress(directory)
        measured = () if window is None or window.measurement is None else window.measurement.devices
        self._runs.append(
            Run(
                str(placement),
                progress.first_step if progress else None,
                progress.step if progress else None,
                time.monotonic() - begun_s,
                "finished",
                tuple(measured[: placement.executors]),
            )
        )
        return end, progress, directory

    def _executors(self, placement: Placement, directory: Path) -> list[RankProcess]:
        """How each executor is started. Their number of threads must not depend on how many they are."""
        settings, status = self._settings, self._status
        assignment = Assignment(
            settings.name,
            str(directory),
            placement.workers,
            str(placement),
            None if settings.level is None else str(settings.level),
            status.checkpoints,
            settings.checkpoints is not None,
            settings.checkpoint_every,
        )
        variables = {
            "ELASTANCE_JOB": str(self._directory.path),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "TORCHELASTIC_RESTART_COUNT": str(status.restarts),
            LAUNCHER: str(os.getpid()),
            **({} if settings.level is None else environment(settings.level)),
            **assignment.environment(),
        }
        devices = settings.devices or [None] * placement.executors
        return [
            RankProcess(f"executor {index}", variables | ({} if device is None else visible_device(device)))
            for index, device in zip(range(placement.executors), devices, strict=False)
        ]

    def _look(self, running: RunningRanks, directory: Path) -> None:
        """What is done every now and then while executors train."""
        progress = read_progress(directory)
        if self._interruption.number is not None:
            self._save_before_the_end(progress, directory)
        elif self._interruption.plan_came:
            self._interruption.plan_came = False
            self._take_plan(directory)
        state = JobState.STARTING if progress is None else JobState.RUNNING
        state = JobState.LEAVING if self._stop_asked else state
        if state != self._status.state or time.monotonic() - self._told_s > _STATUS_EVERY_S:
            step = self._status.step if progress is None else progress.step
            total = self._status.total_steps if progress is None else progress.total_steps
            self._say(
                replace(self._status, state=state, step=step, total_steps=total, executors=running.pids)
            )

    def _save_before_the_end(self, progress: Progress | None, directory: Path) -> None:
        number = self._interruption.number or 0
        if progress is None:  # there is nothing to be saved
            raise InterruptedJob(number)
        if self._end_by_s is None:
            self._end_by_s = time.monotonic() + _GRACE_S
            self._ask_to_stop(directory)
            self._tell("saves a checkpoint after this global step and ends; once more ends it at once")
        elif time.monotonic() > self._end_by_s:
            self._tell(f"no checkpoint within {_GRACE_S:g} s: the executors are ended")
            raise InterruptedJob(number)

    def _take_plan(self, directory: Path) -> None:
        """Read the plan, and ask the executors to leave if it is not what there is."""
        status, identity = self._status, None
        try:
            plan = read_plan(self._directory.plan_path)
            identity = plan.id
            placement = plan.placed(status.workers, status.most_executors)
        except InputError as error:
            self._tell(f"not resized: {error}")
            self._say(replace(status, plan=identity, plan_problem=str(error)))
            return
        self._wanted = placement
        if str(placement) != status.placement and not self._stop_asked:
            self._ask_to_stop(directory)
        state = JobState.LEAVING if self._stop_asked else status.state
        self._say(replace(status, state=state, plan=identity, plan_problem=None))

    def _ask_to_stop(self, directory: Path) -> None:
        self._stop_asked = True
        ask_to_stop(directory)

    def _after(self, end: JobEnd | None, progress: Progress | None, directory: Path) -> LaunchReport | None:
        """Judge a run that has ended; None if another one is to follow."""
        if progress is not None:
            self._status = replace(self._status, step=progress.step, total_steps=progress.total_steps)
        refusal = read_refusal(directory)
        suspended = progress is not None and progress.suspended
        if end is None or (self._interruption.number is not None and (suspended or end.failure is not None)):
            return self._after_signal(suspended)
        if refusal is not None:
            return self._end("refused", JobState.FAILED, refusal.exit_status, refusal.message)
        if suspended:
            return self._after_leaving()
        if end.failure is not None:
            return self._after_crash(Crash(end.failure, None if progress is None else progress.step))
        if progress is None:
            problem = "the script made no job with elastance.elastic.prepare"
            return self._end("refused", JobState.FAILED, 2, problem)
        if self._settings.checkpoints is None:
            for path in self._directory.own_checkpoints.glob("step-*.checkpoint"):
                path.unlink(missing_ok=True)  # else the next job of this name would have nothing left to do
        return self._end("finished", JobState.FINISHED, 0)

    def _after_signal(self, suspended: bool) -> LaunchReport:
        number = self._interruption.number or 0
        saved = "" if suspended else "; no checkpoint was made at the end"
        return self._end("interrupted", JobState.INTERRUPTED, 128 + number, f"interrupted{saved}")

    def _after_leaving(self) -> LaunchReport | None:
        step = self._status.step
        if not self._stop_asked or self._wanted is None:
            by = "" if self._stop_asked else " by the script"
            return self._end(
                "suspended",
                JobState.SUSPENDED,
                STOPPED_STATUS,
                f"suspended{by} after global step {step}; the same command goes on from there",
            )
        self._end_run("resized")
        self._status = replace(self._status, resizes=self._status.resizes + 1)
        self._tell(f"resized from {self._runs[-1].placement} to {self._wanted} after global step {step}")
        return None

    def _after_crash(self, crash: Crash) -> LaunchReport | None:
        self._crashes.append(crash)
        if self._wanted is None:
            problem = f"{crash.describes}; suspended at its last checkpoint"
            return self._end("crashed", JobState.SUSPENDED, STOPPED_STATUS, problem)
        reason = reason_to_give_up(self._crashes, self._settings.max_restarts)
        if reason is not None:
            return self._end(
                "crashed", JobState.FAILED, crash.failure.exit_status, f"{crash.describes}; {reason}"
            )
        self._end_run("crashed")
        self._status = replace(self._status, restarts=self._status.restarts + 1)
        self._tell(
            f"{crash.describes}; restart {self._status.restarts} of {self._settings.max_restarts} "
            "from the last checkpoint"
        )
        return None

    def _end(self, how: str, state: JobState, exit_status: int, problem: str | None = None) -> LaunchReport:
        self._end_run(how)
        self._say(replace(self._status, state=state, executors=()))
        level = self._settings.level
        return LaunchReport(
            self._status, None if level is None else str(level), tuple(self._runs), exit_status, problem
        )

    def _end_run(self, how: str) -> None:
        self._runs[-1] = replace(self._runs[-1], ended=how)

    def _say(self, status: JobStatus) -> None:
        self._status, self._told_s = status, time.monotonic()
        self._directory.write_status(status)
