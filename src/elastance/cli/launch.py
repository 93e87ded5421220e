"""`elastance launch`: train on unlike GPUs by a plan."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.train.launching import FinishedJob, JobOutcome, LaunchPlan

_Command = Annotated[
    list[str],
    typer.Argument(metavar="[--] COMMAND...", help="Started once per GPU.", show_default=False),
]
_Plan = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What `elastance split --output` wrote.", show_default="required"),
]
_Port = Annotated[
    int, typer.Option(help="Where ranks meet on this machine; 0 = any free port.", min=0, max=65535)
]
_KeepLimits = Annotated[
    bool, typer.Option("--keep-limits", help="Leave power limits as they are; for users without the right.")
]
_Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report to this JSON file.")]


def launch(
    command: _Command,
    plan: _Plan = None,
    devices: options.Devices = None,
    keep_limits: _KeepLimits = False,
    master_port: _Port = 0,
    as_json: options.Json = False,
    output: _Output = None,
) -> None:
    """Train on unlike GPUs by a plan of `elastance split`: one process per GPU, each with its share of every batch.

    Each GPU gets the plan's power limit, which is put back whatever ends the job; released GPUs get no process. At
    the end: time and energy per GPU, measured, with the plan's prediction beside them. A rank that fails ends all.

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

    \b
    Examples:
      elastance launch --plan plan.json -- python train.py --epochs 3
      elastance launch --plan plan.json --devices nvidia:0,nvidia:2 --output report.json -- python train.py
      elastance launch --plan plan.json --devices sim:v100,a40 -- python train.py

    Exit status: that of the rank that failed first; 2 for bad input, with nothing started.
    """  # noqa: D301
    from elastance.cli.launch_tables import describe_failure, print_outcome
    from elastance.errors import InputError
    from elastance.files import check_writable
    from elastance.train.launching import assess, check_torch, read_plan

    if plan is None:
        raise InputError("--plan FILE is missing: `elastance split ... --output plan.json` makes one")
    if output is not None:
        check_writable(output)
    read = read_plan(plan)
    check_torch()
    # The output of the ranks makes way for the document.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        job = _run(read, devices, command, keep_limits, master_port)
    outcome = assess(job)
    print_outcome(outcome)
    is_written = _written(outcome, output, as_json)
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


def _written(outcome: JobOutcome, output: Path | None, as_json: bool) -> bool:
    """Write the report; a failure is said, and does not hide how the job ended."""
    from elastance.cli.output import print_json, write_json
    from elastance.errors import InputError

    document = outcome.to_json()
    if as_json:
        print_json(document)
        sys.stdout.flush()
    try:
        if output is not None:
            write_json(output, document)
    except (InputError, OSError) as error:
        print(f"elastance: the report was not written: {error}", file=sys.stderr)
        return False
    return True
