"""Signals to a launcher: the first one asks it to save and end, the second one to end at once."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_RESIZE = "SIGUSR1"


class Interruption:
    """What signals have asked for. For the main thread.

    Attributes:
        number: Number of the first signal that asked to end; None if none did.
        plan_came: Whether somebody says that there is a plan to be read.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.plan_came = False
        self._at_once: dict[int, Any] = {}

    @contextmanager
    def noted(self) -> Generator[None]:
        """Note signals while the block runs; those that are ignored (nohup) stay so."""
        names = [name for name in (*_ENDING, _RESIZE) if hasattr(signal, name)]
        former = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
        try:
            self._install(former)
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def noted_before(self) -> Generator[None]:
        """Note signals while the block runs, and let the handlers that are there have the second one."""
        former = {
            getattr(signal, name): signal.getsignal(getattr(signal, name))
            for name in _ENDING
            if hasattr(signal, name)
        }
        self._at_once = dict(former)
        try:
            self._install(former)
            yield
        finally:
            self._at_once = {}
            for number, handler in former.items():
                signal.signal(number, handler)

    def _install(self, former: dict[Any, Any]) -> None:
        for number, handler in former.items():
            if handler is not signal.SIG_IGN or number == getattr(signal, _RESIZE, None):
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == getattr(signal, _RESIZE, None):
            self.plan_came = True
        elif self.number is None:
            self.number = number
        elif callable(handler := self._at_once.get(number)):
            handler(number, frame)
