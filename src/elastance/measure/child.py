"""Run a command and be in nobody's way: its streams, signals and status are its own."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from elastance.errors import CommandMissingError, CommandUnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import FrameType
    from typing import IO

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT")


def run_child(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    output: IO[bytes] | None = None,
    heard: Callable[[int], None] | None = None,
    started: Callable[[subprocess.Popen[bytes]], None] | None = None,
    own_group: bool = False,
) -> int:
    """Run a command until it ends, however it ends. For the main thread: it forwards signals.

    Args:
        command: Program and arguments.
        environment: What it inherits; that of this process by default.
        output: File that takes its standard output and error; those of this process by default.
        heard: Told of every signal that came meanwhile, forwarded or not.
        started: Told of the process once it runs.
        own_group: Give it a process group of its own, so that all it starts can be signalled with it (see
            `signal_group`). Such a command cannot read from the terminal.

    Returns:
        Its exit status; 128 + n if signal n killed it, as shells have it.

    Raises:
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
    """
    # A group that is not in the foreground is stopped for good if it reads from the terminal.
    no_terminal = subprocess.DEVNULL if own_group and _stdin_is_terminal() else None
    with _forwarding(heard, own_group=own_group) as forward_to:
        try:
            child = subprocess.Popen(  # noqa: S603 (what the user asked to run)
                command,
                env=environment,
                stdin=no_terminal,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                process_group=0 if own_group else None,
            )
        except FileNotFoundError:
            raise CommandMissingError(f"{command[0]}: command not found") from None
        except OSError as error:
            raise CommandUnusableError(f"{command[0]}: cannot be executed: {error.strerror}") from None
        forward_to(child)
        if started is not None:
            started(child)
        status = child.wait()
    return status if status >= 0 else 128 - status


def signal_group(child: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to a command that has a group of its own and to all it started; 0 sends none.

    Returns:
        Whether any of them is still there.
    """
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _forwarding(
    heard: Callable[[int], None] | None = None, *, own_group: bool = False
) -> Generator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass on signals to the process that is named once it is there; what comes before waits for it."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if heard is not None:
            heard(number)
        if not own_group and signal.Signals(number).name in _FROM_KEYBOARD and _is_in_foreground():
            return  # the terminal sends these to the child itself, and twice would be another message
        if not children:
            early.append(number)
            return
        _send(children[0], number, own_group=own_group)

    def forward_to(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in early:
            _send(child, number, own_group=own_group)

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


def _send(child: subprocess.Popen[bytes], number: int, *, own_group: bool) -> None:
    if own_group:
        signal_group(child, number)
        return
    with suppress(ProcessLookupError):
        child.send_signal(number)


def _stdin_is_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


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
