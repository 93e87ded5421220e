"""`elastance limit`: power limits of devices, put back safely."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from elastance.devices import Device
    from elastance.measure.limits import LimitChange

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- COMMAND...]", help="Set the limit while this runs.", show_default=False),
]


@app.callback()
def limit() -> None:
    """Show and set power limits; whatever was set while a command ran is put back, even after it was killed."""


@app.command("show")
def show(devices: options.Devices = None, as_json: options.Json = False) -> None:
    """Show the power limit of each device, its range, and who changed it.

    \b
    Examples:
      elastance limit show
      elastance limit show --devices nvidia:0 --json
    """  # noqa: D301
    from elastance.cli.output import print_json

    with _opened(devices) as opened:
        described = [_describe(device) for device in opened]
    if as_json:
        print_json({"devices": described})
    else:
        _print_table(described)


@app.command("set")
def set_limit(
    watts: Annotated[float, typer.Argument(metavar="WATTS", help="Power limit of each device.")],
    command: _Command = None,
    devices: options.Devices = None,
    as_json: options.Json = False,
) -> None:
    """Set the power limit of the devices: while a command runs, or until it is reset.

    With a command (after --), the limit is put back when it ends, and its exit status and signals are passed on.
    Without one the limit stays until `elastance limit reset`, which puts the former one back, or a reboot. Setting
    needs root or an administrator's help; the refusal says how.

    \b
    Examples:
      elastance limit set 200 -- python train.py
      elastance limit set 200 --devices nvidia:0
      elastance limit set 150 --devices sim:v100x2 -- sleep 1
    """  # noqa: D301
    with _opened(devices) as opened:
        if command:
            sys.exit(_run_limited(opened, watts, command, as_json))
        from elastance.measure.limits import check_power_limit, set_standing_limit

        for device in opened:
            check_power_limit(device, watts)
        changes: list[LimitChange] = []
        try:
            for device in opened:
                changes.append(set_standing_limit(device, watts))  # noqa: PERF401 (what was done is told)
        finally:
            _print_changes(changes, as_json, hint="; `elastance limit reset` puts it back")


@app.command("reset")
def reset(devices: options.Devices = None, as_json: options.Json = False) -> None:
    """Put back the limits from before `elastance limit set`; where there was none, the devices' defaults.

    \b
    Examples:
      elastance limit reset
      elastance limit reset --devices nvidia:0
    """  # noqa: D301
    from elastance.measure.limits import reset_limit

    with _opened(devices) as opened:
        changes: list[LimitChange] = []
        try:
            for device in opened:
                changes.append(reset_limit(device))  # noqa: PERF401 (what was done is told)
        finally:
            _print_changes(changes, as_json)


@contextmanager
def _opened(spec: str | None) -> Generator[tuple[Device, ...]]:
    """Give the devices; simulated ones with the limit that stands, which hardware would have kept."""
    from elastance.cli.opening import opened_devices
    from elastance.measure.limits import standing_limit

    with opened_devices(spec) as opened:
        for device in opened:
            standing = standing_limit(device)
            if standing is not None and device.info.provenance is not None:
                device.set_power_limit(standing.set_w[-1])
        yield opened


def _run_limited(devices: Sequence[Device], watts: float, command: Sequence[str], as_json: bool) -> int:
    from elastance.errors import InputError
    from elastance.measure.child import run_child
    from elastance.measure.limits import power_limit

    if as_json:
        raise InputError("--json does not go with a command: the output is the command's")
    with power_limit(devices, watts):
        return run_child(command)


def _describe(device: Device) -> dict[str, Any]:
    from elastance.errors import NotSupportedError
    from elastance.measure.limits import limit_holder, standing_limit

    info = device.info
    document: dict[str, Any] = {
        "id": info.id,
        "name": info.name,
        "backend": info.backend,
        "provenance": None if info.provenance is None else info.provenance.value,
    }
    try:
        limits = device.power_limits()
    except NotSupportedError as error:
        return document | {"power_limit": None, "problem": str(error)}
    standing = standing_limit(device)
    return document | {
        "power_limit": limits._asdict(),
        "before_standing_w": None if standing is None else standing.previous_w,
        "held_by_process": limit_holder(device),
        "problem": None,
    }


def _print_table(described: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    from elastance.cli.output import console

    table = Table("device", "limit", "default", "range", "", box=None, pad_edge=False, header_style="bold")
    for one in described:
        limits = one["power_limit"]
        if limits is None:
            table.add_row(one["name"], "-", "-", "-", "has no power limit")
            continue
        note = ""
        if one["held_by_process"] is not None:
            note = f"held by process {one['held_by_process']}"
        elif one["before_standing_w"] is not None:
            note = f"set; {one['before_standing_w']:g} W before"
        spread = f"{limits['min_w']:g} to {limits['max_w']:g} W"
        name = f"{one['name']} ({one['id']})"
        table.add_row(name, f"{limits['current_w']:g} W", f"{limits['default_w']:g} W", spread, note)
    console().print(table)


def _print_changes(changes: Sequence[LimitChange], as_json: bool, hint: str = "") -> None:
    from elastance.cli.output import print_json, say

    if as_json:
        document = [
            {"id": change.device.info.id, "before_w": change.before_w, "after_w": change.after_w}
            for change in changes
        ]
        print_json({"devices": document})
        return
    for change in changes:
        info = change.device.info
        say(f"{info.name} ({info.id}): {change.before_w:g} W -> {change.after_w:g} W{hint}")
