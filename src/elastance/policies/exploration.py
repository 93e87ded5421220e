"""Pruning exploration: try each batch size outwards from the default, dropping those that fail (NSDI'23, 4.4)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from elastance.errors import InputError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.policies.contract import Json


class PruningExploration:
    """Hands out batch sizes to try, one at a time, over a number of rounds.

    A round walks down from the default size, then up from it, leaving a direction at the first size that misses
    the target. What reached the target goes on to the next round, which starts from the cheapest of them. The
    survivors of the last round are the bandit's arms.

    Args:
        batch_sizes: Sizes to explore.
        default: The size to start from; one of `batch_sizes`.
        rounds: How often the surviving sizes are walked.
        keep_survivors: Whether a round in which nothing reached the target keeps the sizes it started with. The
            published algorithm ends with none instead.

    Raises:
        InputError: `default` is not one of `batch_sizes`, or there are no rounds.
    """

    def __init__(
        self, batch_sizes: Sequence[int], default: int, *, rounds: int = 2, keep_survivors: bool = True
    ) -> None:
        if default not in batch_sizes:
            raise InputError(
                f"default batch size {default} is not among {', '.join(map(str, sorted(batch_sizes)))}"
            )
        if rounds < 1:
            raise InputError(f"{rounds} rounds of exploration: at least 1 is needed")
        self._rounds = rounds
        self._keep_survivors = keep_survivors
        self._round = 1
        self.repaired = False
        """Whether a round in which nothing reached the target had to be repaired."""
        self._begin(sorted(batch_sizes), default)

    def _begin(self, sizes: list[int], default: int) -> None:
        self._sizes = sizes
        self._default = default
        self._reached: list[int] = []
        self._best_cost = math.inf
        self._best = default
        self._walk_from(upwards=False)

    def _walk_from(self, *, upwards: bool) -> None:
        """Line up one direction of the walk; both are fixed for the round."""
        self._upwards = upwards
        if upwards:
            self._ahead = [size for size in self._sizes if size > self._default]
        else:
            self._ahead = [size for size in reversed(self._sizes) if size <= self._default]

    @property
    def finished(self) -> bool:
        """Whether the last round is over."""
        return self._round > self._rounds

    @property
    def survivors(self) -> tuple[int, ...]:
        """Sizes still in the running, ascending."""
        return tuple(self._sizes)

    def next_batch_size(self) -> int:
        """Return the size whose result is awaited; the same until `record` is called.

        Raises:
            PolicyError: The exploration is over.
        """
        if self.finished:
            raise PolicyError("the exploration is over: there is no batch size left to try")
        return self._ahead[0]

    def record(self, batch_size: int, cost_j: float, *, reached: bool) -> None:
        """Take the result of the size handed out last.

        Raises:
            PolicyError: The exploration is over, or the result is for another size.
        """
        awaited = self.next_batch_size()
        if batch_size != awaited:
            raise PolicyError(f"a result for batch size {batch_size} came while {awaited} was being explored")
        if reached:
            self._reached.append(batch_size)
            if cost_j < self._best_cost:
                self._best_cost, self._best = cost_j, batch_size
            self._ahead.pop(0)
        else:
            self._ahead.clear()
        if not self._ahead and not self._upwards:
            self._walk_from(upwards=True)
        if not self._ahead:
            self._end_round()

    def _end_round(self) -> None:
        self._round += 1
        survivors = sorted(self._reached)
        if not survivors and self._keep_survivors:
            self.repaired = True
            survivors = self._sizes
        if not survivors:
            raise PolicyError("every batch size was pruned: none reached the target below the threshold")
        self._begin(survivors, self._best)

    def state(self) -> dict[str, Json]:
        """Return where the walk stands."""
        return {
            "round": self._round,
            "sizes": list(self._sizes),
            "default": self._default,
            "upwards": self._upwards,
            "ahead": list(self._ahead),
            "reached": list(self._reached),
            "best": self._best,
            "best_cost_j": self._best_cost if math.isfinite(self._best_cost) else None,
            "repaired": self.repaired,
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._round = cast("int", state["round"])
        self._sizes = list(cast("list[int]", state["sizes"]))
        self._default = cast("int", state["default"])
        self._upwards = cast("bool", state["upwards"])
        self._ahead = list(cast("list[int]", state["ahead"]))
        self._reached = list(cast("list[int]", state["reached"]))
        self._best = cast("int", state["best"])
        best_cost = cast("float | None", state["best_cost_j"])
        self._best_cost = math.inf if best_cost is None else best_cost
        self.repaired = cast("bool", state["repaired"])
