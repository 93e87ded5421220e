"""`elastance launch`: train on unlike GPUs by a plan, or with logical workers on any number of executors."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.cli.launch_elastic import Asked
    from elastance.train.launching import FinishedJob, LaunchPlan

_Command = Annotated[
    list[str],
    typer.Argument(metavar="[--] COMMAND...", help="Started once per GPU or executor.", show_default=False),
]
_Plan = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="By a plan: what `elastance split --output` wrote.",
        show_default=False,
    ),
]
_Port = Annotated[
    int,
    typer.Option(help="By a plan: where ranks meet on this machine; 0 = any free port.", min=0, max=65535),
]
_KeepLimits = Annotated[
    bool,
    typer.Option(
        "--keep-limits", help="By a plan: leave power limits as they are; for users without the right."
    ),
]
_Workers = Annotated[
    int | None,
    typer.Option(help="Elastic: logical workers, N; never changes.", min=1, show_default=False),
]
_Executors = Annotated[
    int | None,
    typer.Option(
        help="Elastic: processes that host them.",
        min=1,
        show_default="one per device, or 1 without --devices",
    ),
]
_Placement = Annotated[
    str | None,
    typer.Option(
        metavar="AxB|A:b+b", help="Elastic: who hosts how many, as in 2x2 or 3:2+1+1.", show_default="even"
    ),
]
_LevelName = Annotated[
    str | None,
    typer.Option(
        metavar="none|D0|D1|D2", help="Elastic: what is promised.", show_default="the script's, or D1"
    ),
]
_Checkpoints = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Elastic: where checkpoints are kept; made if need be.",
        show_default="the script's, or the job's own directory",
    ),
]
_CheckpointEvery = Annotated[
    int | None,
    typer.Option(
        help="Elastic: global steps between checkpoints, for crashes.",
        min=1,
        show_default="the script's, or none",
    ),
]
_Name = Annotated[
    str | None, typer.Option(help="Elastic: name of the job, for `resize`.", show_default="the script's")
]
_MaxRestarts = Annotated[int, typer.Option(help="Elastic: restarts after crashes at most.", min=0)]


_Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report to this JSON file.")]


def launch(
    command: _Command,
    plan: _Plan = None,
    keep_limits: _KeepLimits = False,
    master_port: _Port = 0,
    workers: _Workers = None,
    executors: _Executors = None,
    placement: _Placement = None,
    level: _LevelName = None,
    checkpoints: _Checkpoints = None,
    checkpoint_every: _CheckpointEvery = None,
    name: _Name = None,
    max_restarts: _MaxRestarts = 3,
    devices: options.Devices = None,
    as_json: options.Json = False,
    output: _Output = None,
) -> None:
    """Train a script: on unlike GPUs by a plan (--plan), or elastically (--workers).

    BY A PLAN of `elastance split`: one process per GPU, each with its share of every batch. Each GPU gets the
    plan's power limit, which is put back whatever ends the job; released GPUs get no process. At the end: time
    and energy per GPU, measured, with the plan's prediction beside them. A rank that fails ends all.
    The script joins the others and takes its share; the rest stays as it is:

    \b
      share = join()                         # from elastance.train
      model = share.data_parallel(model)     # DDP, gradients weighted by the share
      loader = share.loader(dataset)
      for step in loader:                    # a step of all GPUs
          optimizer.zero_grad()
          for inputs, targets in step:       # its micro-batches, most often one
              loss(model(inputs.to(share.device)), targets.to(share.device)).backward()
          optimizer.step()

    ELASTIC: N logical workers on any number of executors, with the bits of DDP with N processes. `elastance
    resize JOB --executors 4` changes their number while the job runs; an executor that crashes costs the steps
    since the last checkpoint. Ctrl-C saves first; the same command goes on from there. With --devices executor i
    gets the i-th device, and energy is measured. The script calls elastance.elastic.prepare (docs/elastic.md).

    \b
    Examples:
      elastance launch --plan plan.json -- python train.py --epochs 3
      elastance launch --plan plan.json --devices nvidia:0,nvidia:2 --output report.json -- python train.py
      elastance launch --plan plan.json --devices sim:v100,a40 -- python train.py
      elastance launch --workers 4 --executors 2 -- python examples/elastic/image_net.py
      elastance launch --workers 4 --placement 3:2+1+1 --checkpoint-every 100 -- python train.py

    Exit status: that of the process that failed first; 2 for bad input, with nothing started, and for a script
    that contradicts --workers or --level; 75 for a job that was suspended.
    """  # noqa: D301
    from elastance.cli import launch_elastic
    from elastance.errors import InputError
    from elastance.files import check_writable

    asked = launch_elastic.Asked(
        workers, executors, placement, level, checkpoints, checkpoint_every, name, max_restarts
    )
    _check_kind(plan, asked, keep_limits, master_port)
    if output is not None:
        check_writable(output)
    if asked.is_elastic:
        launch_elastic.launch(asked, command, devices, as_json, output)
    if plan is None:
        raise InputError(
            "--plan FILE is missing: `elastance split ... --output plan.json` makes one; an elastic job takes "
            "--workers N instead"
        )
    _by_plan(plan, command, devices, keep_limits, master_port, as_json, output)


def _check_kind(plan: Path | None, asked: Asked, keep_limits: bool, port: int) -> None:
    """Refuse what belongs to the other kind of job."""
    from elastance.errors import InputError

    others = asked.options
    if plan is not None and others:
        raise InputError(
            f"{others[0]} is for elastic jobs, --plan for those of `elastance split`: leave one out"
        )
    if others and not asked.is_elastic:
        raise InputError(
            f"--workers N is missing: {others[0]} is for elastic jobs, which have N logical workers"
        )
    if asked.is_elastic and (keep_limits or port):
        option = "--keep-limits" if keep_limits else "--master-port"
        raise InputError(f"{option} belongs to --plan: an elastic job sets no limits and chooses its port")


def _by_plan(
    plan: Path,
    command: list[str],
    devices: str | None,
    keep_limits: bool,
    port: int,
    as_json: bool,
    output: Path | None,
) -> None:
    from elastance.cli.launch_tables import describe_failure, print_outcome
    from elastance.cli.output import write_report
    from elastance.train.launching import assess, check_torch, read_plan

    read = read_plan(plan)
    check_torch()
    # The output of the ranks makes way for the document.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        job = _run(read, devices, command, keep_limits, port)
    outcome = assess(job)
    print_outcome(outcome)
    is_written = write_report(outcome.to_json(), output, as_json)
    if job.failure is not None and job.interrupted_by is None:
        print(f"elastance: {describe_failure(job)}", file=sys.stderr)
    # Not typer.Exit: the statuses of an interrupted job are not those of an interrupted elastance.
    sys.exit(job.exit_status or (0 if is_written else 2))


def _run(
    plan: LaunchPlan, devices: str | None, command: list[str], keep_limits: bool, port: int
) -> FinishedJob:
    import os

    from elastance.cli.launch_tables import print_start
    from elastance.cli.opening import opened_devices
    from elastance.devices.discovery import VARIABLE
    from elastance.errors import DevicePermissionError
    from elastance.train.launching import place, run_job

    with opened_devices(devices) as opened:
        gpus = place(plan, opened, in_order=bool(devices or os.environ.get(VARIABLE)))
        print_start(plan, gpus, keep_limits=keep_limits)
        try:
            return run_job(plan, gpus, command, set_limits=not keep_limits, port=port)
        except DevicePermissionError as error:
            raise DevicePermissionError(
                f"{error}; to train under the limits that are set: --keep-limits"
            ) from None
