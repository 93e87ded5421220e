"""The published policies with their published arithmetic, for replaying the published simulator bit for bit.

Used by the simulator's compatibility mode only. What differs from the policies to use: an arm's variance is the
population variance of its rewards, zero included; a run that never started counts as a reward; the first result of
the awaited size counts as the trial, whichever run it came from; exploration may prune every size; each draw is
preceded by a permutation; a power limit's cost refers to the largest limit of its batch size instead of the GPU's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from elastance.cost import EtaCost
from elastance.policies.exploration import PruningExploration
from elastance.policies.power_limit import JustInTimePowerLimit
from elastance.policies.pruning_thompson import PruningThompsonSampling
from elastance.policies.thompson import Belief, ThompsonSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elastance.policies.contract import Json, LimitMeasurement, Outcome, Problem

_LOW = 0xFFFFFFFF
"""Mask of the lower half of a 64-bit word."""

_sum, _subtract, _multiply = np.add.reduce, np.subtract, np.multiply


class PublishedBelief:
    """Flat-prior posterior of an arm's mean, recomputed from its rewards in the published order of operations."""

    def __init__(self, window_size: int = 0) -> None:
        self._window_size = window_size
        self._rewards = np.empty(64)
        self._scratch = np.empty(64)
        self._length = 0
        self.mean = 0.0
        self.deviation = math.inf

    @property
    def count(self) -> int:
        """How many rewards it rests on."""
        return min(self._length, self._window_size) if self._window_size else self._length

    def add(self, reward: float) -> None:
        """Learn from one reward, J."""
        if self._length == len(self._rewards):
            self._rewards = np.concatenate((self._rewards, np.empty(self._length)))
            self._scratch = np.empty(2 * self._length)
        self._rewards[self._length] = reward
        self._length += 1
        self._derive()

    def _derive(self) -> None:
        count = self.count
        rewards = self._rewards[self._length - count : self._length]
        # The steps of numpy.sum and numpy.var, spelled out to share the sum and the memory; the bits are the same.
        total = float(_sum(rewards))
        squares = _subtract(rewards, total / count, self._scratch[:count])
        variance = float(_sum(_multiply(squares, squares, squares))) / count
        if variance == 0.0:
            self.mean, self.deviation = total / count, 0.0
            return
        precision = 1 / variance
        posterior_precision = 0.0 + count * precision
        self.mean = (0.0 * 0.0 + precision * total) / posterior_precision
        self.deviation = math.sqrt(1 / posterior_precision)

    def state(self) -> dict[str, Json]:
        """Return the rewards that count."""
        return {"rewards": self._rewards[self._length - self.count : self._length].tolist()}

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._length = 0
        for reward in cast("list[float]", state["rewards"]):
            self.add(reward)


class PublishedSampler(ThompsonSampler):
    """Draws a permutation of the arms before every draw, and makes no use of it.

    The permutation is meant to pick among rarely seen arms; every survivor of the published exploration has been
    seen often enough.
    """

    def __init__(self, beliefs: Mapping[int, Belief], rng: np.random.Generator) -> None:
        super().__init__(beliefs, rng)
        self._skip = PermutationSkipper(rng, len(beliefs))

    def draw(self) -> int:
        """Return the arm to play."""
        self._skip()
        return self.best_draw()


class PermutationSkipper:
    """Advances a generator exactly as ``rng.choice(n, n, replace=False)`` does, at a third of its cost.

    NumPy draws the permutation with 32-bit numbers below 2, 3, … n, n, … 3, 2, two from each 64-bit word of the
    stream. One of them takes a further word only if it is rejected (Lemire's method), about once in 10^8 times; then,
    and from then on, the permutation is really drawn.
    """

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self._rng = rng
        self._n = n
        bounds = [*range(2, n + 1), *range(n, 1, -1)]
        self._pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
        source = rng.bit_generator
        # Half a word left over from before would shift every pair.
        self._whole_words = isinstance(source, np.random.PCG64) and not source.state["has_uint32"]

    def __call__(self) -> None:
        """Advance the generator."""
        source = self._rng.bit_generator
        if self._whole_words and isinstance(source, np.random.PCG64):
            words = source.random_raw(len(self._pairs)).tolist()
            for word, (first, second) in zip(words, self._pairs, strict=True):
                if (word & _LOW) * first & _LOW < first or (word >> 32) * second & _LOW < second:
                    break
            else:
                return
            source.advance(-len(words))
            self._whole_words = False
        self._rng.choice(self._n, self._n, replace=False)


class PublishedPruningThompson(PruningThompsonSampling):
    """`PruningThompsonSampling` as published, defects included."""

    def _new_exploration(self, problem: Problem, rounds: int) -> PruningExploration:
        return PruningExploration(
            problem.batch_sizes, problem.job.default_batch_size, rounds=rounds, keep_survivors=False
        )

    def _new_belief(self) -> Belief:
        return PublishedBelief(self._window_size)

    def _new_sampler(self, beliefs: Mapping[int, Belief]) -> ThompsonSampler:
        return PublishedSampler(beliefs, self._rng)

    def _is_reward(self, outcome: Outcome) -> bool:
        return True

    def _answers_trial(self, outcome: Outcome) -> bool:
        """The first result of the awaited size, whichever run it came from."""
        return self._awaited is not None and outcome.batch_size == self._exploration.next_batch_size()


class PublishedPowerLimit(JustInTimePowerLimit):
    """`JustInTimePowerLimit`, weighing time by the largest limit measured for the batch size."""

    def _cost_for(self, profile: tuple[LimitMeasurement, ...]) -> EtaCost:
        return EtaCost(self._cost.eta, max(at.power_limit_w for at in profile))


PUBLISHED_ARITHMETIC: Mapping[Callable[..., Any], Callable[..., Any]] = {
    PruningThompsonSampling: PublishedPruningThompson,
    JustInTimePowerLimit: PublishedPowerLimit,
}
"""Policy to use, to the one that replays the published arithmetic."""
