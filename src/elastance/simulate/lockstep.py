"""Many seeds of one recurring job at once: what they do after exploration, in arrays instead of one by one.

Once the pruning exploration is over, a recurrence of `PruningThompsonSampling` is a draw per arm, a run of the arm
with the largest, and an update of that arm's belief. Here all seeds take that step together. Each has its own random
streams, and the floating-point operations are those of the policy and the world in the same order: the histories are
equal, bit for bit. A seed that meets a rare case (a run that cannot start, an arm seen only once, 19 misses in a row)
is left to the plain simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from elastance.policies import JustInTimePowerLimit, MaxPowerLimit, PruningThompsonSampling
from elastance.policies.thompson import LEAST_VARIANCE, RELATIVE_FLOOR
from elastance.runs import RunRecord
from elastance.simulate.recurring import MAX_TRIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from elastance.policies import PolicyPair, Problem
    from elastance.simulate.world import JobWorld
    from elastance.traces import JobFacts

    _Floats: TypeAlias = NDArray[np.float64]
    _Indices: TypeAlias = NDArray[np.intp]
    _Words: TypeAlias = NDArray[np.uint64]
    _Flags: TypeAlias = NDArray[np.bool_]

LEAST_SEEDS = 8
"""With fewer seeds at once an array step takes longer than the plain steps it replaces."""

_BLOCK = 64
"""Steps for which random numbers are drawn at a time."""

_LOWER_HALF = np.uint64(0xFFFFFFFF)


class Explorer(NamedTuple):
    """One seed whose exploration is over.

    Attributes:
        world: Where the job runs.
        world_rng, policy_rng: The streams of the world and of the policy.
        records: Every run so far, in order.
        recurrences: How many recurrences they are.
        left: How many are still to come.
    """

    world: JobWorld
    world_rng: np.random.Generator
    policy_rng: np.random.Generator
    records: list[RunRecord]
    recurrences: int
    left: int


def can_step_together(problem: Problem, pair: PolicyPair) -> bool:
    """Whether the policies are those this module knows, and remember every run."""
    return (
        type(pair.batch_size) is PruningThompsonSampling
        and type(pair.power_limit) in (JustInTimePowerLimit, MaxPowerLimit)
        and problem.window_size == 0
    )


def step_together(facts: JobFacts, explorers: Sequence[Explorer]) -> list[list[RunRecord] | None]:
    """Run every explorer's job to its last recurrence.

    Returns:
        The records of each, those of the exploration first; None where a rare case needs the plain simulation.
    """
    if not explorers:
        return []
    seeds = _Seeds(_Tables.of(facts, explorers), explorers)
    steps: list[_Steps] = []
    while seeds.unfinished.any():
        steps.append(seeds.advance())
    if not steps:
        return [None if rare else of.records for of, rare in zip(explorers, seeds.rare, strict=True)]
    taken = _Steps(*map(np.concatenate, zip(*steps, strict=True)))
    return [
        None if seeds.rare[row] else explorer.records + taken.records(row, explorer, seeds.tables)
        for row, explorer in enumerate(explorers)
    ]


@dataclass(frozen=True)
class _Tables:
    """What a step looks up, by index of the size, and the numbers that all steps share.

    Attributes:
        sizes: Batch sizes.
        limits_w: The limit each runs under, W; None for one that no seed ran.
        paths: How many training paths there are.
        target_epoch: Epochs to the target on each path; infinite = never, and past the last path.
        rejected: Draws whose lower half is below this are drawn again.
        epoch_s, epoch_j, epoch_cost_j: An epoch's time (s), energy (J) and cost (J) under that limit.
        eta, watts: Weights of energy and of time (W) in the cost.
        beta, max_epochs: When a run is stopped.
    """

    sizes: tuple[int, ...]
    limits_w: tuple[int | None, ...]
    paths: _Words
    target_epoch: _Floats
    rejected: _Words
    epoch_s: _Floats
    epoch_j: _Floats
    epoch_cost_j: _Floats
    eta: float
    watts: float
    beta: float
    max_epochs: float

    @classmethod
    def of(cls, facts: JobFacts, explorers: Sequence[Explorer]) -> _Tables:
        problem = explorers[0].world.problem
        sizes = tuple(facts.sizes)
        limits = tuple(_limit(explorers, size) for size in sizes)
        paths = np.array([len(of.paths) for of in facts.sizes.values()], np.uint64)
        targets = np.full((len(sizes), int(paths.max())), math.inf)
        epoch_s, epoch_j = np.ones(len(sizes)), np.ones(len(sizes))
        for index, (size, limit) in enumerate(zip(facts.sizes.values(), limits, strict=True)):
            targets[index, : len(size.paths)] = [math.inf if path is None else path for path in size.paths]
            if limit is not None:
                epoch_s[index], epoch_j[index] = size.epoch_at[limit]
        eta, watts = problem.cost.eta, (1 - problem.cost.eta) * problem.cost.max_power_w
        return cls(
            sizes=sizes,
            limits_w=limits,
            paths=paths,
            target_epoch=targets,
            rejected=(np.uint64(2**32) - paths) % paths,
            epoch_s=epoch_s,
            epoch_j=epoch_j,
            epoch_cost_j=eta * epoch_j + watts * epoch_s,
            eta=eta,
            watts=watts,
            beta=problem.beta,
            max_epochs=float(problem.job.max_epochs),
        )


def _limit(explorers: Sequence[Explorer], size: int) -> int | None:
    """Return the limit of a size, the same for every seed that knows one: it follows from the facts."""
    limits = (of.world.policies.power_limit.choose_power_limit(size) for of in explorers)
    return next((limit for limit in limits if limit is not None), None)


class _Steps(NamedTuple):
    """Runs of all seeds: a row per step, a column per seed."""

    size: _Indices
    epochs: _Floats
    energy_j: _Floats
    time_s: _Floats
    cost_j: _Floats
    reached: _Flags
    recurrence: _Indices

    def records(self, seed: int, explorer: Explorer, tables: _Tables) -> list[RunRecord]:
        """Return the runs of one seed, up to the end of its last recurrence."""
        end = int(np.searchsorted(self.recurrence[:, seed], explorer.left))
        chosen: list[int] = self.size[:end, seed].tolist()
        columns = (
            [tables.sizes[index] for index in chosen],
            [tables.limits_w[index] for index in chosen],
            self.energy_j[:end, seed].tolist(),
            self.time_s[:end, seed].tolist(),
            self.reached[:end, seed].tolist(),
            self.epochs[:end, seed].astype(np.int64).tolist(),
            self.cost_j[:end, seed].tolist(),
            (self.recurrence[:end, seed] + explorer.recurrences).tolist(),
            [False] * end,
        )
        return list(map(RunRecord._make, zip(*columns, strict=True)))


@dataclass
class _Seeds:
    """All seeds in the middle of their lives.

    Beliefs are kept flat, seed by seed and arm by arm; a seed with fewer arms than another has columns that are
    never chosen.
    """

    tables: _Tables
    explorers: Sequence[Explorer]
    rare: _Flags = field(init=False)

    def __post_init__(self) -> None:
        explorers, states = self.explorers, [_state(explorer) for explorer in self.explorers]
        count, self._width = len(explorers), max(len(state["arms"]) for state in states)
        shape = (count, self._width)
        sizes, beliefs, unused = np.zeros(shape, np.intp), np.zeros((3, *shape)), np.ones(shape, np.bool_)
        self.rare = np.zeros(count, np.bool_)
        for row, state in enumerate(states):
            for column, arm in enumerate(state["arms"]):
                known, index = state["beliefs"][str(arm)], self.tables.sizes.index(arm)
                self.rare[row] |= known["count"] < 2 or self.tables.limits_w[index] is None
                sizes[row, column], unused[row, column] = index, False
                beliefs[:, row, column] = known["count"], known["mean"], known["squares"]
        beliefs[0, unused | (beliefs[0] < 2)] = 2  # never looked at, but must not divide by zero
        self._size_of, self._arms = sizes.ravel(), self._width - unused.sum(axis=1)
        self._count, self._average, self._squares = beliefs.reshape(3, -1)
        self._mean, self._deviation = _posterior(self._count, self._average, self._squares)
        self._mean[unused.ravel()] = -math.inf
        self._first_arm = np.arange(0, count * self._width, self._width)
        self._min_cost_j = np.array([explorer.world.min_cost_j for explorer in explorers])
        self._left = np.array([explorer.left for explorer in explorers])
        self._recurrences, self._misses = np.zeros(count, np.intp), np.zeros(count, np.intp)
        self._spent_j = np.zeros(count)
        self._rows, self._words_used = np.arange(count), np.zeros(count, np.intp)
        self._words = np.empty((count, 0), np.uint64)

    @property
    def unfinished(self) -> _Flags:
        """Which seeds have recurrences left to run here."""
        return (self._recurrences < self._left) & ~self.rare

    def advance(self) -> _Steps:
        """Take a block of steps."""
        noise = self._draws()
        steps = [self._step(noise[step]) for step in range(_BLOCK)]
        return _Steps(*map(np.array, zip(*steps, strict=True)))

    def _draws(self) -> _Floats:
        """Draw what policies will ask for (a number per arm and step) and what worlds may (a word per step)."""
        count = len(self.explorers)
        noise = np.zeros((_BLOCK, count, self._width))
        words = np.empty((count, _BLOCK), np.uint64)
        for row, (explorer, arms) in enumerate(zip(self.explorers, self._arms, strict=True)):
            noise[:, row, :arms] = explorer.policy_rng.standard_normal((_BLOCK, arms))
            words[row] = explorer.world_rng.integers(0, 2**32, _BLOCK, dtype=np.uint32)
        used = int(self._words_used.min())
        self._words = np.concatenate([self._words[:, used:], words], axis=1)
        self._words_used -= used
        return noise

    def _step(self, noise: _Floats) -> _Steps:
        """One run of every seed: choose, run, learn."""
        tables, recurrence = self.tables, self._recurrences
        values = (self._mean + self._deviation * noise.ravel()).reshape(noise.shape)
        arm = values.argmax(axis=1) + self._first_arm
        size = self._size_of[arm]
        # The bounded integer of NumPy's generators: multiply, keep the upper half, reject a sliver of the lower.
        paths = tables.paths[size]
        scaled = self._words[self._rows, self._words_used] * paths
        self._words_used += paths > 1  # a size with a single path draws nothing
        target = tables.target_epoch[size, (scaled >> np.uint64(32)).astype(np.intp)]
        rare = (scaled & _LOWER_HALF) < tables.rejected[size]
        if math.isinf(tables.beta):
            cap = np.full(len(size), tables.max_epochs)
        else:
            cap = np.minimum((tables.beta * self._min_cost_j) // tables.epoch_cost_j[size], tables.max_epochs)
            rare |= cap == 0
        reached = target <= cap
        epochs = np.where(reached, target, cap)
        energy_j, time_s = tables.epoch_j[size] * epochs, tables.epoch_s[size] * epochs
        cost_j = tables.eta * energy_j + tables.watts * time_s
        self._learn(arm, -cost_j)
        spent_j = self._spent_j + cost_j
        self._min_cost_j = np.where(reached & (spent_j < self._min_cost_j), spent_j, self._min_cost_j)
        self._spent_j = np.where(reached, 0.0, spent_j)
        self._misses = np.where(reached, 0, self._misses + 1)
        rare |= self._misses >= MAX_TRIES - 1
        self.rare |= rare & (recurrence < self._left)
        self._recurrences = recurrence + reached
        return _Steps(size, epochs, energy_j, time_s, cost_j, reached, recurrence)

    def _learn(self, arm: _Indices, reward: _Floats) -> None:
        """Add a reward to one arm of each seed, as `GaussianBelief` does."""
        count, average = self._count[arm] + 1, self._average[arm]
        change = reward - average
        average = average + change / count
        squares = self._squares[arm] + change * (reward - average)
        self._count[arm], self._average[arm], self._squares[arm] = count, average, squares
        self._mean[arm], self._deviation[arm] = _posterior(count, average, squares)


def _posterior(count: _Floats, average: _Floats, squares: _Floats) -> tuple[_Floats, _Floats]:
    """Return mean and standard deviation of beliefs that began with a flat prior, as `GaussianBelief` does."""
    floor = RELATIVE_FLOOR * average
    variance = np.maximum(np.maximum(squares / (count - 1), floor * floor), LEAST_VARIANCE)
    total = count * (1.0 / variance)
    return total * average / total, np.sqrt(1.0 / total)


def _state(explorer: Explorer) -> dict[str, Any]:
    """Return what a policy would be saved as."""
    return cast("PruningThompsonSampling", explorer.world.policies.batch_size).state()
