"""Optuna's samplers as policies: each run is a trial over (batch size, power limit).

Optuna only searches: it is never told to keep to the best. The search begins with the user's own configuration; a run
that misses the target is told as its own cost plus the least cost so far, which has to be paid again.
"""

from __future__ import annotations

import logging
import math
import warnings
from typing import TYPE_CHECKING

import optuna

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from elastance.policies import LimitMeasurement, Outcome, Problem

optuna.logging.set_verbosity(logging.WARNING)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


class OptunaSearch:
    """Chooses batch size and power limit together, by an Optuna sampler; never profiles."""

    def __init__(self, problem: Problem, sampler: optuna.samplers.BaseSampler) -> None:
        self._problem = problem
        self._study = optuna.create_study(sampler=sampler)
        # Sizes and limits are given by their places, from 0 to 1, as sizes differ in how many limits they have.
        default = problem.batch_sizes.index(problem.job.default_batch_size)
        self._study.enqueue_trial({"size": default, "limit": 1.0})
        self._trials: dict[int, optuna.Trial] = {}
        self._limit = 0
        self._least_cost = math.inf

    def choose_batch_size(self) -> int:
        """Ask for a configuration; return its size."""
        trial = self._study.ask()
        size = self._problem.batch_sizes[trial.suggest_int("size", 0, len(self._problem.batch_sizes) - 1)]
        limits = self._problem.power_limits_w[size]
        place = trial.suggest_float("limit", 0.0, 1.0)
        self._limit = limits[min(int(place * len(limits)), len(limits) - 1)]
        self._trials[trial.number] = trial
        return size

    def choose_power_limit(self, batch_size: int) -> int:
        """Return the limit of the configuration that was asked for last, W."""
        del batch_size
        return self._limit

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Nothing to learn: it never profiles."""

    def observe_run(self, outcome: Outcome) -> None:
        """Tell what the run cost."""
        if outcome.reached:
            self._least_cost = min(self._least_cost, outcome.cost_j)
        if outcome.trial is None:
            return
        trial = self._trials.pop(outcome.trial)
        # A run that could not start cost nothing, and all it showed is that it is above the threshold.
        cost_j = outcome.cost_j if outcome.started else self._problem.beta * self._least_cost
        self._study.tell(trial, cost_j if outcome.reached else cost_j + self._least_cost)


class TpeSearch(OptunaSearch):
    """Optuna's tree-structured Parzen estimator."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(problem, optuna.samplers.TPESampler(seed=int(rng.integers(2**31))))


class RandomSearch(OptunaSearch):
    """Optuna's random search."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(problem, optuna.samplers.RandomSampler(seed=int(rng.integers(2**31))))
