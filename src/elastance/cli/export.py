"""`elastance export`: joules and watts for Prometheus."""

from __future__ import annotations

import ipaddress
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)
from elastance.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.measure.live import LiveReading

_Port = Annotated[int, typer.Option(help="TCP port; 0 = any that is free.")]
_Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 = every one of this machine.")]
_Interval = Annotated[float, typer.Option("--interval", help="Seconds between readings, 0.1 or more.")]
_Dashboard = Annotated[bool, typer.Option("--dashboard", help="Print a Grafana dashboard and leave.")]


def export(
    port: _Port = 9400,
    host: _Host = "127.0.0.1",
    devices: options.Devices = None,
    interval_s: _Interval = 1.0,
    dashboard: _Dashboard = False,
) -> None:
    """Serve the joules, watts and limits of devices to Prometheus, until Ctrl-C or a signal.

    Metrics: elastance_energy_joules_total (a counter), elastance_power_watts, elastance_power_limit_watts,
    elastance_temperature_celsius, elastance_utilization_ratio, elastance_memory_used_bytes, elastance_device_up; with
    the labels id, name, kind and provenance (counter or integral; model and replay are not measured on hardware).

    It listens on this machine only, unless --host says otherwise: there is no password.

    \b
    Examples:
      elastance export
      elastance export --port 9500 --devices gpu,cpu
      elastance export --dashboard > dashboard.json
      elastance export --devices sim:v100x4 & curl -s localhost:9400/metrics
    """  # noqa: D301
    try:
        from elastance.measure.prometheus import Exporter
        from elastance.measure.prometheus import dashboard as grafana_dashboard
    except ImportError:
        raise MissingExtraError("export", "prometheus") from None
    if dashboard:
        print(grafana_dashboard(), end="")
        return

    from elastance.cli import output
    from elastance.cli.opening import opened_devices
    from elastance.cli.stopping import stopping_on_signals
    from elastance.measure.live import live_readings

    output.show_failures_ourselves()
    with opened_devices(devices) as opened, stopping_on_signals() as stopper:
        frames = live_readings(opened, interval_s, wait=stopper.wait)
        with Exporter(port, host, next(frames)) as exporter:
            _say(f"serving {exporter.url}; Ctrl-C ends it")
            if not _is_loopback(host):
                _say(f"{host} is not this machine only: whoever reaches it can read these metrics")
            failing: set[str] = set()
            for readings in frames:
                exporter.collector.readings = readings
                _say_what_changed(readings, failing)


def _say(line: str) -> None:
    print(f"elastance: {line}", file=sys.stderr, flush=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say_what_changed(readings: Sequence[LiveReading], failing: set[str]) -> None:
    """Say once that a device fails, and once that it is back; `failing` remembers."""
    for of in readings:
        if of.failure is not None and of.device.id not in failing:
            failing.add(of.device.id)
            _say(f"{of.device.id} fails: {of.failure}")
        elif of.failure is None and of.device.id in failing:
            failing.remove(of.device.id)
            _say(f"{of.device.id} answers again")
