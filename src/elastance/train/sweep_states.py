"""The states of a sweep over power limits, in the order it goes through them.

`Ready`, then `Warmup` and `Profiling` once for each limit, then `Done`. An epoch that ends in `Warmup` or `Profiling`
leads back to `Ready` for the same limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

from elastance.errors import InputError


class SweepSteps(NamedTuple):
    """How long each part of a sweep takes, in steps.

    Attributes:
        wait: Steps before the first limit is set.
        warmup: Steps under a limit before its window.
        measure: Steps of a window.
    """

    wait: int = 1
    warmup: int = 10
    measure: int = 40

    def checked(self) -> Self:
        """Return these steps.

        Raises:
            InputError: There are too few of them.
        """
        if self.wait < 0 or self.warmup < 0 or self.measure < 1:
            raise InputError(f"{self}: expected no negative number of steps, and at least 1 to measure")
        return self


@dataclass(frozen=True)
class Ready:
    """Steps are not measured; the limit is the one from before the sweep, or the maximum.

    Attributes:
        power_limit_w: The limit that comes next, W.
        steps_left: Steps that begin before it is set.
    """

    power_limit_w: float
    steps_left: int


@dataclass(frozen=True)
class Warmup:
    """The limit is set and takes effect.

    Attributes:
        power_limit_w: The limit, W.
        steps_left: Steps that begin before the window does.
    """

    power_limit_w: float
    steps_left: int


@dataclass(frozen=True)
class Profiling:
    """The window is open; it ends at the beginning of the step after its last.

    Attributes:
        power_limit_w: The limit, W.
        steps_left: Steps of the window that have not begun.
    """

    power_limit_w: float
    steps_left: int


@dataclass(frozen=True)
class Done:
    """The sweep is over.

    Attributes:
        power_limit_w: The limit that was selected, W; None if there is none.
        problem: Why there is none.
    """

    power_limit_w: float | None
    problem: str | None = None


SweepState: TypeAlias = Ready | Warmup | Profiling | Done
