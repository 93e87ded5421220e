"""Intra-job plans: which logical workers run on which GPUs, and how long a step then takes (EasyScale, section 3.4).

A job of P logical workers on N_i GPUs of type i lets each of these work through A_i micro-batches in turn, t_i
seconds each. A step ends with the last GPU: it takes ``max A_i t_i``. The paper's estimate (Eq. 1, with the factor
N_i that its print lacks) then collapses to ``perf = P / f_overload``: P logical workers advance by one micro-batch
per step. So the best plan on given GPUs is the one with the shortest step, and it is found exactly here.

Assumes that communication and the switch between logical workers cost nothing beyond what the step times hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Gpus: TypeAlias = tuple[int, ...]
"""How many GPUs of each type, in the order of the cluster's types."""


@dataclass(frozen=True)
class Demand:
    """What of a job its plans depend on.

    Attributes:
        step_s: Seconds of a micro-batch of one logical worker on each GPU type; infinite where it may not run.
        logical_workers: How many.
    """

    step_s: tuple[float, ...]
    logical_workers: int

    def only(self, gpu_type: int) -> Demand:
        """Return the same demand, restricted to one GPU type."""
        times = tuple(time if index == gpu_type else math.inf for index, time in enumerate(self.step_s))
        return Demand(times, self.logical_workers)

    @cached_property
    def usable(self) -> tuple[int, ...]:
        """GPU types the job may run on, fastest first."""
        finite = [index for index, time in enumerate(self.step_s) if math.isfinite(time)]
        return tuple(sorted(finite, key=lambda index: (self.step_s[index], index)))

    @cached_property
    def levels(self) -> _Levels:
        """Every length a step can have; worked out once."""
        return _Levels.of(self)


@dataclass(frozen=True)
class Plan:
    """Logical workers on GPUs.

    Attributes:
        gpus: GPUs of each type.
        workers: Logical workers on the GPUs of each type, together; they add up to all of the job's.
        step_s: Seconds of a step, in which every logical worker advances by one micro-batch.
    """

    gpus: Gpus
    workers: tuple[int, ...]
    step_s: float

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
class _Levels:
    """Every length a step can have, ascending, and how many logical workers a GPU can host in it.

    Attributes:
        step_s: Length of a step; shape (levels,).
        capacity: Shape (types, levels).
    """

    step_s: NDArray[np.float64]
    capacity: NDArray[np.int64]

    @classmethod
    def of(cls, demand: Demand) -> _Levels:
        counts = range(1, demand.logical_workers + 1)
        finishing = [[count * time_s for count in counts] for time_s in demand.step_s]
        step_s = np.array(sorted({time_s for of in demand.usable for time_s in finishing[of]}))
        return cls(step_s, np.array([np.searchsorted(times, step_s, side="right") for times in finishing]))


def best_plan(demand: Demand, gpus: Gpus) -> Plan | None:
    """Return the plan with the shortest step on at most these GPUs, holding none that does not shorten it.

    Of plans with equally short steps the one is taken that does without GPUs of the slowest types.

    Args:
        demand: The job.
        gpus: How many of each type there are for it.

    Returns:
        The plan, or None if none of the GPUs may be used.
    """
    held = np.array(gpus, dtype=np.int64)
    if not any(held[of] for of in demand.usable):
        return None
    held[[of for of in range(len(gpus)) if of not in demand.usable]] = 0
    level = _first_level(demand, held)
    capacity = demand.levels.capacity[:, level]
    held[capacity == 0] = 0  # too slow to finish a single micro-batch in such a step
    for gpu_type in reversed(demand.usable):
        if held[gpu_type]:
            spare = int(held @ capacity) - demand.logical_workers
            held[gpu_type] -= min(int(held[gpu_type]), spare // int(capacity[gpu_type]))
    return _plan_at(demand, held, level)


def _first_level(demand: Demand, held: NDArray[np.int64]) -> int:
    """Return the number of the shortest step in which the GPUs `held` can host every logical worker."""
    return int(np.searchsorted(held @ demand.levels.capacity, demand.logical_workers))


def _plan_at(demand: Demand, held: NDArray[np.int64], level: int) -> Plan:
    """Fill all GPUs as far as the step allows; where there is room left, it is on those that would finish last."""
    capacity = demand.levels.capacity
    workers = held * capacity[:, level]
    spare = int(workers.sum()) - demand.logical_workers
    for gpu_type in np.flatnonzero(capacity[:, level] > (capacity[:, level - 1] if level else 0)):
        left_out = min(spare, int(held[gpu_type]))
        workers[gpu_type] -= left_out
        spare -= left_out
    gpus, placed = tuple(map(int, held)), tuple(map(int, workers))
    return Plan(gpus, placed, float(demand.levels.step_s[level]))
