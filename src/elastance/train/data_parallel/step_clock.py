"""Time the steps of a rank and, apart from that, how long it computes before it waits for the others.

A GPU works behind the program that feeds it. Its work is waited for at the edges of an epoch only, where that costs
nothing; within, the device itself notes when it gets to a place (CUDA events).
"""

from __future__ import annotations

import time
from typing import Any, Protocol

_KEPT = 256
"""Pairs of events that are kept before they are added up."""


class Marks(Protocol):
    """Notes when the device gets to a place."""

    def mark(self) -> Any:  # noqa: ANN401 (a time or an event)
        """Return a mark of the place that the work given so far ends at."""
        ...

    def between_s(self, first: Any, second: Any) -> float:  # noqa: ANN401
        """Return the time between two marks, s; waits for the second."""
        ...

    def wait(self) -> None:
        """Wait for the work given so far."""
        ...


class HostMarks:
    """For work that is done when the call returns, as on a CPU."""

    def mark(self) -> float:
        """Return the time, s."""
        return time.perf_counter()

    def between_s(self, first: float, second: float) -> float:
        """Return the time between two marks, s."""
        return second - first

    def wait(self) -> None:
        """Return at once."""


class CudaMarks:
    """For the current CUDA (or HIP) device."""

    def __init__(self) -> None:
        import torch

        self._cuda: Any = torch.cuda

    def mark(self) -> Any:  # noqa: ANN401
        """Return an event that the current stream records."""
        event = self._cuda.Event(enable_timing=True)
        event.record()
        return event

    def between_s(self, first: Any, second: Any) -> float:  # noqa: ANN401
        """Return the time between two events, s; waits for the second."""
        second.synchronize()
        return first.elapsed_time(second) / 1e3

    def wait(self) -> None:
        """Wait for the device."""
        self._cuda.synchronize()


class StepClock:
    """Adds up full steps.

    Args:
        marks: When the device gets to a place.

    Attributes:
        laps: Steps that were timed.
        timed_s: Their duration, s.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._running_since: float | None = None
        self._laps = 0
        self._spans: list[tuple[Any, Any]] = []
        self._computed_s = 0.0
        self._computed_laps = 0
        self._lap_began: Any = None
        self._lap_computed: Any = None
        self.laps = 0
        self.timed_s = 0.0

    def begin_lap(self) -> None:
        """Note that the samples of a step are there."""
        self._lap_began, self._lap_computed = self._marks.mark(), None

    def note_computed(self) -> None:
        """Note that the gradients of this rank are computed."""
        self._lap_computed = self._marks.mark()

    def start(self) -> None:
        """Begin to time, once what was given to the device is done."""
        self._marks.wait()
        self._running_since, self._laps = time.perf_counter(), 0

    def lap(self) -> None:
        """Note the end of a step."""
        self._laps += 1
        if self._lap_computed is not None:
            self._spans.append((self._lap_began, self._lap_computed))
            if len(self._spans) > _KEPT:
                self._add_up()  # all but the last few are done by now

    def discard(self) -> None:
        """Forget what was timed since the last start: a step was left halfway."""
        self._running_since = None
        self._spans.clear()

    def stop(self) -> None:
        """End the timing, once what was given to the device is done."""
        if self._running_since is None:
            return
        self._marks.wait()
        self.timed_s += time.perf_counter() - self._running_since
        self.laps += self._laps
        self._running_since = None
        self._add_up()

    @property
    def computed_s(self) -> float | None:
        """How long gradients were computed in the steps that were timed, s; None if that was not seen in all."""
        return self._computed_s if self._computed_laps == self.laps > 0 else None

    def _add_up(self) -> None:
        self._computed_s += sum(self._marks.between_s(*span) for span in self._spans)
        self._computed_laps += len(self._spans)
        self._spans.clear()
