"""What executors wrote down, step by step, and where it differs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from statistics import median, quantiles
from typing import TYPE_CHECKING

from elastance.elastic.certificate import Difference, RunOutcome, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.elastic.trial import Trial

_WARM_UP = 2
"""Steps at the beginning whose times are left out, where enough are left."""


@dataclass(frozen=True)
class StepRecord:
    """One global step as an executor wrote it down.

    Attributes:
        step: Global steps done.
        time_s: Wall time of the step.
        cpu_time_s: CPU time of the process within it.
        peak_memory_bytes: Most memory the process has had so far.
        device_memory_bytes: Most CUDA memory it has had; 0 without CUDA.
        sent_bytes: Payload it has sent for gradients so far.
        tensors: Sha256 by name.
    """

    step: int
    time_s: float
    cpu_time_s: float
    peak_memory_bytes: int
    device_memory_bytes: int
    sent_bytes: int
    tensors: dict[str, str]


def first_difference(
    expected: Sequence[StepRecord], executors: Sequence[Sequence[StepRecord]]
) -> Difference | None:
    """The first step, and its first tensor, in which an executor differs from what is expected; None if none does."""
    found: list[Difference] = []
    for executor, got in enumerate(executors):
        for index, (wanted, step) in enumerate(zip_longest(expected, got)):
            if wanted is None or step is None:
                found.append(Difference(executor, index, "(one of them ends here)"))
                break
            differing = differing_tensors(wanted, step)
            if differing:
                found.append(Difference(executor, index, differing[0]))
                break
    return min(found, key=lambda one: (one.step, one.executor), default=None)


def differing_tensors(expected: StepRecord, got: StepRecord) -> list[str]:
    """Names of the tensors that differ after a step, or that only one of them has, in the order of the model."""
    names = [*expected.tensors, *(name for name in got.tensors if name not in expected.tensors)]
    return [name for name in names if expected.tensors.get(name) != got.tensors.get(name)]


def differing_by_step(
    expected: Sequence[StepRecord], executors: Sequence[Sequence[StepRecord]]
) -> tuple[int, ...]:
    """How many tensors differ after each step that all have done, on the executor with most."""
    return tuple(
        max(len(differing_tensors(wanted, step)) for step in steps)
        for wanted, *steps in zip(expected, *executors, strict=False)
    )


def outcome(
    trial: Trial,
    executors: Sequence[Sequence[StepRecord]],
    gradient_bytes: int,
    expected: Sequence[StepRecord] | None = None,
) -> RunOutcome:
    """Sum up one run.

    Args:
        trial: What was asked.
        executors: What each executor wrote down.
        gradient_bytes: Size of all gradients of one logical worker.
        expected: What DDP wrote down; None if this is DDP.
    """
    steps = len(executors[0])
    by_step = list(zip(*executors, strict=False))
    by_step = by_step[_WARM_UP:] if steps >= 2 * _WARM_UP else by_step
    counted = sum(records[-1].sent_bytes for records in executors) / steps
    rings = trial.reference or trial.level == "none"
    return RunOutcome(
        "DDP" if trial.reference else "elastic",
        trial.level,
        trial.placement,
        steps,
        _spread([max(record.time_s for record in records) for records in by_step]),
        _spread([sum(record.cpu_time_s for record in records) for records in by_step]),
        max(records[-1].peak_memory_bytes for records in executors),
        sum(records[-1].peak_memory_bytes for records in executors),
        max(records[-1].device_memory_bytes for records in executors) or None,
        ring_bytes(len(executors), gradient_bytes) if rings else counted,
        () if expected is None else differing_by_step(expected, executors),
        None if expected is None else first_difference(expected, executors),
    )


def ring_bytes(processes: int, gradient_bytes: int) -> int:
    """What all processes send together in gloo's ring: each its share of slices, then of sums."""
    return 2 * (processes - 1) * gradient_bytes


def _spread(values: Sequence[float]) -> Spread:
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high)
