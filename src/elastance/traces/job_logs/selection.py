"""Which jobs of a log are taken, and when they are submitted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from elastance.errors import InputError
from elastance.traces.job_logs.records import Dropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from elastance.traces.job_logs.records import JobRecord

DAY_S = 86400.0


class Larger(StrEnum):
    """What becomes of a job on more GPUs than allowed."""

    DROP = "drop"
    """It is left out."""
    CAP = "cap"
    """It does the same work on fewer."""


class Pick(StrEnum):
    """Which jobs are taken where not all are wanted."""

    FIRST = "first"
    """Those submitted first."""
    RANDOM = "random"
    """A random sample, each job as likely as the other."""


@dataclass(frozen=True)
class Selection:
    """Which jobs of a log.

    Attributes:
        from_days, to_days: Window of submission times, days after the first submission of the log.
        jobs: How many at most; None without bound.
        pick: Which ones then.
        scale_time: Factor on the time between submissions; run times stay.
        max_workers: Largest number of GPUs of a job; None without bound.
        larger: What becomes of those with more.

    Raises:
        InputError: A number is out of range.
    """

    from_days: float = 0.0
    to_days: float = math.inf
    jobs: int | None = None
    pick: Pick = Pick.FIRST
    scale_time: float = 1.0
    max_workers: int | None = None
    larger: Larger = Larger.DROP

    def __post_init__(self) -> None:
        if not 0.0 <= self.from_days < self.to_days:
            raise InputError(
                f"window from day {self.from_days:g} to day {self.to_days:g}: expected 0 or later, and an end after "
                "its start"
            )
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"{self.jobs} jobs: at least one is needed")
        if not (math.isfinite(self.scale_time) and 0.0 <= self.scale_time <= 1e6):
            raise InputError(f"times scaled by {self.scale_time:g}: expected a number from 0 to a million")
        if self.max_workers is not None and self.max_workers < 1:
            raise InputError(f"at most {self.max_workers} workers: expected at least 1")


@dataclass(frozen=True)
class Selected:
    """The jobs that were taken.

    Attributes:
        records: In order of submission, with times as the simulation is to see them.
        workers: Logical workers of each.
        dropped: How many were left out, by reason.
        capped: How many do their work on fewer GPUs.
    """

    records: tuple[JobRecord, ...]
    workers: tuple[int, ...]
    dropped: dict[Dropped, int]
    capped: int


def select(records: Sequence[JobRecord], selection: Selection, rng: np.random.Generator) -> Selected:
    """Take the jobs that `selection` asks for; `rng` is used where they are picked at random only."""
    ordered = sorted(records, key=lambda record: (record.submit_s, record.row))
    if not ordered:
        return Selected((), (), {}, 0)
    origin_s = ordered[0].submit_s
    start_s, end_s = origin_s + selection.from_days * DAY_S, origin_s + selection.to_days * DAY_S
    dropped: Counter[Dropped] = Counter()
    inside = [record for record in ordered if start_s <= record.submit_s < end_s]
    dropped[Dropped.OUTSIDE] = len(ordered) - len(inside)
    most = math.inf if selection.max_workers is None else selection.max_workers
    if selection.larger is Larger.DROP:
        fitting = [record for record in inside if record.gpus <= most]
        dropped[Dropped.TOO_LARGE] = len(inside) - len(fitting)
    else:
        fitting = inside
    taken = fitting
    if selection.jobs is not None and selection.jobs < len(fitting):
        if selection.pick is Pick.RANDOM:
            chosen: list[int] = rng.choice(len(fitting), selection.jobs, replace=False).tolist()
            taken = [fitting[index] for index in sorted(chosen)]
        else:
            taken = fitting[: selection.jobs]
        dropped[Dropped.NOT_PICKED] = len(fitting) - len(taken)
    scale = selection.scale_time
    records_taken = tuple(
        record._replace(submit_s=round((record.submit_s - start_s) * scale, 3)) for record in taken
    )
    workers = tuple(int(min(record.gpus, most)) for record in taken)
    capped = sum(record.gpus > most for record in taken)
    return Selected(records_taken, workers, {reason: n for reason, n in dropped.items() if n}, capped)
