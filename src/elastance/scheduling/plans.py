"""Intra-job plans: which logical workers run on which GPUs, and how long a step then takes (EasyScale, SC'23).

A job of P logical workers on N_i GPUs of type i lets each of these work through A_i micro-batches in turn, t_i
seconds each. A step ends with the last GPU: it takes ``max A_i t_i``. The paper's estimate (Eq. 1 of its preprint,
arXiv 2208.14228, with the factor N_i that (1c) lacks) then collapses to ``perf = P / f_overload``: P logical workers
advance by one micro-batch per step. So the best plan on given GPUs is the one with the shortest step, and it is found
exactly here.

Assumes that communication and the switch between logical workers cost nothing beyond what the step times hold.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cache, cached_property
from operator import mul
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.catalog import Determinism
    from elastance.scheduling.responses import LimitResponse

Gpus: TypeAlias = tuple[int, ...]
"""How many GPUs of each type, in the order of the cluster's types."""


@dataclass(frozen=True)
class Demand:
    """What of a job its plans depend on.

    Attributes:
        step_s: Seconds of a micro-batch of one logical worker on each GPU type; infinite where it may not run.
        logical_workers: How many.
        determinism: The level that the times are of; None where no scheduler has to choose one.
        responses: For each GPU type what was recorded of the job's draw and of its limits; None where nothing was.
    """

    step_s: tuple[float, ...]
    logical_workers: int
    determinism: Determinism | None = None
    responses: tuple[LimitResponse | None, ...] = ()

    def __hash__(self) -> int:
        """Return the same as if it were worked out anew: plans are looked up by their demand all the time."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.step_s, self.logical_workers, self.determinism, self.responses))

    def only(self, gpu_type: int) -> Demand:
        """Return the same demand, restricted to one GPU type; always the same object."""
        return _restricted(self, gpu_type)

    @cached_property
    def usable(self) -> tuple[int, ...]:
        """GPU types the job may run on, fastest first."""
        finite = [index for index, time in enumerate(self.step_s) if math.isfinite(time)]
        return tuple(sorted(finite, key=lambda index: (self.step_s[index], index)))

    @cached_property
    def levels(self) -> Levels:
        """Every length a step can have; worked out once."""
        return Levels.of(self)


@cache
def _restricted(demand: Demand, gpu_type: int) -> Demand:
    times = (time_s if of == gpu_type else math.inf for of, time_s in enumerate(demand.step_s))
    return replace(demand, step_s=tuple(times))


@dataclass(frozen=True)
class Plan:
    """Logical workers on GPUs.

    Attributes:
        gpus: GPUs of each type.
        workers: Logical workers on the GPUs of each type, together; they add up to all of the job's.
        step_s: Seconds of a step, in which every logical worker advances by one micro-batch.
        limits_w: Power limit of the GPUs of each type, W; empty where none is set.
        determinism: The level it runs at, from the first plan of a job to its last; None: at that of its step times.
    """

    gpus: Gpus
    workers: tuple[int, ...]
    step_s: float
    limits_w: tuple[float, ...] = ()
    determinism: Determinism | None = None

    @property
    def size(self) -> int:
        """GPUs of all types."""
        return sum(self.gpus)

    @property
    def workers_per_gpu(self) -> tuple[int, ...]:
        """Logical workers on the fullest GPU of each type (A_i); 0 where there is none."""
        return tuple(
            -(-workers // gpus) if gpus else 0 for workers, gpus in zip(self.workers, self.gpus, strict=True)
        )


@dataclass(frozen=True)
class Levels:
    """Every length a step can have, ascending, and how many logical workers a GPU can host in it.

    Attributes:
        step_s: Length of a step at each level.
        capacity: At each level, logical workers on one GPU of each type.
    """

    step_s: tuple[float, ...]
    capacity: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, demand: Demand) -> Levels:
        """Work out the levels of a demand."""
        counts = range(1, demand.logical_workers + 1)
        finishing = [[count * time_s for count in counts] for time_s in demand.step_s]
        step_s = sorted({time_s for of in demand.usable for time_s in finishing[of]})
        return cls(
            tuple(step_s),
            tuple(tuple(bisect_right(times, time_s) for times in finishing) for time_s in step_s),
        )

    def hosted(self, gpus: Sequence[int], level: int) -> int:
        """Return how many logical workers the GPUs can host at a level."""
        return sum(map(mul, gpus, self.capacity[level]))


def best_plan(demand: Demand, gpus: Gpus) -> Plan | None:
    """Return the plan with the shortest step on at most these GPUs, holding none that does not shorten it.

    Of plans with equally short steps the one is taken that does without GPUs of the slowest types.

    Args:
        demand: The job.
        gpus: How many of each type there are for it.

    Returns:
        The plan, or None if none of the GPUs may be used.
    """
    if not any(gpus[of] for of in demand.usable):
        return None
    levels, workers = demand.levels, demand.logical_workers
    level = bisect_left(range(len(levels.step_s)), workers, key=lambda level: levels.hosted(gpus, level))
    capacity = levels.capacity[level]
    held = [count if of_one else 0 for count, of_one in zip(gpus, capacity, strict=True)]
    spare = levels.hosted(held, level) - workers
    for gpu_type in reversed(demand.usable):
        if held[gpu_type]:
            released = min(held[gpu_type], spare // capacity[gpu_type])
            held[gpu_type] -= released
            spare -= released * capacity[gpu_type]
    workers_of = _placed(levels, held, level, spare)
    return Plan(tuple(held), workers_of, levels.step_s[level], determinism=demand.determinism)


def _placed(levels: Levels, held: Sequence[int], level: int, spare: int) -> tuple[int, ...]:
    """Fill all GPUs as far as the step allows; where there is room left, it is on those that would finish last."""
    before = levels.capacity[level - 1] if level else (0,) * len(held)
    workers: list[int] = []
    for count, capacity, shorter in zip(held, levels.capacity[level], before, strict=True):
        left_out = min(spare, count) if capacity > shorter else 0
        spare -= left_out
        workers.append(count * capacity - left_out)
    return tuple(workers)
