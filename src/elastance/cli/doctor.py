"""`elastance doctor`: what can be measured here, and can it be trusted?"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.cli.examination import Examination, Report
    from elastance.measure.cross_check import CrossCheck

_COLUMNS = {
    "counter": "counter",
    "power": "power",
    "power_limit": "limit",
    "set_power_limit": "settable",
    "temperature": "temp",
    "utilization": "busy",
    "memory": "memory",
    "clock": "clock",
}


def doctor(
    devices: options.Devices = None,
    seconds: Annotated[float, typer.Option(help="How long to compare counter and power.")] = 2.0,
    as_json: options.Json = False,
) -> None:
    """Say what can be measured here: devices, rights, versions, and whether the energy counters can be trusted.

    Without --devices every device of every back end is examined. Counter and polled power are compared at whatever
    load there is: run it while the GPUs are busy. A limit is tried by setting it to what it is. Exit status 1: no
    energy can be measured here, or a device fails or contradicts itself; missing rights to set limits are only told.

    \b
    Examples:
      elastance doctor
      elastance doctor --devices nvidia:0 --seconds 10
      elastance doctor --devices sim:v100x2 --json
    """  # noqa: D301
    from elastance.cli.examination import examine
    from elastance.cli.output import print_json, progress_bar
    from elastance.devices.discovery import VARIABLE
    from elastance.errors import InputError

    if not 0.1 <= seconds <= 600:
        raise InputError(f"--seconds {seconds:g}: expected 0.1 to 600")
    spec = devices if devices is not None else os.environ.get(VARIABLE) or None
    with progress_bar() as progress:
        task = progress.add_task("comparing counters and power", total=seconds)
        report = examine(spec, seconds, lambda elapsed_s: progress.update(task, completed=elapsed_s))
    if as_json:
        print_json(_document(report))
    else:
        _show(report)
    raise typer.Exit(0 if report.healthy else 1)


def _show(report: Report) -> None:
    from elastance.cli.output import say

    say(", ".join(f"{name} {version}" for name, version in _versions(report).items()))
    say()
    for inventory in report.inventories:
        count = len(inventory.candidates)
        say(f"{inventory.backend:<7} {inventory.absence or f'{count} device' + 's' * (count > 1)}")
    if report.examinations:
        say()
        _show_devices(report.examinations)
        _show_checks(report.examinations)
    for heading, lines in (("problems", report.problems), ("advice", report.advice)):
        if lines:
            say()
            say(heading, style="bold")
            for line in lines:
                say(f"- {line}")
    say()
    say(report.verdict, style="bold")


def _show_devices(examinations: Sequence[Examination]) -> None:
    from rich.table import Table

    from elastance.cli.output import console, say

    table = Table("device", *_COLUMNS.values(), box=None, pad_edge=False, header_style="bold")
    for one in examinations:
        cells = [_cell(one, name) for name in _COLUMNS]
        table.add_row(f"{one.info.name}{'' if one.selected else ' *'}", *cells)
    console().print(table)
    for one in examinations:
        say(f"  {one.info.backend}:{one.info.index}  {one.info.id}")
    if not all(one.selected for one in examinations):
        say("* not measured unless --devices names it")


def _cell(examination: Examination, name: str) -> str:
    if name not in examination.capabilities:
        return "?"
    capability = examination.capabilities[name]
    if not capability.works:
        return "no"
    if capability.value is None or name == "counter":
        return "yes"
    value = capability.value
    return {
        "power": f"{value:.1f} W",
        "power_limit": f"{value:.0f} W",
        "temperature": f"{value:.0f} °C",
        "utilization": f"{value:.0%}",
        "memory": f"{value / 2**30:.1f} GiB",
        "clock": f"{value / 1e6:.0f} MHz",
    }[name]


def _show_checks(examinations: Sequence[Examination]) -> None:
    from rich.table import Table

    from elastance.cli.output import console, joules, say

    checked = [(one, one.check) for one in examinations if one.check is not None]
    if not checked:
        return
    table = Table(
        "cross-check", "counter", "power x time", "disagreement", "counter moves", box=None, pad_edge=False
    )
    for one, check in checked:
        integral = "from the counter" if one.power_from_counter else joules(check.integral_j)
        moves = "-" if check.update_period_s is None else f"every {1e3 * check.update_period_s:.0f} ms"
        table.add_row(one.info.name, joules(check.counter_j), integral, _disagreement(check), moves)
    say()
    console().print(table)


def _disagreement(check: CrossCheck) -> str:
    if check.disagreement is not None:
        return f"{check.disagreement:+.1%}"
    return "-"


def _versions(report: Report) -> dict[str, str]:
    import elastance

    versions = {
        "elastance": elastance.__version__,
        "Python": platform.python_version(),
        platform.system(): f"{platform.release()} {platform.machine()}",
    }
    for inventory in report.inventories:
        versions |= {name: version for name, version in inventory.versions.items() if name != "kernel"}
    return versions


def _document(report: Report) -> dict[str, Any]:
    return {
        "versions": _versions(report),
        "backends": [
            {"name": one.backend, "devices": len(one.candidates), "absence": one.absence}
            for one in report.inventories
        ],
        "devices": [_device_document(one) for one in report.examinations],
        "problems": report.problems,
        "advice": report.advice,
        "verdict": report.verdict,
        "healthy": report.healthy,
    }


def _device_document(one: Examination) -> dict[str, Any]:
    check = one.check
    return {
        "id": one.info.id,
        "name": one.info.name,
        "kind": one.info.kind.value,
        "backend": one.info.backend,
        "index": one.info.index,
        "provenance": None if one.info.provenance is None else one.info.provenance.value,
        "selected": one.selected,
        "error": one.error,
        "capabilities": {
            capability.name: {
                "works": capability.works,
                "value": capability.value,
                "unit": capability.unit,
                "problem": capability.problem,
            }
            for capability in one.capabilities.values()
        },
        "cross_check": None if check is None else {**check._asdict(), "disagreement": check.disagreement},
    }
