"""One run of a recurring job: start the script, measure it, and say what came of it."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import InputError
from elastance.measure import EnergyMeter, power_limit
from elastance.policies import LimitMeasurement
from elastance.train.tuning.placeholders import command_for
from elastance.train.tuning.result_file import CHOSEN_LIMIT, RESULT, read_result
from elastance.train.tuning.results import Result, Status
from elastance.train.tuning.target import Target
from elastance.train.tuning.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Device
    from elastance.measure.measurement import Measurement
    from elastance.train.tuning.job import TuningJob
    from elastance.train.tuning.results import Dispatch
    from elastance.train.tuning.store import TuningStore

_INTERRUPTS = frozenset(
    {128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP, 128 + signal.SIGKILL}
)


class Pace(NamedTuple):
    """How a script is watched.

    Attributes:
        grace_s: How long one that is told to stop may take before SIGKILL, s.
        poll_s: Between two looks at its cost, s.
        beat_s: Between two signs of life, s.
    """

    grace_s: float = 30.0
    poll_s: float = 1.0
    beat_s: float = 30.0


def make_run(
    store: TuningStore,
    job: TuningJob,
    run: Dispatch,
    command: Sequence[str],
    devices: Sequence[Device],
    pace: Pace,
) -> Result:
    """Make a run that was dispatched; its result is yet to be reported, unless this raises.

    For the main thread: it forwards signals.

    Raises:
        InputError: The script told no result, or a malformed one.
        DeviceError: None of the devices can be read, or the power limit cannot be set.
        ElastanceError: There is no such program.
    """
    result = Result(Status.KILLED)  # whatever goes wrong from here on says nothing about the batch size
    try:
        with tempfile.TemporaryDirectory(prefix="elastance-") as directory, ExitStack() as held:
            file = Path(directory) / "result.json"
            if run.power_limit_w is not None and _differs(devices, run.power_limit_w):
                held.enter_context(power_limit(devices, run.power_limit_w))
            meter = held.enter_context(EnergyMeter(devices, estimate_short=True))
            watch = Watch(
                meter, job.problem.cost, run.threshold_j, lambda: store.heartbeat(run.id), **pace._asdict()
            )
            with meter.window("run") as window:
                status = watch.run(command_for(job, command, run), os.environ | _environment(job, run, file))
            assert window.measurement is not None
            result = _measured(window.measurement, status, stopped=watch.stopped)
            return _completed(result, job, file)
    except BaseException:
        store.report(run.id, result)
        raise


def _differs(devices: Sequence[Device], limit_w: int) -> bool:
    """Setting a limit takes a right, which is not needed where it is there already."""
    return any(abs(device.power_limits().current_w - limit_w) >= 0.5 for device in devices)


def _environment(job: TuningJob, run: Dispatch, file: Path) -> dict[str, str]:
    """What the script may want to know; the threshold is left out where there is none."""
    variables = {
        RESULT: str(file),
        "ELASTANCE_TUNE_RUN": run.id,
        "ELASTANCE_TUNE_BATCH_SIZE": str(run.batch_size),
        "ELASTANCE_TUNE_TARGET": job.target,
        "ELASTANCE_TUNE_MAX_EPOCHS": str(job.max_epochs),
        "ELASTANCE_TUNE_ETA": repr(job.eta),
        "ELASTANCE_TUNE_MAX_POWER_W": repr(job.max_power_w),
    }
    if run.power_limit_w is not None:
        variables[CHOSEN_LIMIT] = str(run.power_limit_w)
    if run.threshold_j is not None:
        variables["ELASTANCE_TUNE_COST_THRESHOLD_J"] = repr(run.threshold_j)
    return variables


def _measured(measurement: Measurement, status: int, *, stopped: bool) -> Result:
    """Return what is known before the script's own word is heard."""
    sources = {of.provenance.source.value for of in measurement.devices if of.energy_j is not None}
    return Result(
        Status.KILLED,
        measurement.energy_j,
        measurement.time_s,
        exit_status=status,
        source=",".join(sorted(sources)) or None,
        stopped=stopped,
    )


def _completed(result: Result, job: TuningJob, file: Path) -> Result:
    """Add what the script told.

    Raises:
        InputError: It told nothing, or something malformed.
    """
    said = read_result(file)
    status, stopped = result.exit_status, result.stopped
    if said is None and status == 0 and not stopped:
        raise InputError(
            "the script ended well but told no result: call elastance.train.report(metric=...), or write the file"
            f" that ${RESULT} names; see docs/tuning.md"
        )
    reached = False
    if said is not None:
        reached = bool(said.reached)
        if said.reached is None and said.metric is not None:
            reached = Target.parse(job.target).reached(said.metric)
        profile = tuple(LimitMeasurement(*at.model_dump().values()) for at in said.power_profile)
        result = result._replace(epochs=said.epochs, profile=profile)
    if stopped or status == 0:
        return result._replace(status=Status.REACHED if reached else Status.MISSED)
    return result._replace(status=Status.KILLED if status in _INTERRUPTS else Status.FAILED)
