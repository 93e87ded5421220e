"""The batch-size policy of Zeus: pruning exploration first, then Thompson sampling among the survivors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from elastance.policies.exploration import PruningExploration
from elastance.policies.randomness import generator_state, restore_generator
from elastance.policies.thompson import (
    FLAT_PRIOR,
    Belief,
    GaussianBelief,
    Prior,
    ThompsonSampler,
    beliefs_state,
    believed_costs,
    restored_beliefs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from elastance.policies.contract import CostBelief, Json, Outcome, Problem


class PruningThompsonSampling:
    """Explore and prune, then exploit (NSDI'23, section 4.3 and 4.4, algorithms 1 and 2).

    Differs from the published algorithm where that one goes wrong: a round of exploration that would leave no
    size keeps those it began with, the variance of an arm has a floor, and a run that never started is a failure
    but not a reward. While one trial of the exploration is out, further runs get the best size known.

    Args:
        problem: The task.
        rng: Source of the bandit's draws.
        prior: Belief about every arm before its first run.
        rounds: Rounds of exploration.
    """

    def __init__(
        self, problem: Problem, rng: np.random.Generator, *, prior: Prior = FLAT_PRIOR, rounds: int = 2
    ) -> None:
        self._prior = prior
        self._window_size = problem.window_size
        self._rng = rng
        self._exploration = self._new_exploration(problem, rounds)
        self._sampler: ThompsonSampler | None = None
        self._beliefs: dict[int, Belief] = {size: self._new_belief() for size in problem.batch_sizes}
        self._trials = 0
        self._awaited: int | None = None
        self._best = problem.job.default_batch_size
        self._best_cost = math.inf

    def _new_exploration(self, problem: Problem, rounds: int) -> PruningExploration:
        return PruningExploration(problem.batch_sizes, problem.job.default_batch_size, rounds=rounds)

    def _new_belief(self) -> Belief:
        return GaussianBelief(self._prior, window_size=self._window_size)

    def _new_sampler(self, beliefs: Mapping[int, Belief]) -> ThompsonSampler:
        return ThompsonSampler(beliefs, self._rng)

    def _is_reward(self, outcome: Outcome) -> bool:
        """Whether the cost of a run says something about its size."""
        return outcome.started

    def _answers_trial(self, outcome: Outcome) -> bool:
        """Whether a run is the trial that exploration awaits."""
        return outcome.trial is not None and outcome.trial == self._awaited

    @property
    def exploring(self) -> bool:
        """Whether exploration is still going on."""
        return self._sampler is None

    @property
    def arms(self) -> tuple[int, ...]:
        """Batch sizes still in the running, ascending."""
        return self._exploration.survivors if self._sampler is None else tuple(self._sampler.beliefs)

    @property
    def notes(self) -> tuple[str, ...]:
        """Says so if exploration had to be kept from pruning every size."""
        if not self._exploration.repaired:
            return ()
        return ("no batch size reached the target in a round of exploration: kept the sizes it began with",)

    def choose_batch_size(self) -> int:
        """Return the next size to explore or, after exploration, the bandit's draw."""
        trial = self._trials
        self._trials += 1
        if self._sampler is not None:
            return self._sampler.draw()
        if self._awaited is not None:
            return self._best
        self._awaited = trial
        return self._exploration.next_batch_size()

    def observe_run(self, outcome: Outcome) -> None:
        """Learn from a run: its cost, and whether its size survives."""
        size = outcome.batch_size
        if self._is_reward(outcome):
            self._beliefs[size].add(-outcome.cost_j)
        if outcome.reached and outcome.cost_j < self._best_cost:
            self._best, self._best_cost = size, outcome.cost_j
        if self._sampler is not None:
            if not self._is_reward(outcome):
                self._sampler.drop(
                    size
                )  # without a window the threshold never rises: it could never start again
        elif self._answers_trial(outcome):
            self._awaited = None
            self._exploration.record(size, outcome.cost_j, reached=outcome.reached)
            if self._exploration.finished:
                self._begin_sampling(self._exploration.survivors)

    def abandon_trial(self, trial: int) -> None:
        """Stop waiting for a trial that will never be answered; its size is explored again."""
        if trial == self._awaited:
            self._awaited = None

    def cost_beliefs(self) -> dict[int, CostBelief]:
        """Return the belief about the cost of every size that was run."""
        return believed_costs(self._beliefs)

    def _begin_sampling(self, arms: tuple[int, ...]) -> None:
        self._sampler = self._new_sampler({arm: self._beliefs[arm] for arm in arms})

    def state(self) -> dict[str, Json]:
        """Return the stage, the walk, the beliefs and the generator's state."""
        return {
            "trials": self._trials,
            "awaited": self._awaited,
            "best": self._best,
            "best_cost_j": self._best_cost if math.isfinite(self._best_cost) else None,
            "exploration": self._exploration.state(),
            "beliefs": beliefs_state(self._beliefs),
            "arms": None if self._sampler is None else list(self._sampler.beliefs),
            "rng": generator_state(self._rng),
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._trials = cast("int", state["trials"])
        self._awaited = cast("int | None", state["awaited"])
        self._best = cast("int", state["best"])
        best_cost = cast("float | None", state["best_cost_j"])
        self._best_cost = math.inf if best_cost is None else best_cost
        self._exploration.restore(cast("dict[str, Json]", state["exploration"]))
        self._beliefs = restored_beliefs(state["beliefs"], self._new_belief)
        restore_generator(self._rng, state["rng"])
        arms = cast("list[int] | None", state["arms"])
        self._sampler = None
        if arms is not None:
            self._begin_sampling(tuple(arms))
