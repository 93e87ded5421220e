"""Grid Search: the baseline that tries every configuration once, then keeps to the cheapest it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from elastance.policies.contract import Json, LimitMeasurement, Outcome, Problem

_Key = tuple[int, int]


class GridSearch:
    """Chooses batch size and power limit together; runs are never stopped early.

    Configurations come in order: those of the default batch size first, then sizes ascending; limits descending
    within a size. A size that misses the target once is dropped with all its limits. When every configuration
    has been tried, the one with the least cost seen is repeated (the paper's baseline in section 6.1).
    """

    early_stopping = False

    def __init__(self, problem: Problem, rng: np.random.Generator | None = None) -> None:
        del rng  # nothing here is random
        default = problem.job.default_batch_size
        sizes = [default, *(size for size in problem.batch_sizes if size != default)]
        self._fallback: _Key = (default, problem.power_limits_w[default][-1])
        self._untried: list[_Key] = [
            (size, limit) for size in sizes for limit in reversed(problem.power_limits_w[size])
        ]
        self._costs: dict[_Key, float] = {}
        self._chosen = self._fallback

    def choose_batch_size(self) -> int:
        """Return the size of the next configuration."""
        if self._untried:
            self._chosen = self._untried.pop(0)
        elif self._costs:
            self._chosen = min(self._costs, key=lambda key: self._costs[key])
        else:
            self._chosen = self._fallback
        return self._chosen[0]

    def choose_power_limit(self, batch_size: int) -> int:
        """Return the limit of the configuration whose size was chosen last, W."""
        return self._chosen[1] if batch_size == self._chosen[0] else self._limit_known_for(batch_size)

    def _limit_known_for(self, batch_size: int) -> int:
        known = {key: cost for key, cost in self._costs.items() if key[0] == batch_size}
        return min(known, key=lambda key: known[key])[1] if known else self._fallback[1]

    def observe_run(self, outcome: Outcome) -> None:
        """Keep the least cost of the configuration, or drop its size."""
        size = outcome.batch_size
        if not outcome.reached:
            self._untried = [key for key in self._untried if key[0] != size]
            self._costs = {key: cost for key, cost in self._costs.items() if key[0] != size}
            return
        assert outcome.power_limit_w is not None
        key = (size, outcome.power_limit_w)
        self._costs[key] = min(outcome.cost_j, self._costs.get(key, outcome.cost_j))

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Never called: no profile is asked for."""

    def state(self) -> dict[str, Json]:
        """Return what was tried, what is left, and the configuration that is out."""
        return {
            "untried": [list(key) for key in self._untried],
            "costs": [[size, limit, cost] for (size, limit), cost in self._costs.items()],
            "chosen": list(self._chosen),
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._untried = [(size, limit) for size, limit in cast("list[list[int]]", state["untried"])]
        costs = cast("list[tuple[int, int, float]]", state["costs"])
        self._costs = {(size, limit): cost for size, limit, cost in costs}
        size, limit = cast("list[int]", state["chosen"])
        self._chosen = (size, limit)


class EarlyStoppingGridSearch(GridSearch):
    """`GridSearch` whose runs are stopped at beta times the least cost so far."""

    early_stopping = True
