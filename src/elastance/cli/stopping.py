"""End a command that would run for ever: on Ctrl-C, SIGTERM or a hang-up it finishes what it does, then leaves."""

from __future__ import annotations

import select
import signal
import socket
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
        self.stopped = False

    def stop(self) -> None:
        """End the present and every later wait."""
        self.stopped = True
        self._told.send(b"x")

    def wait(self, seconds: float) -> bool:
        """Wait `seconds`; return at once, with True, when told to stop."""
        if not self.stopped and seconds > 0:
            select.select([self._heard], [], [], seconds)
        return self.stopped

    def close(self) -> None:
        """Let go of the sockets."""
        self._heard.close()
        self._told.close()


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
