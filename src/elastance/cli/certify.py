"""`elastance certify`: does a script give the bits of DDP, wherever its logical workers run?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.elastic import Level, Placement
    from elastance.elastic.certificate import Certificate

_FILES = ("certificate.json", "certificate.html")

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
_Levels = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Levels whose price to measure beside stock DDP, e.g. none,D0,D1,D2: a run of the script each.",
        show_default="no prices",
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write certificate.json and certificate.html to this existing directory."
    ),
]


def certify(
    command: _Command,
    workers: _Workers = 4,
    placements: _Placements = None,
    level: _LevelName = "D1",
    steps: _Steps = 50,
    levels: _Levels = None,
    threads: _Threads = 1,
    device_types: _DeviceTypes = "cpu",
    as_json: options.Json = False,
    output: _Output = None,
) -> None:
    """Does a script give the bits of DDP, wherever its logical workers run?

    Runs it under unmodified DDP with one process per logical worker, then under each placement, and compares
    the sha256 of every parameter, buffer and tensor of the optimizer after every step, on every executor. The
    script is stopped after its last compared step; checkpoints are neither read nor written. The first steps of
    DDP are run twice: a script that does not repeat itself is refused. Also says which operators depend on
    kernels that vendors tune (they make D2 expensive) and, with --levels, what each level costs.

    \b
    Examples:
      elastance certify --workers 4 -- python train.py
      elastance certify --workers 4 --placements 4x1,2x2,1x4,3:2+1+1 --output . -- python train.py
      elastance certify --workers 4 --levels none,D0,D1,D2 --output . -- python train.py
      elastance certify --workers 4 --level D2 --device-types cpu,cpu-sse -- python train.py
      elastance certify --workers 4 --level none -- python train.py      (differs: nothing is promised)

    Exit status: 0 no bit differs, 1 some do, 2 bad input or a process failed.
    """  # noqa: D301
    from elastance.cli.certify_tables import show_certificate
    from elastance.cli.output import print_json, waiting
    from elastance.elastic.certification import certify as run
    from elastance.files import check_writable
    from elastance.train.launching import InterruptedJob, check_command, check_torch

    chosen_level = _level(level)
    priced = [_level(name) for name in levels.split(",")] if levels is not None else []
    chosen = _placements(workers, placements)
    if output is not None:
        for name in _FILES:
            check_writable(output / name)
    check_torch()
    check_command(command)
    try:
        with waiting("certifying") as tell:
            certificate = run(
                command,
                chosen,
                chosen_level,
                steps,
                threads=threads,
                device_types=device_types.split(","),
                levels=priced,
                tell=tell,
            )
    except InterruptedJob as stop:
        print("elastance: interrupted; no certificate was written", file=sys.stderr)
        sys.exit(128 + stop.number)
    again = ["elastance", *sys.argv[1:]]
    document = certificate.to_json() | {"command_line": shlex.join(again)}
    if output is not None:
        _write(output, certificate, document, again)
    if as_json:
        print_json(document)
    else:
        show_certificate(certificate, None if output is None else output / _FILES[1])
    sys.exit(0 if certificate.equal else 1)


def _write(output: Path, certificate: Certificate, document: dict[str, Any], again: list[str]) -> None:
    from elastance.cli.output import write_json
    from elastance.figures.certificate_page import certificate_page
    from elastance.files import replacing

    page = certificate_page(certificate, again)
    write_json(output / _FILES[0], document)
    with replacing(output / _FILES[1]) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _level(name: str) -> Level:
    from elastance.elastic import Level
    from elastance.errors import UnknownNameError

    if name not in [*Level]:
        raise UnknownNameError("level", name, [*Level])
    return Level(name)


def _placements(workers: int, text: str | None) -> list[Placement]:
    from elastance.elastic import Placement
    from elastance.errors import InputError

    if text is None:
        return [Placement.even(workers, executors) for executors in sorted({1, min(2, workers), workers})]
    chosen = [Placement.parse(part) for part in text.split(",")]
    for placement in chosen:
        if placement.workers != workers:
            raise InputError(
                f"placement {placement} has {placement.workers} logical workers, expected {workers} (--workers)"
            )
    return chosen
