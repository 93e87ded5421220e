"""Run a command within an energy window."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import DeviceError
from elastance.measure.child import run_child
from elastance.measure.emissions import HOUR_S, HourEnergy, measure_hours

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from elastance.measure.measurement import Measurement
    from elastance.measure.meter import EnergyMeter

_WINDOW = "command"


class CommandRun(NamedTuple):
    """A command that has run.

    Attributes:
        measurement: From its start to its end, whatever it started in between included.
        exit_status: Its own; 128 + n if signal n killed it, as shells have it.
        hours: Energy by clock hour; the whole in the hour it began in, if not asked for.
    """

    measurement: Measurement
    exit_status: int
    hours: list[HourEnergy]


def run_command(command: Sequence[str], meter: EnergyMeter, *, hourly: bool = False) -> CommandRun:
    """Run a command and measure it until it ends, however it ends. For the main thread: it forwards signals.

    Args:
        command: Program and arguments.
        meter: What to measure with.
        hourly: Whether to split the energy by clock hour.

    Raises:
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
        DeviceError: None of the devices can be read; the command was not started.
    """
    began_s = time.time()
    with meter.window(_WINDOW) as window, _by_hour(meter, hourly) as hours:
        status = run_child(command)
    assert window.measurement is not None
    if len(hours) < 2:  # all in one hour: exactly what the window says
        hours = [HourEnergy(int(began_s // HOUR_S) * HOUR_S, window.measurement.energy_j)]
    return CommandRun(window.measurement, status, hours)


@contextmanager
def _by_hour(meter: EnergyMeter, hourly: bool) -> Generator[list[HourEnergy]]:
    """Give a list that holds the energy by clock hour once the block is left."""
    hours: list[HourEnergy] = []
    if not hourly:
        yield hours
        return
    stop = threading.Event()

    def split() -> None:
        try:
            hours.extend(measure_hours(meter, stop.wait, time.time))
        except DeviceError:  # all are gone; the window of the command tells why
            hours.append(HourEnergy(int(time.time() // HOUR_S) * HOUR_S, None))

    thread = threading.Thread(target=split)
    thread.start()
    try:
        yield hours
    finally:
        stop.set()
        thread.join()
