"""What a process of a gang can be asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from elastance.elastic.measuring.consistency_stage import train_stage
from elastance.elastic.measuring.occupied import occupied_bytes
from elastance.elastic.measuring.trainings import Training, training

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.elastic.measuring.task import Model, StepTiming, Task


def answers(rank: int, world: int, store: str) -> dict[str, Callable[..., Any]]:
    """Join the group, and return what to answer with, by question."""
    untyped: Any = dist
    untyped.init_process_group("gloo", f"file://{store}", rank=rank, world_size=world)
    trainings: dict[tuple[Model, Task], Training | None] = {}

    def begun(model: Model, task: Task) -> Training | None:
        if (model, task) not in trainings:
            trainings[model, task] = training(model, task)
        return trainings[model, task]

    def steps(model: Model, task: Task, count: int) -> list[StepTiming] | None:
        own = begun(model, task)
        return None if own is None else [own.step() for _ in range(count)]

    def memory(model: Model, task: Task, count: int) -> int | None:
        """Most bytes after any forward pass of the last of `count` steps."""
        own = begun(model, task)
        if own is None:
            return None
        for _ in range(count - 1):
            own.step()
        seen: list[int] = []
        own.step(lambda: seen.append(occupied_bytes(task.device)))
        return max(seen)

    return {"steps": steps, "memory": memory, "stage": partial(train_stage, rank)}
