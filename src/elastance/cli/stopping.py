"""End a command that would run for ever: on Ctrl-C, SIGTERM or a hang-up it finishes what it does, then leaves."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # by name: Windows has no SIGHUP


class Stopper:
    """Waits, unless it was told to stop.

    Not a `threading.Event`: a signal that arrives while one is being asked would lock it up.
    """

    def __init__(self) -> None:
        self._heard, self._told = socket.socketpair()
        self._told.setblocking(False)
        self._keyboard: int | None = None
        self.stopped = False

    def stop(self) -> None:
        """End the present and every later wait."""
        self.stopped = True
        self._told.send(b"x")

    def wait(self, seconds: float) -> bool:
        """Wait `seconds`; return at once, with True, when told to stop."""
        until = time.monotonic() + seconds
        while not self.stopped and (left := until - time.monotonic()) > 0:
            heard = [self._heard] if self._keyboard is None else [self._heard, self._keyboard]
            if self._keyboard in select.select(heard, [], [], left)[0]:
                self._on_key()
        return self.stopped

    @contextmanager
    def stopping_on_q(self) -> Generator[None, None, None]:
        """Stop when q is typed, while the block runs; where standard input is a terminal that can do it."""
        keyboard = _terminal()
        if keyboard is None:
            yield
            return
        import termios
        import tty

        before = termios.tcgetattr(keyboard)
        tty.setcbreak(keyboard)
        self._keyboard = keyboard
        try:
            yield
        finally:
            self._keyboard = None
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    def _on_key(self) -> None:
        assert self._keyboard is not None
        keys = os.read(self._keyboard, 64)
        if not keys:  # the terminal is gone
            self._keyboard = None
        elif b"q" in keys.lower():
            self.stop()

    def close(self) -> None:
        """Let go of the sockets."""
        self._heard.close()
        self._told.close()


def _terminal() -> int | None:
    """File descriptor of standard input, if it is a terminal that can give single keys."""
    if importlib.util.find_spec("termios") is None or not sys.stdin.isatty():  # there is none on Windows
        return None
    return sys.stdin.fileno()


@contextmanager
def stopping_on_signals() -> Generator[Stopper, None, None]:
    """Give a `Stopper` that the first signal stops; a second Ctrl-C interrupts whatever hangs."""
    stopper = Stopper()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stopper.stopped:
            signal.default_int_handler(number, frame)
        stopper.stop()

    before = {
        number: signal.getsignal(number)
        for name in _SIGNALS
        if (number := getattr(signal, name, None)) is not None
    }
    try:
        for number, handler in before.items():
            # Under nohup a hang-up is ignored on purpose. A script's background jobs ignore Ctrl-C only because
            # the shell makes them; `kill -INT` is the published monitor's way to be ended.
            if number == signal.SIGINT or handler != signal.SIG_IGN:
                signal.signal(number, on_signal)
        yield stopper
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopper.close()
