"""`elastance record`: write down what devices draw."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from elastance.measure.recorder import DeviceRecording, Recording

_Output = Annotated[
    Path, typer.Option("--output", "-o", help="The log: .csv (also any other ending), or .parquet.")
]
_Interval = Annotated[float, typer.Option("--interval", help="Seconds between samples; 0 = without a pause.")]
_Duration = Annotated[
    float | None,
    typer.Option("--duration", help="Seconds to record.", show_default="until Ctrl-C or a signal"),
]
_Columns = Annotated[
    str | None,
    typer.Option(
        help="Record these too, separated by commas: temperature, clock, memory.", show_default=False
    ),
]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite a log that is there.")]


def record(
    output_file: _Output,
    interval_s: _Interval = 0.1,
    duration_s: _Duration = None,
    devices: options.Devices = None,
    columns: _Columns = None,
    force: _Force = False,
    as_json: options.Json = False,
) -> None:
    """Record the power of devices in the published monitor's format, for `elastance energy` and other readers.

    The log has the columns Time (UTC) and Power (mW), and Temp (°C), SMFreq (MHz), Mem (bytes) if asked for. Every
    line is written at once, so that the log can be read meanwhile and survives a crash. Several devices make a log
    each: power+gpu0.csv, power+gpu1.csv ... Beside a log, LOG.manifest.json says which device it is of.

    Ctrl-C, SIGTERM and a closed terminal end the recording in good order, with exit status 0. If a device is lost or
    the disk is full, what was recorded until then stays, and the exit status is 2.

    \b
    Examples:
      elastance record --output power.csv
      elastance record --output power.csv --interval 0.05 --duration 60 --columns temperature,clock,memory
      elastance record --output power.parquet --devices gpu,cpu
      elastance record --output power.csv --devices sim:v100x4,load=0.6 --duration 5
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.cli.output import print_json
    from elastance.cli.stopping import stopping_on_signals
    from elastance.measure.recorder import record as record_devices

    chosen = () if columns is None else options.parse_names("--columns", columns)
    with opened_devices(devices) as opened, stopping_on_signals() as stopper, _watched(duration_s) as on_tick:
        recording = record_devices(
            opened,
            output_file,
            wait=stopper.wait,
            interval_s=interval_s,
            duration_s=duration_s,
            columns=chosen,
            replace=force,
            on_tick=on_tick,
        )
    for of in recording.devices:
        _say(_summary(of))
    if recording.clock_step_s:
        _say(
            f"the system clock was set by {recording.clock_step_s:+.3f} s, or the machine slept, meanwhile; "
            "the time stamps go on from the start of the recording"
        )
    for of in recording.devices:
        if of.error is not None:
            _say(f"the recording of {of.device.info.id} ended early: {of.error}")
    if as_json:
        print_json(_document(recording))
    if any(of.error is not None for of in recording.devices):
        raise typer.Exit(2)


def _say(line: str) -> None:
    print(f"elastance: {line}", file=sys.stderr)


@contextmanager
def _watched(duration_s: float | None) -> Generator[Callable[[Recording], None], None, None]:
    """Show on a terminal how the recording goes while the block runs."""
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    from elastance.cli.output import joules, progress_bar

    bar = [] if duration_s is None else [BarColumn(bar_width=20)]
    columns = (SpinnerColumn(), TimeElapsedColumn(), *bar, TextColumn("{task.description}"))
    with progress_bar(*columns) as progress:
        task = progress.add_task("recording", total=duration_s)

        def on_tick(recording: Recording) -> None:
            integrals = [of.integral for of in recording.devices]
            power_w = sum(integral.last_w or 0.0 for integral in integrals)
            samples = sum(integral.samples for integral in integrals)
            what = f"{samples:,} samples  {power_w:,.1f} W  {joules(recording.energy_j)}  Ctrl-C ends it"
            progress.update(task, completed=max(of.time_s for of in integrals), description=what)

        yield on_tick


def _summary(of: DeviceRecording) -> str:
    from elastance.cli.output import number

    integral = of.integral
    made_up = "" if of.device.info.provenance is None else f" ({of.device.info.provenance}: not measured)"
    missed = f", {of.missed:,} without a reading" if of.missed else ""
    return (
        f"{of.path}: {of.device.info.name}: {integral.samples:,} samples over {integral.time_s:.3f} s{missed}, "
        f"largest gap {integral.max_gap_s:.3f} s, {integral.energy_j:,.6g} J, "
        f"mean {number(integral.mean_power_w)} W{made_up}"
    )


def _document(recording: Recording) -> dict[str, Any]:
    from elastance.runs import Provenance

    return {
        "energy_j": recording.energy_j,
        "clock_step_s": recording.clock_step_s,
        "devices": [
            {
                "id": of.device.info.id,
                "name": of.device.info.name,
                "path": str(of.path),
                "energy_j": of.integral.energy_j,
                "time_s": of.integral.time_s,
                "mean_power_w": of.integral.mean_power_w,
                "provenance": {
                    "source": (of.device.info.provenance or Provenance.INTEGRAL).value,
                    "samples": of.integral.samples,
                    "missed_samples": of.missed,
                    "max_gap_s": of.integral.max_gap_s,
                },
                "error": None if of.error is None else str(of.error),
            }
            for of in recording.devices
        ],
    }
