"""The same job through stages of executors, some of them unlike, at every level; and DDP, which it should equal."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.elastic.identity import UNLIKE_EXECUTORS
from elastance.elastic.levels import Level
from elastance.elastic.measuring.gang import started
from elastance.elastic.measuring.task import Model, Size
from elastance.elastic.numerics import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORKERS = 4

DDP, DDP_PINNED = "DDP", "DDP, pinned kernels"


@dataclass(frozen=True)
class Stage:
    """A part of a job on executors that do not change, as one of its processes is told.

    Attributes:
        level: Level of elastic training; None for plain DDP.
        pinned: Whether kernels are pinned to what all processors have, whatever the level.
        placement: Which executor hosts how many.
        stop_at: Global steps done when it ends.
        is_last: Whether the job ends with it; else a checkpoint is made.
        checkpoints: Directory of the job's checkpoints.
        model, size, device: What is trained, and where.
    """

    level: str | None
    pinned: bool
    placement: str
    stop_at: int
    is_last: bool
    checkpoints: str
    model: Model = Model.IMAGE_NET
    size: Size = Size.CPU
    device: str = "cpu"


@dataclass(frozen=True)
class Step:
    """One global step.

    Attributes:
        loss: Of the last worker's mini-batch; None on a process that does not host it.
        random: Digest of that worker's random numbers after its backward pass; empty where it is not hosted.
        state: Digest of parameters, buffers and optimizer state afterwards.
    """

    loss: float | None
    random: str
    state: str


@dataclass(frozen=True)
class Variant:
    """How the job is trained.

    Attributes:
        name: In words.
        level: See `Stage`.
        pinned: See `Stage`.
        compared_with: The plain DDP run it is compared with; itself for that one.
        equal_stages: In how many stages, from the first on, it must have that run's bits; in the next it must not.
    """

    name: str
    level: Level | None
    pinned: bool
    compared_with: str
    equal_stages: int


VARIANTS = (
    Variant(DDP, None, False, DDP, 3),
    Variant("D0", Level.D0, False, DDP, 1),
    Variant("D1", Level.D1, False, DDP, 2),
    Variant(DDP_PINNED, None, True, DDP_PINNED, 3),
    Variant("D0, pinned kernels", Level.D0, True, DDP_PINNED, 1),
    Variant("D2", Level.D2, True, DDP_PINNED, 3),
)
"""The table of EasyScale's Figure 9; its D0+D2 is D0 with the kernels of D2."""

STAGES = (
    ("4x1", ("cpu",) * 4),
    ("2x2", ("cpu",) * 2),
    ("3:2+1+1", ("cpu", "cpu-sse", "cpu-sse")),
)
"""Placements, and the types of processor that executors stand in for."""


def trajectory(
    way: Variant,
    steps_per_stage: int,
    *,
    size: Size = Size.CPU,
    device: str = "cpu",
    on_stage: Callable[[], None] = lambda: None,
) -> list[Step]:
    """Train through all stages, each in processes of its own; one entry per global step.

    States of all executors are joined into one: they are equal or the result differs from any plain one.
    On ``"cuda"`` all executors share the device, so that none is unlike.
    """
    with tempfile.TemporaryDirectory(prefix="elastance-") as checkpoints:
        steps: list[Step] = []
        if way.level is None:
            stage = Stage(
                None,
                way.pinned,
                STAGES[0][0],
                steps_per_stage * len(STAGES),
                True,
                "",
                size=size,
                device=device,
            )
            steps += _run(stage, STAGES[0][1])
            on_stage()
            return steps
        for number, (placement, types) in enumerate(STAGES, 1):
            stage = Stage(
                way.level,
                way.pinned,
                placement,
                number * steps_per_stage,
                number == len(STAGES),
                str(Path(checkpoints)),
                size=size,
                device=device,
            )
            steps += _run(stage, types if device == "cpu" else ("cpu",) * len(types))
            on_stage()
        return steps


def _run(stage: Stage, types: Sequence[str]) -> list[Step]:
    level = Level.D2 if stage.pinned else Level.D1
    # Unlike executors are refused below D2; here it is to be seen what comes of them.
    take_alike = {UNLIKE_EXECUTORS: "1"}
    with started([environment(level, of) | take_alike for of in types]) as gang:
        executors: list[list[Step]] = gang.ask("stage", stage)
    # Under DDP each process has buffers of its own until the next forward pass; those of rank 0 are the model's.
    counted = 1 if stage.level is None else len(executors)
    return [joined(steps, counted) for steps in zip(*executors, strict=True)]


def joined(processes: Sequence[Step], counted: int) -> Step:
    """Return one step as seen by all processes, with the states of the first `counted` of them."""
    [hosting] = [step for step in processes if step.loss is not None]
    states = dict.fromkeys(step.state for step in processes[:counted])
    return Step(hosting.loss, hosting.random, " ".join(states))
