"""One run of a recurring job: choose, start the script, measure it, stop it at the threshold, report."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError
from elastance.measure import EnergyMeter, power_limit
from elastance.measure.child import run_child
from elastance.policies import LimitMeasurement
from elastance.train.tuning.job import Target, fill_command
from elastance.train.tuning.result_file import RESULT, read_result
from elastance.train.tuning.store import Dispatch, Result, Status, TuningStore

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from elastance.devices import Device
    from elastance.measure.measurement import Measurement
    from elastance.train.tuning.job import TuningJob

_logger = logging.getLogger(__name__)

_POLL_S = 1.0
_HEARTBEAT_S = 30.0
_INTERRUPTS = frozenset(
    {128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP, 128 + signal.SIGKILL}
)


class TuneRun(NamedTuple):
    """A run that has ended.

    Attributes:
        dispatch: What was chosen.
        result: What was recorded.
        exit_status: Of the script; 128 + n if signal n killed it.
        stopped: Whether it was stopped at the threshold.
    """

    dispatch: Dispatch
    result: Result
    exit_status: int
    stopped: bool


def run_once(
    store: TuningStore, name: str, command: Sequence[str], devices: Sequence[Device], *, grace_s: float = 30.0
) -> TuneRun:
    """Make one run of a job. For the main thread: it forwards signals.

    Args:
        store: Where the job is.
        name: Its name.
        command: The script, with placeholders.
        devices: What to measure.
        grace_s: How long a script that is stopped with SIGTERM may take before SIGKILL, s.

    Raises:
        InputError: A placeholder is unknown, there is no such program, or the script's result file is malformed.
        DeviceError: None of the devices can be read, or the power limit cannot be set.
    """
    job = store.job(name)
    _placed(
        job, command, Dispatch("", 0, job.default_batch_size, None, None)
    )  # refuse before anything is chosen
    run = store.dispatch(name)
    result = Result(Status.KILLED)  # whatever goes wrong from here on says nothing about the batch size
    try:
        with tempfile.TemporaryDirectory(prefix="elastance-") as directory, ExitStack() as held:
            file = Path(directory) / "result.json"
            if run.power_limit_w is not None and len(job.power_limits_w) > 1:
                held.enter_context(power_limit(devices, run.power_limit_w))
            meter = held.enter_context(EnergyMeter(devices, estimate_short=True))
            watch = _Watch(store, job, run, meter, grace_s)
            with meter.window("run") as window:
                status = watch.over(_placed(job, command, run), os.environ | _environment(job, run, file))
            assert window.measurement is not None
            result = _result(job, file, window.measurement, status, stopped=watch.stopped)
    finally:
        store.report(run.id, result)
    return TuneRun(run, result, status, watch.stopped)


class _Watch:
    """Looks after a script while it runs: its cost so far, and that others know it is alive."""

    def __init__(
        self, store: TuningStore, job: TuningJob, run: Dispatch, meter: EnergyMeter, grace_s: float
    ) -> None:
        self._store, self._job, self._run, self._meter, self._grace_s = store, job, run, meter, grace_s
        self._over = threading.Event()
        self.stopped = False

    def over(self, command: Sequence[str], environment: dict[str, str]) -> int:
        """Run a command under watch and return its exit status."""
        threads: list[threading.Thread] = []

        def started(child: subprocess.Popen[bytes]) -> None:
            threads.extend(
                (
                    threading.Thread(target=self._beat, daemon=True),
                    threading.Thread(target=self._stop_at_threshold, args=(child,), daemon=True),
                )
            )
            for thread in threads:
                thread.start()

        try:
            return run_child(command, environment, started)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _beat(self) -> None:
        while not self._over.wait(_HEARTBEAT_S):
            try:
                self._store.heartbeat(self._run.id)
            except Exception as error:
                _logger.warning("the run could not be shown to be alive: %s", error)

    def _stop_at_threshold(self, child: subprocess.Popen[bytes]) -> None:
        if self._run.threshold_j is None:
            return
        energy_j = time_s = 0.0
        while not self._over.is_set():
            with self._meter.window("poll") as window:
                self._over.wait(_POLL_S)
            if window.measurement is not None:
                energy_j += window.measurement.energy_j or 0.0
                time_s += window.measurement.time_s
            if self._job.problem.cost.of_run(energy_j, time_s) > self._run.threshold_j:
                break
        if self._over.is_set():
            return
        self.stopped = True
        child.terminate()
        if not self._over.wait(self._grace_s):
            child.kill()


def _placed(job: TuningJob, command: Sequence[str], run: Dispatch) -> list[str]:
    size = run.batch_size
    rate = job.scaled_learning_rate(size)
    values: dict[str, object] = {
        "batch_size": size,
        "bs": size,
        "lr": rate,
        "learning_rate": rate,
        "seed": job.seed + run.trial,
        "epochs": job.max_epochs,
        "slice_number": run.trial + 1,
        "target_metric": Target.parse(job.target).value,
    }
    return fill_command(command, values)


def _environment(job: TuningJob, run: Dispatch, file: Path) -> dict[str, str]:
    """What the script may want to know; the threshold is left out where there is none."""
    variables = {
        RESULT: str(file),
        "ELASTANCE_TUNE_TRIAL": run.id,
        "ELASTANCE_TUNE_BATCH_SIZE": str(run.batch_size),
        "ELASTANCE_TUNE_TARGET": job.target,
        "ELASTANCE_TUNE_MAX_EPOCHS": str(job.max_epochs),
        "ELASTANCE_TUNE_ETA": repr(job.eta),
        "ELASTANCE_TUNE_MAX_POWER_W": repr(job.max_power_w),
    }
    if run.threshold_j is not None:
        variables["ELASTANCE_TUNE_COST_THRESHOLD_J"] = repr(run.threshold_j)
    return variables


def _result(job: TuningJob, file: Path, measured: Measurement, status: int, *, stopped: bool) -> Result:
    said = read_result(file)
    reached = False
    if said is not None:
        reached = bool(said.reached)
        if said.reached is None and said.metric is not None:
            reached = Target.parse(job.target).reached(said.metric)
    if status == 0 and said is None and not stopped:
        raise InputError(
            f"the script ended well but told no result: it has to write ${RESULT}; see docs/tuning.md"
        )
    if reached and (status == 0 or stopped):
        became = Status.REACHED
    elif stopped or status == 0:
        became = Status.MISSED
    else:
        became = Status.KILLED if status in _INTERRUPTS else Status.FAILED
    profile = (
        [] if said is None else [LimitMeasurement(*at.model_dump().values()) for at in said.power_profile]
    )
    sources = sorted({of.provenance.source.value for of in measured.devices if of.energy_j is not None})
    epochs = None if said is None else said.epochs
    return Result(
        became, measured.energy_j, measured.time_s, epochs, status, ",".join(sources) or None, profile
    )
