"""`elastance certify`: does a script give the bits of DDP, wherever its logical workers run?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.elastic import Placement
    from elastance.elastic.certification import Certificate, RunOutcome

_Command = Annotated[
    list[str],
    typer.Argument(
        metavar="[--] COMMAND...",
        help="A script that calls elastance.elastic.prepare, and how to run it.",
        show_default=False,
    ),
]
_Workers = Annotated[int, typer.Option(help="Logical workers of the script.", min=1)]
_Placements = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Executors x logical workers each, or 3:2+1+1 for three uneven ones; separated by commas.",
        show_default="one, two and WORKERS executors",
    ),
]
_LevelName = Annotated[str, typer.Option(metavar="none|D0|D1|D2", help="The level to run at.")]
_Steps = Annotated[int, typer.Option(help="Global steps to compare at most.", min=1)]
_Threads = Annotated[
    int, typer.Option(help="Intra-op threads of each process, unless the script sets them.", min=1)
]
_DeviceTypes = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="Types of processor that executors stand in for, in turn: cpu, cpu-avx2, cpu-sse.",
    ),
]
_Output = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write certificate.json to this existing directory.")
]


def certify(
    command: _Command,
    workers: _Workers = 4,
    placements: _Placements = None,
    level: _LevelName = "D1",
    steps: _Steps = 50,
    threads: _Threads = 1,
    device_types: _DeviceTypes = "cpu",
    as_json: options.Json = False,
    output: _Output = None,
) -> None:
    """Does a script give the bits of DDP, wherever its logical workers run?

    Runs it under unmodified DDP with one process per logical worker, then under each placement, and compares
    the sha256 of every parameter, buffer and tensor of the optimizer after every step, on every executor. The
    script is stopped after its last compared step; checkpoints are neither read nor written.

    \b
    Examples:
      elastance certify --workers 4 -- python train.py
      elastance certify --workers 4 --placements 4x1,2x2,1x4,3:2+1+1 --output . -- python train.py
      elastance certify --workers 4 --level D2 --device-types cpu,cpu-sse -- python train.py
      elastance certify --workers 4 --level none -- python train.py      (differs: nothing is promised)

    Exit status: 0 no bit differs, 1 some do, 2 bad input or a process failed.
    """  # noqa: D301
    from elastance.cli.output import print_json, waiting, write_json
    from elastance.elastic import Level
    from elastance.elastic.certification import certify as run
    from elastance.errors import InputError, UnknownNameError
    from elastance.files import check_writable
    from elastance.train.launching import InterruptedJob, check_command, check_torch

    if level not in [*Level]:
        raise UnknownNameError("level", level, [*Level])
    chosen = _placements(workers, placements)
    for placement in chosen:
        if placement.workers != workers:
            raise InputError(
                f"placement {placement} has {placement.workers} logical workers, expected {workers} (--workers)"
            )
    if output is not None:
        check_writable(output / "certificate.json")
    check_torch()
    check_command(command)
    try:
        with waiting("certifying") as tell:
            certificate = run(
                command,
                chosen,
                Level(level),
                steps,
                threads=threads,
                device_types=device_types.split(","),
                tell=tell,
            )
    except InterruptedJob as stop:
        print("elastance: interrupted; no certificate was written", file=sys.stderr)
        sys.exit(128 + stop.number)
    document = certificate.to_json()
    if output is not None:
        write_json(output / "certificate.json", document)
    if as_json:
        print_json(document)
    else:
        _print(certificate)
    sys.exit(0 if certificate.equal else 1)


def _placements(workers: int, text: str | None) -> list[Placement]:
    from elastance.elastic import Placement

    if text is None:
        return [Placement.even(workers, executors) for executors in sorted({1, min(2, workers), workers})]
    return [Placement.parse(part) for part in text.split(",")]


def _print(certificate: Certificate) -> None:
    from rich.table import Table

    from elastance.cli.output import console, say

    table = Table(box=None)
    for name in ("run", "steps", "bits", "step", "memory", "sent per step"):
        table.add_column(name, justify="left" if name in ("run", "bits") else "right")
    reference = certificate.reference
    table.add_row(f"DDP, {certificate.workers} processes", str(reference.steps), "", *_price(reference), "")
    for run in certificate.runs:
        table.add_row(
            run.placement,
            str(run.steps),
            _bits(run),
            *_price(run),
            f"{run.sent_bytes_per_step / 1e6:.3g} MB",
        )
    console().print(table)
    say(
        f"level {certificate.level}: no bit differs from DDP"
        if certificate.equal
        else f"level {certificate.level}: bits differ from DDP"
    )
    where = certificate.environment
    say(f"on {where['processor']}, PyTorch {where['torch']}, {where['threads']} thread(s) per process")


def _bits(run: RunOutcome) -> str:
    if run.difference is None:
        return "equal"
    return f"differ from step {run.difference.step} on (executor {run.difference.executor}: {run.difference.tensor})"


def _price(run: RunOutcome) -> tuple[str, str]:
    return f"{run.step_time_s * 1000:.3g} ms", f"{run.peak_memory_bytes / 1e6:.0f} MB"
