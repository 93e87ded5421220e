"""The runs of a job as a train trace and a power trace, which the simulator reads."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError
from elastance.files import replacing
from elastance.traces.schema import POWER, TRAIN
from elastance.traces.sources import POWER_STEM, TRAIN_STEM
from elastance.train.tuning.results import Status
from elastance.train.tuning.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.train.tuning.job import TuningJob


def write_traces(directory: Path, gpu: str, job: TuningJob, history: Sequence[dict[str, Any]]) -> None:
    """Write a train trace and a power trace into a directory, which is made if need be.

    Args:
        directory: What ``--traces`` names then.
        gpu: What to call the GPU.
        job: The job.
        history: Its runs.

    Raises:
        InputError: No run tells its epochs, or the files cannot be written.
    """
    train, power = traces_of(job, history)
    if not train:
        raise InputError(f"job {job.name} has no run yet that told its epochs: nothing to export")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be created: {error.strerror}") from None
    tables = ((TRAIN_STEM, TRAIN, train), (f"{POWER_STEM}{gpu}", POWER, power))
    for stem, schema, rows in tables:
        with (
            replacing(directory / f"{stem}.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([list(schema.columns), *rows])


def traces_of(
    job: TuningJob, history: Sequence[dict[str, Any]]
) -> tuple[list[list[object]], list[list[object]]]:
    """Return the rows of a train trace and of a power trace.

    Only runs that tell their epochs count, and of those that missed only those that ran to their end: what a run that
    was stopped early would have needed is not known. Per batch size and limit, time and power are means weighted by
    epochs; a run whose limit was left alone stands under the largest.
    """
    train: list[list[object]] = []
    totals: dict[tuple[int, int], list[float]] = {}
    repeats: dict[int, int] = {}
    optimizer = job.problem.job.optimizer
    for run in history:
        if run["status"] not in (Status.REACHED, Status.MISSED) or not run["epochs"] or not run["energy_j"]:
            continue
        size, reached = run["batch_size"], run["status"] == Status.REACHED
        if reached or run["epochs"] >= job.max_epochs:
            repeats[size] = repeats.get(size, 0) + 1
            rate = job.scaled_learning_rate(size) or 1.0
            target_epoch = run["epochs"] if reached else ""
            target = Target.parse(job.target).value
            train.append([job.name, "script", size, optimizer, rate, repeats[size], target, target_epoch])
        total = totals.setdefault((size, run["power_limit_w"] or job.power_limits_w[-1]), [0.0, 0.0, 0.0])
        for position, value in enumerate((run["epochs"], run["time_s"], run["energy_j"])):
            total[position] += value
    known = set(repeats)
    power = [_power_row(job, at, total) for at, total in sorted(totals.items()) if at[0] in known]
    return train, power


def _power_row(job: TuningJob, at: tuple[int, int], total: Sequence[float]) -> list[object]:
    epochs, time_s, energy_j = total
    return [
        job.name, "script", at[0], job.problem.job.optimizer, at[1], time_s / epochs, energy_j / time_s,
    ]  # fmt: skip
