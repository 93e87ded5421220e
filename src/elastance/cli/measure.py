"""`elastance measure`: like `time`, for energy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from rich.table import Table

    from elastance.measure.command import CommandRun
    from elastance.measure.measurement import DeviceEnergy, Measurement

_Command = Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", show_default=False)]
_JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the result there too; - is standard output."),
]
_Interval = Annotated[
    float, typer.Option("--interval", help="Seconds between polls of devices without a counter.")
]
_Price = Annotated[float | None, typer.Option(help="Price of a kWh, in any currency.", show_default=False)]
_Carbon = Annotated[
    str | None,
    typer.Option(
        help="Grams of CO2 per kWh, or a CSV of them by the hour: hour_start,g_per_kwh.", show_default=False
    ),
]

_WIDE_ENOUGH = 118


def measure(
    command: _Command,
    devices: options.Devices = None,
    json_file: _JsonFile = None,
    interval_s: _Interval = 0.1,
    price: _Price = None,
    carbon: _Carbon = None,
) -> None:
    """Run a command and say what energy it took: like `time`, with joules.

    The result goes to standard error, so that the command's output stays its own; its exit status is passed on (127:
    there is no such command; 128 + n: signal n killed it), and so are signals. Measured is what the devices draw
    while it runs, whoever makes them draw it.

    \b
    Examples:
      elastance measure -- python train.py --epochs 3
      elastance measure --json energy.json --price 0.32 --carbon 380 -- torchrun --nproc-per-node 4 train.py
      elastance measure --carbon grid.csv -- ./train.sh    # hour_start,g_per_kwh: 2026-01-31T13:00Z,412
      elastance measure --devices sim:v100x4 -- sleep 1
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.errors import InputError
    from elastance.files import check_writable
    from elastance.measure.command import run_command
    from elastance.measure.emissions import HOUR_S, JOULES_PER_KWH, read_carbon_intensity
    from elastance.measure.meter import EnergyMeter

    if price is not None and not 0.0 <= price < float("inf"):
        raise InputError(f"--price {price:g}: expected a number that is not negative")
    if json_file not in (None, "-"):
        check_writable(Path(json_file))
    intensity = read_carbon_intensity(carbon) if carbon is not None else None
    if intensity is not None:
        import time

        intensity.at(int(time.time() // HOUR_S) * HOUR_S)
    with (
        opened_devices(devices) as opened,
        EnergyMeter(opened, interval_s=interval_s, estimate_short=True) as meter,
    ):
        run = run_command(command, meter, hourly=intensity is not None and intensity.constant is None)
    co2_g = trouble = None
    if intensity is not None:
        try:
            co2_g = intensity.co2_g(run.hours)
            trouble = "a reading is missing" if co2_g is None else None
        except InputError as error:
            trouble = str(error)
    energy_j = run.measurement.energy_j
    cost = energy_j / JOULES_PER_KWH * price if price is not None and energy_j is not None else None
    _show(run, cost, co2_g)
    if trouble is not None:
        _say(f"CO2 is not known: {trouble}")
    status = run.exit_status
    if json_file is not None and not _written(json_file, _document(run, cost, co2_g)):
        status = status or 2
    # Not typer.Exit: the statuses of an interrupted child are not those of an interrupted elastance.
    sys.exit(status)


def _document(run: CommandRun, cost: float | None, co2_g: float | None) -> dict[str, Any]:
    measurement = run.measurement
    return {
        "energy_j": measurement.energy_j,
        "time_s": measurement.time_s,
        "mean_power_w": measurement.mean_power_w,
        "complete": measurement.complete,
        "devices": [
            {
                "id": of.device.id,
                "name": of.device.name,
                "energy_j": of.energy_j,
                "mean_power_w": of.mean_power_w,
                "provenance": of.provenance._asdict(),
                "problem": of.problem,
                "notes": list(of.notes),
            }
            for of in measurement.devices
        ],
        "exit_status": run.exit_status,
        "cost": cost,
        "co2_g": co2_g,
    }


def _written(destination: str, document: dict[str, Any]) -> bool:
    """Write the result; a failure is said, and does not hide that of the command."""
    from elastance.cli.output import print_json, write_json
    from elastance.errors import InputError

    try:
        if destination == "-":
            print_json(document)
            sys.stdout.flush()
        else:
            write_json(Path(destination), document)
    except (InputError, OSError) as error:
        _say(f"the result was not written: {error}")
        return False
    return True


def _show(run: CommandRun, cost: float | None, co2_g: float | None) -> None:
    from rich.console import Console

    measurement = run.measurement
    width = None if sys.stderr.isatty() else _WIDE_ENOUGH
    console = Console(stderr=True, width=width, highlight=False, markup=False)
    console.print(_table(measurement))
    for of in measurement.devices:
        remarks = [of.problem] if of.problem is not None else []
        for remark in (*remarks, *of.notes):
            _say(f"{of.device.id}: {remark}")
    _say(_summary(measurement, cost, co2_g))


def _table(measurement: Measurement) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("device", no_wrap=True)
    table.add_column("name", overflow="fold")
    for heading in ("energy", "+-", "mean power"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("from", no_wrap=True)
    for of in measurement.devices:
        table.add_row(f"{of.device.kind} {of.device.index}", of.device.name, *_cells(of))
    return table


def _cells(of: DeviceEnergy) -> tuple[str, str, str, str]:
    from elastance.cli.output import joules, number

    provenance = of.provenance
    origin = provenance.source.value
    if provenance.method is not provenance.source:
        origin += f", {provenance.method}"
    power = "-" if of.mean_power_w is None else f"{number(of.mean_power_w)} W"
    part = "" if of.problem is None or of.energy_j is None else " (a part)"
    energy = "no reading" if of.energy_j is None else joules(of.energy_j)
    return energy + part, joules(provenance.uncertainty_j), power, origin


def _summary(measurement: Measurement, cost: float | None, co2_g: float | None) -> str:
    from elastance.cli.output import joules, number
    from elastance.measure.emissions import JOULES_PER_KWH

    if measurement.energy_j is None:
        return f"no reading in {measurement.time_s:.3f} s"
    watt_hours = measurement.energy_j / JOULES_PER_KWH * 1e3
    bound = measurement.uncertainty_j
    doubt = "" if bound is None else f" +- {joules(bound)}"
    parts = [
        f"{joules(measurement.energy_j)}{doubt} ({watt_hours:.4g} Wh) in {measurement.time_s:.3f} s",
        f"mean {number(measurement.mean_power_w)} W",
    ]
    if cost is not None:
        parts.append(f"cost {cost:.4g}")
    if co2_g is not None:
        parts.append(f"CO2 {co2_g:.4g} g")
    sources = {of.provenance.source.value for of in measurement.devices} & {"model", "replay"}
    if sources:
        parts.append(f"not measured on hardware ({', '.join(sorted(sources))})")
    if not measurement.complete:
        parts.append("incomplete")
    return ", ".join(parts)


def _say(line: str) -> None:
    print(f"elastance: {line}", file=sys.stderr)
