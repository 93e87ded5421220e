"""`elastance top`: watch what devices draw."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.text import Text

    from elastance.measure.live import LiveReading

_Interval = Annotated[float, typer.Option("--interval", help="Seconds between two frames, 0.1 or more.")]
_Once = Annotated[bool, typer.Option("--once", help="Print one frame, after one interval, and leave.")]
_Json = Annotated[bool, typer.Option("--json", help="As --once, but one JSON document.")]

_NARROWEST = 80


def top(
    devices: options.Devices = None,
    interval_s: _Interval = 1.0,
    once: _Once = False,
    as_json: _Json = False,
) -> None:
    """Watch devices: power against its limit, temperature, how busy, memory, joules since the start, recent power.

    q or Ctrl-C leaves, and the last frame stays on the screen. Where the output is not a terminal, frames are printed
    one after another. Joules come from the energy counter of a device, else from its power, read ten times a second;
    each line says which.

    \b
    Examples:
      elastance top
      elastance top --devices gpu,cpu --interval 0.5
      elastance top --once
      elastance top --devices sim:v100x4,load=0.7
    """  # noqa: D301
    from elastance.cli import output
    from elastance.cli.opening import opened_devices
    from elastance.cli.stopping import stopping_on_signals
    from elastance.measure.live import live_readings

    output.show_failures_ourselves()
    with opened_devices(devices) as opened, stopping_on_signals() as stopper:
        frames = live_readings(opened, interval_s, wait=stopper.wait)
        watch = _Watch(output.console())
        if once or as_json:
            next(frames)
            for readings in frames:
                watch.show(readings) if not as_json else output.print_json(
                    _document(readings, watch.elapsed_s)
                )
                break
        elif watch.console.is_terminal:
            with stopper.stopping_on_q():
                watch.live(frames)
        else:
            for number, readings in enumerate(frames):
                if number:
                    output.say()
                watch.show(readings)


class _Watch:
    """Frames on one console, and when they began."""

    def __init__(self, console: Console) -> None:
        from elastance.cli.top_frame import ASCII, UNICODE

        self.console = console
        self._glyphs = ASCII if console.options.ascii_only else UNICODE
        self._start_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def show(self, readings: Sequence[LiveReading]) -> None:
        """Print a frame."""
        self.console.print(self._frame(readings, height=None))
        self.console.file.flush()

    def live(self, frames: Iterator[Sequence[LiveReading]]) -> None:
        """Draw frame over frame, on a screen of its own; leave the last one behind."""
        from rich.live import Live

        last: Sequence[LiveReading] | None = None
        with Live(console=self.console, auto_refresh=False, screen=True) as live:
            for last in frames:
                live.update(self._frame(last, height=self.console.height, hint="q quits"), refresh=True)
        if last is not None:
            self.show(last)

    def _frame(self, readings: Sequence[LiveReading], *, height: int | None, hint: str = "") -> Text:
        from elastance.cli.top_frame import frame

        width = max(self.console.width, _NARROWEST) if self.console.is_terminal else _NARROWEST
        drawn = frame(readings, self.elapsed_s, width=width, height=height, glyphs=self._glyphs, hint=hint)
        drawn.no_wrap, drawn.overflow = True, "crop"
        return drawn


def _document(readings: Sequence[LiveReading], elapsed_s: float) -> dict[str, Any]:
    known = [reading.energy_j for reading in readings if reading.energy_j is not None]
    return {
        "time_s": elapsed_s,
        "energy_j": sum(known) if known else None,
        "devices": [
            {
                "id": of.device.id,
                "name": of.device.name,
                "kind": of.device.kind.value,
                "index": of.device.index,
                "energy_j": of.energy_j,
                "power_w": of.power_w,
                "power_limit_w": of.power_limit_w,
                "temperature_c": of.temperature_c,
                "utilization": of.utilization,
                "memory_used_bytes": None if of.memory_bytes is None else of.memory_bytes[0],
                "memory_total_bytes": None if of.memory_bytes is None else of.memory_bytes[1],
                "provenance": {"source": of.source.value},
                "problem": of.failure,
            }
            for of in readings
        ],
    }
