"""`elastance profile`: what a training script takes, by batch size and power limit."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from elastance.train.profiling.products import JobIdentity
    from elastance.train.profiling.runner import ProfileResult, ProfileState, SizeFailure

_Command = Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", show_default=False)]
_Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="Directory for the results; the same command goes on from there."),
]
_Sizes = Annotated[
    str, typer.Option(help="What takes the place of {batch_size}: 32,64,128, or 32:1024:x2 (doubling).")
]
_Limits = Annotated[
    str,
    typer.Option(
        help="auto: from the maximum down to the minimum; watts such as 250,200,150; or none: as it is."
    ),
]
_LimitStep = Annotated[float, typer.Option(help="Watts between two limits of auto.")]
_Job = Annotated[
    str | None,
    typer.Option(
        help="What the power trace calls the job: NAME, or DATASET/NETWORK/OPTIMIZER.",
        show_default="name of the script",
    ),
]
_Samples = Annotated[
    int | None,
    typer.Option(
        help="Samples of an epoch, for the power trace.", show_default="as the script's loader says"
    ),
]
_Spread = Annotated[str, typer.Option(help="How far apart trials may lie: (max - min) / mean.")]
_MaxWindow = Annotated[float, typer.Option(help="Most seconds of a trial.")]
_Eta = Annotated[float, typer.Option(help="Which limit is marked best: 1 by energy, 0 by time.")]
_Restart = Annotated[bool, typer.Option("--restart", help="Drop what --output holds and begin anew.")]


def profile(
    command: _Command,
    output: _Output,
    batch_sizes: _Sizes = "32:1024:x2",
    power_limits: _Limits = "auto",
    limit_step: _LimitStep = 25.0,
    job: _Job = None,
    samples: _Samples = None,
    spread: _Spread = "2%",
    max_window: _MaxWindow = 20.0,
    eta_knob: _Eta = 0.5,
    devices: options.Devices = None,
    restart: _Restart = False,
    as_json: options.Json = False,
    plot: options.Plot = None,
    theme: options.Theme = "light",
) -> None:
    """Measure time and energy of a script's training steps, by batch size and power limit.

    The script is run once per batch size, trains under one limit after the other until trials agree, and is ended
    then. Its steps are known where it uses elastance.train; any other loop over batches becomes

    \b
      from elastance.train import profiled_steps
      for batch in profiled_steps(loader): ...

    which does nothing without this command. In the directory are then GPU.json, a profile for `elastance split`,
    summary_power_GPU.csv, a power trace for --traces, a manifest, and the script's output in logs. What a kill or
    Ctrl-C leaves is gone on with by the same command. Exit status: 1 if a batch size could not be measured, for
    instance because it does not fit into memory; the others are there all the same.

    \b
    Examples:
      elastance profile -o out -- python train.py --batch-size {batch_size}
      elastance profile -o out --batch-sizes 64,128 --power-limits 250,200,150 -- ./train.sh {batch_size}
      elastance profile -o out --power-limits none --devices nvidia:0 -- python train.py -b {batch_size}
      elastance profile -o out --devices sim:v100 --samples 50000 -- python train.py -b {batch_size}
    """  # noqa: D301
    from elastance.cli import output as shown
    from elastance.cli.opening import opened_devices
    from elastance.cost import EtaCost
    from elastance.devices import DeviceKind
    from elastance.train.profiling.job import ProfileJob, choose_limits
    from elastance.train.profiling.runner import run_profile

    options.check_destinations(None, plot, theme)
    EtaCost(eta_knob, 1.0)
    sizes = options.parse_batch_sizes(batch_sizes)
    share = parse_share("--spread", spread)
    identity = _identity(job, command)
    with opened_devices(devices) as opened:
        gpus = [device for device in opened if device.info.kind is DeviceKind.GPU]
        limits_w, sets_limits = choose_limits(gpus, power_limits, limit_step)
        profiled = ProfileJob(
            tuple(command), sizes, limits_w, sets_limits, devices, identity, samples, share, max_window
        )
        with _watched() as on_progress:
            result = run_profile(
                profiled, gpus, output, restart=restart, on_progress=on_progress, on_failure=_tell_failure
            )
    if plot is not None:
        from elastance.figures import draw_profile, save_figure

        save_figure(draw_profile(result, eta=eta_knob, theme=theme), plot)
    if as_json:
        shown.print_json(result.manifest | {"output": str(output)})
    else:
        from elastance.cli.profile_table import print_profile

        print_profile(result, eta_knob)
    _tell_outcome(result, output, plot)
    if result.failures:
        raise typer.Exit(1)


def parse_share(option: str, text: str) -> float:
    """Read ``2%`` or ``0.02``.

    Raises:
        InputError: The text is neither.
    """
    digits = text.strip().removesuffix("%").strip()
    try:
        value = float(digits)
    except ValueError:
        raise InputError(f"{option} {text!r}: expected a share such as 2% or 0.02") from None
    return value / 100.0 if text.strip().endswith("%") else value


def _identity(job: str | None, command: list[str]) -> JobIdentity:
    from elastance.train.profiling.products import JobIdentity

    if job is None:
        scripts = [word for word in command if word.endswith((".py", ".sh"))]
        job = Path((scripts or command)[0]).stem or "job"
    parts = job.split("/")
    if len(parts) == 1 and parts[0]:
        return JobIdentity(parts[0], "script", "script")
    if len(parts) != 3 or not all(parts):
        raise InputError(f"--job {job!r}: expected NAME, or DATASET/NETWORK/OPTIMIZER")
    return JobIdentity(*parts)


@contextmanager
def _watched() -> Generator[Callable[[ProfileState], None]]:
    """Show on a terminal how far it is while the block runs."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    from elastance.cli.output import progress_bar

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns, TextColumn("{task.description}")) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda state: progress.update(
            task, completed=state.done, total=state.total, description=_described(state)
        )


def _described(state: ProfileState) -> str:
    from elastance.cli.output import percent

    of = state.progress
    what = f"batch size {state.batch_size}"
    if of is None:
        return f"{what}: the script starts"
    if of.power_limit_w is None:
        return f"{what}: the script ends"
    spread = "" if of.spread is None else f", spread {percent(of.spread)}"
    return f"{what} at {of.power_limit_w} W: trial {of.trials + 1} of {of.window_steps} steps{spread}"


def _tell_failure(failure: SizeFailure) -> None:
    print(
        f"elastance: batch size {failure.batch_size} could not be measured: {failure.reason} ({failure.log})",
        file=sys.stderr,
    )


def _tell_outcome(result: ProfileResult, output: Path, plot: Path | None) -> None:
    """Say on standard error what was made, what is missing, and what to be careful about."""
    from elastance.errors import TraceError
    from elastance.traces import profile_warnings, read_profile

    lines = list(result.products.notes)
    loose = [cell for cell in result.cells if not cell.settled]
    if loose:
        worst = max(loose, key=lambda cell: max(cell.spread_time, cell.spread_energy))
        lines.append(
            f"{len(loose)} of {len(result.cells)} measurements are further apart than wanted; worst batch size"
            f" {worst.batch_size} at {worst.power_limit_w} W: time {worst.spread_time:.1%}, energy"
            f" {worst.spread_energy:.1%}; a longer --max-window may help"
        )
    for name in result.products.files:
        if name.endswith(".json"):
            try:
                lines.extend(profile_warnings(read_profile(output / name)))
            except TraceError as error:
                lines.append(f"`elastance split` will refuse it: {error}")
    if result.products.split_steps is not None:
        lines.append(f"totals of {result.products.split_steps} steps: for `elastance split --steps`")
    files = [str(output / name) for name in result.products.files] + ([] if plot is None else [str(plot)])
    if files:
        lines.append(f"wrote {', '.join(files)}")
    for line in lines:
        print(f"elastance: {line}", file=sys.stderr)
