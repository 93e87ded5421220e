"""The one thread that reads devices while windows are open; it goes away by itself when it has nothing to do."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LINGER_S = 1.0  # how long it waits for the next window: starting a thread costs more than a window


class Sampler:
    """Calls a bound method whenever it is due.

    The thread ends when it has been idle for a second, when it is stopped, or when the object of the method is
    garbage; it never keeps that object, or the interpreter, alive.

    Args:
        tick: Does what is due and returns the seconds until more is; None if there is nothing to do at all.
    """

    def __init__(self, tick: Callable[[], float | None]) -> None:
        self._tick = weakref.WeakMethod(tick)
        self._changing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._idle = False
        self._stopping = False

    def wake(self) -> None:
        """Say that there is something to do."""
        if self._thread is not None and not self._idle:
            return
        with self._changing:
            self._wake.set()
            if self._thread is None:
                self._stopping = self._idle = False
                self._thread = threading.Thread(target=self._run, name="elastance-sampler", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread and wait until it is gone."""
        with self._changing:
            thread, self._stopping = self._thread, True
            self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        try:
            while True:
                tick = self._tick()
                due_s = tick() if tick is not None else None
                del tick  # not to keep its object alive while waiting
                self._idle = due_s is None
                woken = self._wake.wait(_LINGER_S if due_s is None else min(due_s, _LINGER_S))
                with self._changing:
                    self._wake.clear()
                    if self._stopping or (self._idle and not woken):
                        self._thread = None
                        return
        finally:
            self._thread = None
