"""What the runs of one batch size say about the epochs it needs, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from elastance.policies.contract import Json

DRIFT_DEVIATION = 0.2
"""With a window: how far the logarithm of the epochs is expected to drift while the window fills with runs."""


class Evidence(NamedTuple):
    """A normal summary of measurements.

    Attributes:
        value: Where they put the logarithm of the epochs.
        precision: 1 / its variance; 0 = they say nothing.
    """

    value: float
    precision: float


class _Run(NamedTuple):
    """One run in a window: at most one of its three parts is there.

    Attributes:
        number: Number of the run among all of the policy's.
        reached: Logarithm of the epochs it took to the target.
        bound: What a run says that was stopped before its size had ever succeeded.
        wasted: Epochs of a miss of a size that had succeeded before.
    """

    number: int
    reached: float | None = None
    bound: Evidence | None = None
    wasted: float = 0.0


class EpochTally:
    """Runs of one batch size.

    A run that reached the target measures the epochs. A run that was stopped is a lower bound while the size has
    never succeeded, and otherwise a restart whose epochs were wasted.

    Args:
        window_size: How many of the last runs count; 0 = all.
    """

    def __init__(self, window_size: int = 0) -> None:
        self._window: deque[_Run] | None = deque(maxlen=window_size) if window_size else None
        self._drift = DRIFT_DEVIATION**2 / window_size if window_size else 0.0
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        """How many runs reached the target."""
        self.squares = 0.0
        """Sum of squared deviations of their log epochs from the mean."""
        self.wasted = 0.0
        """Epochs of misses, once there was a success."""
        self._mean = 0.0
        self._bound_precision = 0.0
        self._bound_weighted = 0.0

    def add_reached(self, log_epochs: float, number: int) -> None:
        """Count a run, the `number`-th of all, that reached the target."""
        self._add(_Run(number, reached=log_epochs))

    def add_bound(self, bound: Evidence, number: int) -> None:
        """Count a run that was stopped, summarised as a measurement."""
        self._add(_Run(number, bound=bound))

    def add_miss(self, epochs: float, number: int) -> None:
        """Count a run that missed the target though its size had reached it before."""
        self._add(_Run(number, wasted=epochs))

    def _add(self, run: _Run) -> None:
        if self._window is None:
            self._count_in(run)
            return
        self._window.append(run)
        self._clear()
        for kept in self._window:
            self._count_in(kept)

    def _count_in(self, run: _Run) -> None:
        self.wasted += run.wasted
        if run.reached is not None:
            self.count += 1
            step = run.reached - self._mean
            self._mean += step / self.count
            self.squares += step * (run.reached - self._mean)
        if run.bound is not None:
            self._bound_precision += run.bound.precision
            self._bound_weighted += run.bound.value * run.bound.precision

    @property
    def empty(self) -> bool:
        """Whether nothing was ever learned."""
        return not (self.count or self._bound_precision or self.wasted)

    @property
    def wasted_per_success(self) -> float:
        """Epochs lost to misses for each run that reaches the target."""
        return self.wasted / self.count if self.count else 0.0

    def evidence(self, variance: float, number: int) -> Evidence:
        """Summarise what is known when the `number`-th run is to come.

        Args:
            variance: Variance of the log epochs of one run.
            number: Runs so far; with a window, older ones count less.
        """
        precision = self.count / variance + self._bound_precision
        weighted = self._mean * self.count / variance + self._bound_weighted
        if self._window is not None:
            precision = weighted = 0.0
            for run in self._window:
                measured = run.bound if run.reached is None else Evidence(run.reached, 1.0 / variance)
                if measured is not None:
                    aged = 1.0 / (1.0 / measured.precision + self._drift * (number - run.number))
                    precision += aged
                    weighted += aged * measured.value
        return Evidence(weighted / precision if precision else 0.0, precision)

    def state(self) -> dict[str, Json]:
        """Return the sums, or the runs in the window."""
        if self._window is not None:
            return {
                "window": [
                    [run.number, run.reached, None if run.bound is None else list(run.bound), run.wasted]
                    for run in self._window
                ]
            }
        return {
            "count": self.count,
            "mean": self._mean,
            "squares": self.squares,
            "wasted": self.wasted,
            "bound_precision": self._bound_precision,
            "bound_weighted": self._bound_weighted,
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._clear()
        if self._window is not None:
            self._window.clear()
            for number, reached, bound, wasted in cast(
                "list[tuple[int, float | None, Json, float]]", state["window"]
            ):
                stopped = None if bound is None else Evidence(*cast("tuple[float, float]", bound))
                self._add(_Run(number, reached, stopped, wasted))
            return
        self.count = cast("int", state["count"])
        self._mean = cast("float", state["mean"])
        self.squares = cast("float", state["squares"])
        self.wasted = cast("float", state["wasted"])
        self._bound_precision = cast("float", state["bound_precision"])
        self._bound_weighted = cast("float", state["bound_weighted"])
