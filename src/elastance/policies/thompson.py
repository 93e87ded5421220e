"""Gaussian Thompson sampling over batch sizes: beliefs about each size's cost, and the draw between them.

Rewards are negative costs. An arm's rewards are taken as normal around an unknown mean with a variance learned
from the arm's own rewards; the belief about the mean is normal too (NSDI'23, section 4.3).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from elastance.errors import InputError
from elastance.policies.contract import CostBelief
from elastance.policies.randomness import generator_state, restore_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from elastance.policies.contract import Json, Outcome, Problem

RELATIVE_FLOOR = 0.01
"""The learned standard deviation is never below this share of the mean: equal rewards prove no certainty."""

LEAST_VARIANCE = 1e-100
"""Floor of the variance where rewards are zero, J²."""


class Prior(NamedTuple):
    """What is believed about an arm's mean reward before the first run.

    Attributes:
        mean: Prior mean, J.
        precision: Prior precision, 1/J²; 0 = no prior knowledge.
    """

    mean: float = 0.0
    precision: float = 0.0


FLAT_PRIOR = Prior()
"""No prior knowledge."""


class Belief(Protocol):
    """What is believed about one arm's mean reward."""

    @property
    def count(self) -> int:
        """How many rewards it rests on."""
        ...

    @property
    def mean(self) -> float:
        """Posterior mean, J."""
        ...

    @property
    def deviation(self) -> float:
        """Posterior standard deviation, J."""
        ...

    def add(self, reward: float) -> None:
        """Learn from one reward, J."""
        ...

    def state(self) -> dict[str, Json]:
        """Return what `restore` needs."""
        ...

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        ...


class GaussianBelief:
    """Normal posterior of an arm's mean, in bounded work per reward.

    The variance of the rewards is the unbiased sample variance (divided by n - 1), floored at
    ``(0.01 * mean)**2``; with a single reward it is the floor.

    Args:
        prior: Belief before the first reward.
        window_size: How many of the latest rewards count; 0 = all.
        precision: Precision of a reward where it is known, 1/J²; learned if None.

    Raises:
        InputError: A known precision is not a positive finite number.
    """

    def __init__(
        self, prior: Prior = FLAT_PRIOR, *, window_size: int = 0, precision: float | None = None
    ) -> None:
        if precision is not None and not 0.0 < precision < math.inf:
            raise InputError(f"reward precision {precision} is not a positive finite number")
        self._prior = prior
        self._precision = precision
        self._window: deque[float] | None = deque(maxlen=window_size) if window_size else None
        self._count = 0
        self._sample_mean = 0.0
        self._squares = 0.0  # sum of squared deviations from the mean
        self._derive()

    @property
    def count(self) -> int:
        """How many rewards it rests on."""
        return self._count

    def add(self, reward: float) -> None:
        """Learn from one reward, J."""
        if self._window is None:
            self._count += 1
            step = reward - self._sample_mean
            self._sample_mean += step / self._count
            self._squares += step * (reward - self._sample_mean)
        else:
            self._window.append(reward)
            self._count = len(self._window)
            self._sample_mean = math.fsum(self._window) / self._count
            self._squares = math.fsum((reward - self._sample_mean) ** 2 for reward in self._window)
        self._derive()

    def _derive(self) -> None:
        """Recompute the posterior (conjugate normal update with the plugged-in variance)."""
        if self._precision is not None:
            precision = self._precision
        else:
            spread = self._squares / (self._count - 1) if self._count > 1 else 0.0
            floor = RELATIVE_FLOOR * self._sample_mean
            precision = 1.0 / max(spread, floor * floor, LEAST_VARIANCE)
        total = self._prior.precision + self._count * precision
        if total > 0.0:
            weighted = self._prior.precision * self._prior.mean + self._count * precision * self._sample_mean
            self.mean = weighted / total
            self.deviation = math.sqrt(1.0 / total)
        else:
            self.mean, self.deviation = self._prior.mean, math.inf

    def state(self) -> dict[str, Json]:
        """Return the sufficient statistics, or the rewards in the window."""
        if self._window is not None:
            return {"window": list(self._window)}
        return {"count": self._count, "mean": self._sample_mean, "squares": self._squares}

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        if self._window is not None:
            for reward in cast("list[float]", state["window"]):
                self.add(reward)
            return
        self._count = cast("int", state["count"])
        self._sample_mean = cast("float", state["mean"])
        self._squares = cast("float", state["squares"])
        self._derive()


class ThompsonSampler:
    """Draws between arms: each by its belief, the largest draw wins; rarely seen arms come first.

    Args:
        beliefs: Arm (batch size) to the belief about it, in ascending order of size.
        rng: Source of the draws.
        least_observations: Arms with fewer rewards than this are tried, in random order, before any draw.
    """

    def __init__(
        self, beliefs: Mapping[int, Belief], rng: np.random.Generator, *, least_observations: int = 2
    ) -> None:
        self.beliefs = dict(beliefs)
        self.rng = rng
        self.least_observations = least_observations

    def draw(self) -> int:
        """Return the arm to play."""
        rare = [arm for arm, belief in self.beliefs.items() if belief.count < self.least_observations]
        if rare:
            return rare[int(self.rng.integers(len(rare)))]
        return self.best_draw()

    def best_draw(self) -> int:
        """Return the arm with the largest of one draw per arm, in order; the first on a tie."""
        noise = self.rng.standard_normal(len(self.beliefs))
        best, best_value = 0, -math.inf
        for (arm, belief), unit in zip(self.beliefs.items(), noise.tolist(), strict=True):
            value = belief.mean + belief.deviation * unit
            if value > best_value:
                best, best_value = arm, value
        return best

    def drop(self, arm: int) -> None:
        """Forget `arm`, unless it is the last one."""
        if len(self.beliefs) > 1:
            self.beliefs.pop(arm, None)


class ThompsonSampling:
    """Thompson sampling over every batch size on offer, without pruning; starts with the default size.

    A run that misses the target counts with what it cost. A size that cannot even start below the threshold is
    dropped: without a window, the threshold never rises again.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        prior: Prior = FLAT_PRIOR,
        least_observations: int = 2,
    ) -> None:
        self._default = problem.job.default_batch_size
        self._new_belief: Callable[[], Belief] = lambda: GaussianBelief(
            prior, window_size=problem.window_size
        )
        self._begun = False
        self._sampler = ThompsonSampler(
            {size: self._new_belief() for size in problem.batch_sizes},
            rng,
            least_observations=least_observations,
        )

    def choose_batch_size(self) -> int:
        """Return the default size first, then what the sampler draws."""
        if not self._begun:
            self._begun = True
            return self._default
        return self._sampler.draw()

    def observe_run(self, outcome: Outcome) -> None:
        """Count the run's cost against its size, or drop a size that could not start."""
        if not outcome.started:
            self._sampler.drop(outcome.batch_size)
        elif outcome.batch_size in self._sampler.beliefs:
            self._sampler.beliefs[outcome.batch_size].add(-outcome.cost_j)

    def cost_beliefs(self) -> dict[int, CostBelief]:
        """Return the belief about the cost of every size that was run."""
        return believed_costs(self._sampler.beliefs)

    def state(self) -> dict[str, Json]:
        """Return the beliefs and the generator's state."""
        return {
            "begun": self._begun,
            "beliefs": beliefs_state(self._sampler.beliefs),
            "rng": generator_state(self._sampler.rng),
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._begun = cast("bool", state["begun"])
        self._sampler.beliefs = restored_beliefs(state["beliefs"], self._new_belief)
        restore_generator(self._sampler.rng, state["rng"])


def believed_costs(beliefs: Mapping[int, Belief]) -> dict[int, CostBelief]:
    """Return beliefs about rewards as beliefs about costs, where there was any reward."""
    return {
        arm: CostBelief(-belief.mean, belief.deviation) for arm, belief in beliefs.items() if belief.count
    }


def beliefs_state(beliefs: Mapping[int, Belief]) -> dict[str, Json]:
    """Return the state of each arm's belief, keyed by the arm as text."""
    return {str(arm): belief.state() for arm, belief in beliefs.items()}


def restored_beliefs(state: Json, new_belief: Callable[[], Belief]) -> dict[int, Belief]:
    """Return beliefs as `beliefs_state` described them, in the same order."""
    beliefs: dict[int, Belief] = {}
    for arm, saved in cast("dict[str, dict[str, Json]]", state).items():
        beliefs[int(arm)] = belief = new_belief()
        belief.restore(saved)
    return beliefs
