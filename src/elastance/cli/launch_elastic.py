"""`elastance launch --workers`: logical workers on executors that come, go and crash."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from elastance.devices import Device
    from elastance.elastic import Placement
    from elastance.elastic.launching import JobStatus, LaunchReport

_DEFAULT_RESTARTS = 3
_WIDE_ENOUGH = 118


@dataclass(frozen=True)
class Asked:
    """The options of an elastic job, as they were given."""

    workers: int | None
    executors: int | None
    placement: str | None
    level: str | None
    checkpoints: Path | None
    checkpoint_every: int | None
    name: str | None
    max_restarts: int

    @property
    def is_elastic(self) -> bool:
        """Whether an elastic job is meant."""
        return self.workers is not None

    @property
    def options(self) -> list[str]:
        """The options that were given."""
        given = [name for name, value in vars(self).items() if value is not None and name != "max_restarts"]
        if self.max_restarts != _DEFAULT_RESTARTS:
            given.append("max_restarts")
        return [f"--{name.replace('_', '-')}" for name in given]


def launch(
    asked: Asked, command: list[str], devices: str | None, as_json: bool, output: Path | None
) -> NoReturn:
    """Train, say what it took, and leave with the job's status."""
    from elastance.cli.opening import opened_devices
    from elastance.cli.output import write_report
    from elastance.elastic import Level
    from elastance.elastic.launching import LaunchSettings
    from elastance.elastic.launching import launch as run
    from elastance.errors import UnknownNameError
    from elastance.train.launching import check_torch

    if asked.level not in (None, *Level):
        raise UnknownNameError("level", asked.level or "", [*Level])
    check_torch()
    # The output of the executors makes way for the document.
    with (
        redirect_stdout(sys.stderr) if as_json else nullcontext(),
        nullcontext(()) if devices is None else opened_devices(devices) as opened,
    ):
        gpus = _gpus(opened)
        settings = LaunchSettings(
            tuple(command),
            asked.name or _name(command),
            _placement(asked, gpus),
            None if asked.level is None else Level(asked.level),
            asked.checkpoints,
            asked.checkpoint_every,
            asked.max_restarts,
            gpus,
        )
        report = run(settings, _say)
    _print(report)
    is_written = write_report(report.to_json(), output, as_json)
    # Not typer.Exit: the statuses of an interrupted job are not those of an interrupted elastance.
    sys.exit(report.exit_status or (0 if is_written else 2))


def _gpus(devices: Sequence[Device]) -> tuple[Device, ...]:
    from elastance.devices import DeviceKind
    from elastance.errors import InputError

    gpus = tuple(device for device in devices if device.info.kind is DeviceKind.GPU)
    if devices and not gpus:
        raise InputError("--devices names no GPU: executors get one each; leave it out to train on the CPU")
    return gpus


def _placement(asked: Asked, gpus: Sequence[Device]) -> Placement:
    from elastance.elastic import Placement
    from elastance.errors import InputError

    assert asked.workers is not None
    if asked.placement is None:
        return Placement.even(asked.workers, asked.executors or min(len(gpus), asked.workers) or 1)
    placement = Placement.parse(asked.placement)
    if placement.workers != asked.workers:
        raise InputError(
            f"placement {placement} has {placement.workers} logical workers, expected {asked.workers} (--workers)"
        )
    if asked.executors not in (None, placement.executors):
        raise InputError(
            f"placement {placement} has {placement.executors} executors, expected {asked.executors} (--executors)"
        )
    return placement


def _name(command: Sequence[str]) -> str:
    """The script's name: of ``python train.py`` and of ``python -m train`` it is "train"."""
    script = next((part for part in command if part.endswith(".py")), command[0])
    if "-m" in command[:-1]:
        script = command[command.index("-m") + 1]
    return re.sub(r"[^\w.-]", "-", Path(script).name.removesuffix(".py")).lstrip("-._") or "job"


def _print(report: LaunchReport) -> None:
    """Say what the job took on standard error; standard output belongs to the script."""
    from rich.console import Console

    from elastance.cli.output import joules, seconds

    status = report.status
    if len(report.runs) > 1:
        width = None if sys.stderr.isatty() else _WIDE_ENOUGH
        Console(stderr=True, width=width, highlight=False, markup=False).print(_table(report))
    for index, (device, energy_j, time_s) in enumerate(report.of_executors()):
        info = device.device
        took = "no reading" if energy_j is None else joules(energy_j)
        _say(
            f"executor {index} on {info.name} ({info.id}): {took} in {seconds(time_s)}, "
            f"from {device.provenance.source.value}"
        )
    _say(
        f"job {status.name!r} {status.state.value}: {_steps(status)}, "
        f"{_counted(status.resizes, 'resize')}, {_counted(status.restarts, 'restart')}, {seconds(report.time_s)}"
        + ("" if report.energy_j is None else f", {joules(report.energy_j)}")
        + ("" if not report.of_executors() or report.complete else " (some without a reading)")
    )
    if report.problem is not None:
        _say(report.problem)


def _steps(status: JobStatus) -> str:
    if status.step is None:
        return "no global step was done"
    return f"{status.step} of {status.total_steps} global steps"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(report: LaunchReport) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from elastance.cli.output import joules, seconds

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("placement", "from step", "to step", "time", "energy", "ended"):
        table.add_column(column, justify="left" if column in ("placement", "ended") else "right")
    for run in report.runs:
        known = [one.energy_j for one in run.energy if one.energy_j is not None]
        table.add_row(
            run.placement,
            "-" if run.first_step is None else str(run.first_step),
            "-" if run.last_step is None else str(run.last_step),
            seconds(run.time_s),
            joules(sum(known) if known else None),
            run.ended,
        )
    return table


def _say(line: str) -> None:
    print(f"elastance: {' '.join(line.split())}", file=sys.stderr)
