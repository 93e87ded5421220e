"""Which power limits this process holds, and that they are put back whatever ends it."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.errors import ElastanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from elastance.devices import Device

_logger = logging.getLogger(__name__)

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a process politely; Ctrl-C is an exception already."""


@dataclass
class _Hold:
    """One holder of one device: what to go back to when it lets go, and how."""

    holder: object
    device: Device
    previous_w: float
    put_back: Callable[[Device, float, bool], None]


class HeldLimits:
    """The limits one process holds; there is one of these, as signals belong to the process.

    Holders of one device form a stack. Who lets go of its top goes back to the limit before; who lets go further down
    hands that on to the one above, so that overlapping holds end at the first limit, too.
    """

    def __init__(self) -> None:
        self._stacks: dict[str, list[_Hold]] = {}
        self._lock = threading.RLock()
        self._undisturbed = 0
        self._pending: int | None = None
        self._former: dict[int, Any] = {}
        self._is_watching_exits = False

    def holds(self, device_id: str) -> bool:
        """Return whether this process holds the limit of a device."""
        return bool(self._stacks.get(device_id))

    def hold(
        self,
        holder: object,
        device: Device,
        previous_w: float,
        put_back: Callable[[Device, float, bool], None],
    ) -> None:
        """Note that `holder` has changed a limit; only its first change counts.

        Args:
            holder: Who.
            device: Whose limit.
            previous_w: The limit before, W.
            put_back: Called with device, limit and whether it was the last hold, when the holder lets go.
        """
        with self._lock:
            self._watch()
            stack = self._stacks.setdefault(device.info.id, [])
            if all(one.holder is not holder for one in stack):
                stack.append(_Hold(holder, device, previous_w, put_back))

    def release(self, holder: object, device: Device) -> None:
        """Let go of a device; nothing happens if `holder` does not hold it.

        Raises:
            DeviceError: The limit could not be put back; it is not held any more all the same.
        """
        with self._lock:
            stack = self._stacks.get(device.info.id, [])
            place = next((i for i, one in enumerate(stack) if one.holder is holder), None)
            if place is None:
                return
            one = stack.pop(place)
            try:
                if place < len(stack):
                    stack[place].previous_w = one.previous_w
                else:
                    one.put_back(device, one.previous_w, not stack)
            finally:
                if not stack:
                    del self._stacks[device.info.id]
                if not self._stacks:
                    self._unwatch()

    @contextmanager
    def undisturbed(self) -> Generator[None]:
        """Keep other threads away and signals off until the block is left: a limit is set *and* noted, or neither.

        Whoever locks the records locks this first.
        """
        with self._lock:
            self._undisturbed += 1
            try:
                yield
            finally:
                self._undisturbed -= 1
                pending = None if self._undisturbed else self._pending
                if pending is not None:
                    self._pending = None
        if pending is not None:
            signal.raise_signal(pending)

    def release_all(self) -> None:
        """Put every limit back; what fails is logged."""
        with self._lock:
            for stack in list(self._stacks.values()):
                for one in reversed(list(stack)):
                    try:
                        self.release(one.holder, one.device)
                    except ElastanceError as error:
                        _logger.error("the power limit was not put back: %s", error)  # noqa: TRY400 (one line)

    def _watch(self) -> None:
        if not self._is_watching_exits:
            self._is_watching_exits = True
            atexit.register(self.release_all)
            os.register_at_fork(after_in_child=self._start_over)
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            former = signal.getsignal(number)
            # What is ignored (nohup) stays ignored; None was set by other than Python code and cannot be put back.
            if number not in self._former and former not in (signal.SIG_IGN, None):
                self._former[number] = former
                signal.signal(number, self._on_signal)

    def _unwatch(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number, former in self._former.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, former)
        self._former.clear()

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._undisturbed:
            self._pending = number
            return
        former = self._former.get(number, signal.SIG_DFL)
        self.release_all()
        self._unwatch()
        # If another handler was put over this one, it has called it, and decides itself what follows.
        if signal.getsignal(number) == former:
            signal.raise_signal(number)

    def _start_over(self) -> None:
        """In a forked child: the parent holds the limits, and a thread that held the lock is not here."""
        self._lock = threading.RLock()
        self._stacks.clear()
        self._undisturbed, self._pending = 0, None


held_limits = HeldLimits()
"""The limits this process holds."""
