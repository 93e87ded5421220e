"""Several trainings in turns, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elastance.elastic.measuring.gang import Gang
    from elastance.elastic.measuring.task import Model, StepTiming, Task


class Contestant(NamedTuple):
    """A training and the processes that do it."""

    gang: Gang
    task: Task


@dataclass(frozen=True)
class Block:
    """A few steps in a row of one training.

    Attributes:
        model: What was trained.
        name: Which training.
        repeat: Number of the block, from 0: those of one number followed each other.
        step_s: Wall time of a step, s: the slowest process's, median over steps.
        cpu_s: Processor time of a step, s: all processes together, median over steps.
        micro_batches_s: Wall time per mini-batch of the first process, s: medians over steps.
    """

    model: Model
    name: str
    repeat: int
    step_s: float
    cpu_s: float
    micro_batches_s: tuple[float, ...]


def in_turns(
    model: Model,
    contestants: Mapping[str, Contestant],
    repeats: int,
    steps: int,
    on_block: Callable[[], None] = lambda: None,
) -> list[Block]:
    """Train all contestants in turns, every other time in reverse order.

    Args:
        model: What to train.
        contestants: By name.
        repeats: Blocks of each, after one more that is not counted.
        steps: Steps in a block.
        on_block: Called after each counted block.
    """
    for contestant in contestants.values():
        contestant.gang.steps(model, contestant.task, 3)  # DDP packs its buckets anew after the first step
    blocks: list[Block] = []
    for repeat in range(repeats):
        turn = list(contestants.items())
        for name, contestant in turn if repeat % 2 == 0 else reversed(turn):
            timings = contestant.gang.steps(model, contestant.task, steps)
            blocks.append(summarized(model, name, repeat, timings))
            on_block()
    return blocks


def summarized(model: Model, name: str, repeat: int, processes: Sequence[Sequence[StepTiming]]) -> Block:
    """Return the medians of a block, from the timings of each process."""
    steps = list(zip(*processes, strict=True))
    each = zip(*(step.micro_batches_s for step in processes[0]), strict=True)
    return Block(
        model,
        name,
        repeat,
        median(max(timing.time_s for timing in step) for step in steps),
        median(sum(timing.cpu_s for timing in step) for step in steps),
        tuple(median(times) for times in each),
    )
