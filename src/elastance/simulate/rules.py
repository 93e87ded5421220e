"""What differs between the normal simulation and the replay of the published one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from elastance.cost import EtaCost

if TYPE_CHECKING:
    from elastance.traces import SizeFacts


class Rules(Protocol):
    """How a world draws its randomness, stops runs early, and treats runs that cannot start."""

    published: bool
    """Whether policies are to use their published arithmetic."""
    lifts_last_threshold: bool
    """Whether the last try of a recurrence runs the best known configuration without a threshold."""
    profiles_before_start: bool
    """Whether the power policy learns the profile of a run that then never starts."""
    overlapping_runs_use_best: bool
    """Whether a run that overlaps another gets the best size known without asking the policy."""
    counts_whole_submission: bool
    """Whether an overlapping submission costs all its tries together, and is given up after so many of them."""
    threshold_forgets: bool
    """Whether, with a window, the least cost that runs are stopped by is that of the last successes only."""

    def generators(self, seed: int) -> tuple[np.random.Generator, np.random.Generator]:
        """Return the generators of the world and of the policy."""
        ...

    def epoch_cost(self, cost: EtaCost, size: SizeFacts) -> EtaCost:
        """Return the cost by which an epoch of `size` is compared with the threshold."""
        ...

    def epoch_cap(
        self, threshold_j: float, epoch_cost_j: float, profiling_cost_j: float | None, max_epochs: int
    ) -> int:
        """Return how many epochs fit below the threshold; 0 = the run never starts.

        Args:
            threshold_j: Cost at which the run is stopped, J; infinite = never.
            epoch_cost_j: Cost of an epoch under the chosen limit, J.
            profiling_cost_j: Cost of a first epoch that profiles every limit, J; None in a plain run.
            max_epochs: The job's own bound.
        """
        ...


class NormalRules:
    """The rules to use: independent random streams, and a threshold that counts the profiling epoch."""

    published = False
    lifts_last_threshold = True
    profiles_before_start = False
    overlapping_runs_use_best = False
    counts_whole_submission = True
    threshold_forgets = True

    def generators(self, seed: int) -> tuple[np.random.Generator, np.random.Generator]:
        """Return two independent streams spawned from `seed`."""
        world, policy = np.random.SeedSequence(seed).spawn(2)
        return np.random.default_rng(world), np.random.default_rng(policy)

    def epoch_cost(self, cost: EtaCost, size: SizeFacts) -> EtaCost:
        """Return the job's own cost."""
        return cost

    def epoch_cap(
        self, threshold_j: float, epoch_cost_j: float, profiling_cost_j: float | None, max_epochs: int
    ) -> int:
        """Return how many epochs fit below the threshold, the profiling epoch included."""
        if math.isinf(threshold_j):
            return max_epochs
        if profiling_cost_j is None:
            return int(min(threshold_j // epoch_cost_j, max_epochs))
        if profiling_cost_j > threshold_j:
            return 0
        return int(min(1 + (threshold_j - profiling_cost_j) // epoch_cost_j, max_epochs))


class PublishedRules:
    """The published simulator's rules, for replaying its histories float for float.

    World and policy draw from two generators with the *same* seed, the threshold ignores that a profiling epoch is
    dearer, and time is weighed by the largest limit of the batch size.
    """

    published = True
    lifts_last_threshold = False
    profiles_before_start = True
    overlapping_runs_use_best = True
    counts_whole_submission = False
    threshold_forgets = False

    def generators(self, seed: int) -> tuple[np.random.Generator, np.random.Generator]:
        """Return two generators with identical streams."""
        return np.random.default_rng(seed), np.random.default_rng(seed)

    def epoch_cost(self, cost: EtaCost, size: SizeFacts) -> EtaCost:
        """Return the cost with the largest limit of this batch size."""
        return EtaCost(cost.eta, max(size.power_limits_w))

    def epoch_cap(
        self,
        threshold_j: float,
        epoch_cost_j: float,
        profiling_cost_j: float | None,
        max_epochs: int,
    ) -> int:
        """Return how many plain epochs fit below the threshold."""
        if math.isinf(threshold_j):
            return max_epochs
        return int(min(threshold_j // epoch_cost_j, max_epochs))
