"""The plans of EasyScale's artifact with its defects, for replaying it; `plans.py` has the corrected ones.

For t = 1, 2, ... logical workers on a GPU of the slowest type, those of type i host floor or ceil of t times its
relative speed. GPUs are added type by type until they can host all logical workers. Kept on purpose:

- of plans on the same GPUs the *slowest* one is kept (the artifact compares a speedup with a waste: quirk Q2);
- logical workers of a type without GPUs still count towards the length of a step (Q4);
- plans on a single type are said to waste nothing (Q6), and exist for every number of GPUs.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.scheduling.plans import Demand, Gpus

MOST_WASTE = 0.3
"""Plans that waste a larger share of their GPUs are not proposed."""


class PublishedPlan(NamedTuple):
    """A plan of the artifact.

    Attributes:
        gpus: GPUs of each type that it uses.
        threads: Logical workers on a GPU of each type; may be positive where there is no GPU.
        waste: Share of the GPUs' speed that is wasted, as the artifact computes it.
        speedup: Speed relative to one GPU of the slowest type, as the artifact estimates it.
        step_s: What a step takes in the artifact's world.
    """

    gpus: Gpus
    threads: tuple[int, ...]
    waste: float
    speedup: float
    step_s: float


@cache
def homogeneous_plans(demand: Demand, gpu_type: int, shape: Gpus) -> tuple[PublishedPlan, ...]:
    """Return a plan for every number of GPUs of one type, the fastest first."""
    speed = max(demand.step_s) / demand.step_s[gpu_type]
    plans: list[PublishedPlan] = []
    for count in range(min(demand.logical_workers, shape[gpu_type]), 0, -1):
        threads = math.ceil(demand.logical_workers / count)
        plans.append(
            PublishedPlan(
                _on(gpu_type, count, shape),
                _on(gpu_type, threads, shape),
                0.0,
                count * speed,
                demand.step_s[gpu_type] * threads,
            )
        )
    return tuple(plans)


@cache
def heterogeneous_plans(demand: Demand, shape: Gpus) -> tuple[PublishedPlan, ...]:
    """Return a plan for every mixture of GPUs, the one with the largest speedup first."""
    speeds = tuple(max(demand.step_s) / time for time in demand.step_s)
    found = [
        _plan(demand, speeds, gpus, threads)
        for threads in _thread_combinations(speeds, demand.logical_workers)
        for gpus in _fewest_gpus(threads, demand.logical_workers, shape)
        if sum(map(bool, gpus)) > 1
    ]
    found.sort(key=lambda plan: -plan.speedup)
    kept = {plan.gpus: plan for plan in found}  # the last one, so the slowest
    for gpu_type in range(len(shape)):
        kept |= {plan.gpus: plan for plan in homogeneous_plans(demand, gpu_type, shape)}
    return tuple(sorted(kept.values(), key=lambda plan: -plan.speedup))


def _on(gpu_type: int, count: int, shape: Gpus) -> tuple[int, ...]:
    return tuple(count if of == gpu_type else 0 for of in range(len(shape)))


def _thread_combinations(speeds: tuple[float, ...], workers: int) -> list[tuple[int, ...]]:
    """Return every choice of floor or ceil, each once, in order of first appearance."""
    found: dict[tuple[int, ...], None] = {}
    for count in range(1, workers + 1):
        choices = [sorted({math.floor(count * speed), math.ceil(count * speed)}) for speed in speeds]
        found.update(dict.fromkeys(product(*choices)))
    return list(found)


def _fewest_gpus(
    threads: tuple[int, ...], remaining: int, shape: Gpus, chosen: tuple[int, ...] = ()
) -> Iterator[Gpus]:
    """Yield every mixture in which, without its last GPU, some logical worker would have no place."""
    if len(chosen) == len(shape):
        return
    here = len(chosen)
    for count in range(shape[here] + 1):
        left = remaining - count * threads[here]
        if left <= 0:
            yield (*chosen, count) + (0,) * (len(shape) - here - 1)
            return
        yield from _fewest_gpus(threads, left, shape, (*chosen, count))


def _plan(demand: Demand, speeds: tuple[float, ...], gpus: Gpus, threads: tuple[int, ...]) -> PublishedPlan:
    """Rate a plan by the paper's Eq. 1, summed over GPUs."""
    places = sum(count * of_one for count, of_one in zip(gpus, threads, strict=True))
    used = [of for of, count in enumerate(gpus) if count]
    overload = max(threads[of] / speeds[of] for of in used)
    lost = sum(gpus[of] * (speeds[of] - threads[of] / overload) for of in range(len(gpus)))
    waste = lost + (places - demand.logical_workers) / overload
    total = sum(count * speed for count, speed in zip(gpus, speeds, strict=True))
    step_s = max(time * of_one for time, of_one in zip(demand.step_s, threads, strict=True))
    return PublishedPlan(gpus, threads, waste / total, total - waste, step_s)
