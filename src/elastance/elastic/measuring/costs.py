"""The measurements: overhead of levels, of switching, of one executor, and the memory of packing."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from elastance.elastic.levels import Level
from elastance.elastic.measuring.blocks import Block, Contestant, in_turns
from elastance.elastic.measuring.gang import alone, started
from elastance.elastic.measuring.task import Model, Size, Task, Way
from elastance.elastic.numerics import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Progress = Callable[[int, int], None]

DDP, ACCUMULATION = "DDP", "accumulation"
WITH, WITHOUT = "with switching", "without switching"


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        size: Of the models.
        device: ``"cpu"`` or ``"cuda"``.
        models: Which.
        repeats: Blocks of each training.
        steps: Steps in a block.
        workers: Logical workers, or processes of packing, at most.
        on_progress: Called with (done, of how many).
    """

    size: Size = Size.CPU
    device: str = "cpu"
    models: tuple[Model, ...] = tuple(Model)
    repeats: int = 8
    steps: int = 3
    workers: int = 8
    on_progress: Progress = lambda _done, _of: None

    @classmethod
    def on(cls, device: str, on_progress: Progress | None = None) -> Effort:
        """Return what is measured on a device by default."""
        size = Size.CUDA if device == "cuda" else Size.CPU
        return cls(size, device) if on_progress is None else cls(size, device, on_progress=on_progress)

    def task(self, way: Way, workers: int, level: Level = Level.D1, *, switching: bool = True) -> Task:
        """Return a training of this size on this device."""
        return Task(way, workers, str(level), switching, self.size, self.device)


@dataclass(frozen=True)
class Footprint:
    """Memory of so many workers on one device.

    Attributes:
        name: ``"DDP"`` (packed processes) or ``"elastic"`` (one executor).
        workers: How many.
        memory_bytes: What all its processes take after a forward pass.
    """

    name: str
    workers: int
    memory_bytes: int


def overhead(effort: Effort) -> list[Block]:
    """Measure stock DDP, D1 and D2 with one logical worker per executor, two executors.

    D2 on CPUs only: what it pins on a GPU is not measured here.
    """
    levels = [Level.D1] if effort.device == "cuda" else [Level.D1, Level.D2]
    with ExitStack() as stack:
        gangs = {DDP: Contestant(stack.enter_context(started(alone(2))), effort.task(Way.DDP, 2))}
        for level in levels:
            gang = stack.enter_context(started([environment(level)] * 2))
            gangs[str(level)] = Contestant(gang, effort.task(Way.ELASTIC, 2, level))
        return _all_models(effort, lambda _: gangs)


def switching(effort: Effort) -> list[Block]:
    """Measure one executor with and without switching contexts, the two in one process."""
    with started(alone(1)) as gang:
        contestants = {
            name: Contestant(gang, effort.task(Way.ELASTIC, effort.workers, switching=name == WITH))
            for name in (WITHOUT, WITH)
        }
        return _all_models(effort, lambda _: contestants)


def sharing(effort: Effort, counts: Sequence[int] | None = None) -> list[Block]:
    """Measure one executor, plain accumulation, and packed DDP processes, all on one and the same core.

    Args:
        effort: How much.
        counts: Numbers of workers; by default the largest only. Names of the blocks end in them.
    """
    counts = counts or (effort.workers,)
    core = one_core() if effort.device == "cpu" else None
    with started(alone(max(counts)), core=core) as packed, started(alone(1), core=core) as single:
        contestants: dict[str, Contestant] = {}
        for workers in counts:
            contestants[f"{DDP} {workers}"] = Contestant(packed, effort.task(Way.DDP, workers))
            contestants[f"elastic {workers}"] = Contestant(single, effort.task(Way.ELASTIC, workers))
            contestants[f"{ACCUMULATION} {workers}"] = Contestant(
                single, effort.task(Way.ACCUMULATION, workers)
            )
        return _all_models(effort, lambda _: contestants)


def memory(effort: Effort, counts: Sequence[int], model: Model = Model.IMAGE_NET) -> list[Footprint]:
    """Measure what so many workers take, packed and in one executor, in fresh processes one after the other."""
    found: list[Footprint] = []
    for workers in counts:
        for name, processes, way in ((DDP, workers, Way.DDP), ("elastic", 1, Way.ELASTIC)):
            with started(alone(processes)) as gang:
                taken: list[int] = gang.ask("memory", model, effort.task(way, workers), 4)
            # On a GPU each process sees the whole device.
            total = max(taken) if effort.device == "cuda" else sum(taken)
            found.append(Footprint(name, workers, total))
            effort.on_progress(len(found), 2 * len(counts))
    return found


def one_core() -> int | None:
    """Return a core that stands for one device; None where processes cannot be kept on one."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _all_models(effort: Effort, contestants: Callable[[Model], dict[str, Contestant]]) -> list[Block]:
    done = count(1)
    blocks: list[Block] = []
    for model in effort.models:
        chosen = contestants(model)
        total = len(effort.models) * len(chosen) * effort.repeats
        blocks += in_turns(
            model,
            chosen,
            effort.repeats,
            effort.steps,
            lambda total=total: effort.on_progress(next(done), total),
        )
    return blocks
