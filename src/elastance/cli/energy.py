"""`elastance energy`: what recorded power adds up to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.devices import DeviceInfo
    from elastance.measure import LogSummary, PowerLog
    from elastance.runs import Provenance

_Start = Annotated[
    float | None,
    typer.Option(help="Seconds after the first sample; if negative, back from the last.", show_default=False),
]
_End = Annotated[float | None, typer.Option(help="The same, for the end.", show_default=False)]


def energy(
    logs: Annotated[list[Path], typer.Argument(help="Power logs.", metavar="LOG...")],
    start: _Start = None,
    end: _End = None,
    as_json: options.Json = False,
) -> None:
    """Print the energy and the mean power in power logs, or in a window of them.

    Logs are what `elastance record` and the published Zeus monitor write: CSV (plain, .gz, .xz) or Parquet, with
    the columns Time (UTC) and Power (mW). Power is integrated as trapezoids over the samples from --start to --end.
    A last line that was cut short is left out and said so; any other line that is wrong is an error.

    \b
    Examples:
      elastance energy power.csv
      elastance energy power.csv --start 60 --end -10    without the first minute and the last 10 s
      elastance energy power.csv --start -30             the last 30 s
      elastance energy power+gpu*.csv --json
    """  # noqa: D301
    from elastance.cli import output
    from elastance.measure import summarize
    from elastance.measure.manifest import read_manifest

    found: list[tuple[PowerLog, LogSummary, DeviceInfo | None]] = []
    for path in logs:
        log = _read(path)
        if log.torn:
            print(f"elastance: {path}: the last line was cut short and is left out", file=sys.stderr)
        found.append((log, summarize(log, start, end), read_manifest(path)))
    total_j = sum(summary.energy_j for _, summary, _ in found)
    if as_json:
        output.print_json({"energy_j": total_j, "logs": [_document(*of) for of in found]})
        return

    from rich.table import Table

    table = Table("log", "device", "source", box=None, pad_edge=False, header_style="bold")
    for column in ("energy", "mean power", "peak", "time", "samples", "largest gap"):
        table.add_column(column, justify="right", no_wrap=True)
    for log, summary, device in found:
        name = "-" if device is None else device.name
        table.add_row(str(log.path), name, _source(device).value, *_figures(summary))
    if len(found) > 1:
        table.add_row("total", "", "", _joules(total_j))
    output.console().print(table)


def _read(path: Path) -> PowerLog:
    from rich.progress import SpinnerColumn, TextColumn

    from elastance.cli.output import progress_bar
    from elastance.traces.power_log import read_power_log

    with progress_bar(SpinnerColumn(), TextColumn("{task.description}")) as progress:
        task = progress.add_task(f"reading {path}")

        def on_progress(samples: int) -> None:
            progress.update(task, description=f"reading {path}: {samples:,} samples")

        return read_power_log(path, on_progress=on_progress)


def _figures(of: LogSummary) -> tuple[str, ...]:
    return (
        _joules(of.energy_j),
        f"{of.mean_power_w:,.5g} W",
        f"{of.max_power_w:,.4g} W",
        f"{of.time_s:,.6g} s",
        f"{of.samples:,}",
        f"{of.max_gap_s:.3g} s",
    )


def _joules(energy_j: float) -> str:
    return f"{energy_j:,.1f} J" if energy_j >= 1e5 else f"{energy_j:,.6g} J"


def _source(device: DeviceInfo | None) -> Provenance:
    """Whether the power was polled from hardware, or made up."""
    from elastance.runs import Provenance

    return Provenance.INTEGRAL if device is None else device.provenance or Provenance.INTEGRAL


def _document(log: PowerLog, summary: LogSummary, device: DeviceInfo | None) -> dict[str, Any]:
    from elastance.measure.log_writing import utc_stamp

    known = None if device is None else {"id": device.id, "name": device.name, "kind": device.kind.value}
    return {
        "path": str(log.path),
        "energy_j": summary.energy_j,
        "time_s": summary.time_s,
        "mean_power_w": summary.mean_power_w,
        "max_power_w": summary.max_power_w,
        "first": utc_stamp(summary.first_ns),
        "last": utc_stamp(summary.last_ns),
        "torn_last_line": log.torn,
        "device": known,
        "provenance": {
            "source": _source(device).value,
            "samples": summary.samples,
            "max_gap_s": summary.max_gap_s,
        },
    }
