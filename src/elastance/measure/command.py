"""Run a command within an energy window, and be in nobody's way: its streams, signals and status are its own."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from elastance.errors import CommandMissingError, CommandUnusableError, DeviceError
from elastance.measure.emissions import HOUR_S, HourEnergy, measure_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import FrameType

    from elastance.measure.measurement import Measurement
    from elastance.measure.meter import EnergyMeter

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT")

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
    with meter.window(_WINDOW) as window, _by_hour(meter, hourly) as hours, _forwarding() as forward_to:
        try:
            child = subprocess.Popen(command)  # noqa: S603 (what the user asked to run)
        except FileNotFoundError:
            raise CommandMissingError(f"{command[0]}: command not found") from None
        except OSError as error:
            raise CommandUnusableError(f"{command[0]}: cannot be executed: {error.strerror}") from None
        forward_to(child)
        status = child.wait()
    assert window.measurement is not None
    if len(hours) < 2:  # all in one hour: exactly what the window says
        hours = [HourEnergy(int(began_s // HOUR_S) * HOUR_S, window.measurement.energy_j)]
    return CommandRun(window.measurement, status if status >= 0 else 128 - status, hours)


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


@contextmanager
def _forwarding() -> Generator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass on signals to the process that is named once it is there; what comes before waits for it."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if signal.Signals(number).name in _FROM_KEYBOARD and _is_in_foreground():
            return  # the terminal sends these to the child itself, and twice would be another message
        if not children:
            early.append(number)
            return
        with suppress(ProcessLookupError):
            children[0].send_signal(number)

    def forward_to(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    # What is ignored stays so: under nohup the child is not to hear of a hang-up either.
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, pass_on)
    try:
        yield forward_to
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _is_in_foreground() -> bool:
    """Whether the keys of a terminal go to this process and its children."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
