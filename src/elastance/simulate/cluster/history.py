"""What happened in a simulated cluster: which job held which GPUs when, to what end, at what power."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elastance.catalog import Determinism
    from elastance.scheduling.plans import Gpus
    from elastance.scheduling.power import ClusterPower


class Activity(StrEnum):
    """What a job does with the GPUs it holds."""

    TRAINING = "training"
    """Its logical workers train."""
    RESTARTING = "restarting"
    """It starts, or loads its checkpoint onto other GPUs."""
    HELD = "held"
    """Nothing; it has ended, and the scheduler has not taken them back yet."""


class Phase(NamedTuple):
    """A stretch of time in which a job holds the same GPUs and does the same.

    Attributes:
        job: Number of the job.
        start_s, end_s: From when to when, s.
        activity: What it does.
        gpus: GPUs of each type it holds.
        useful: Of these, the ones on which at least one logical worker trains.
        power_w: What all it holds draw, W.
        steps: Steps trained.
    """

    job: int
    start_s: float
    end_s: float
    activity: Activity
    gpus: Gpus
    useful: Gpus
    power_w: float
    steps: float


class JobOutcome(NamedTuple):
    """What became of a job.

    Attributes:
        name: Its name.
        submit_s: When it was submitted, s.
        start_s: When it was first given GPUs, s.
        end_s: When it ended, s.
        restarts: How often its GPUs changed, or were given back to it, after the first start.
        alone_s: How long it would take alone, with one GPU of its preferred type per logical worker, s.
        determinism: The level it ran at; None if its application has no price of D2.
    """

    name: str
    submit_s: float
    start_s: float
    end_s: float
    restarts: int
    alone_s: float
    determinism: Determinism | None = None

    @property
    def jct_s(self) -> float:
        """Job completion time: from submission to end, s."""
        return self.end_s - self.submit_s


@dataclass(frozen=True)
class ClusterHistory:
    """One simulated run of a workload.

    Attributes:
        types: GPU types.
        shape: GPUs of each.
        power: What they draw.
        jobs: Outcomes, in the order of the workload.
        phases: Everything that was held, in order of its end.
        end_s: When the last GPU was given back, s.
        decisions: How often the scheduler was asked.
    """

    types: tuple[str, ...]
    shape: Gpus
    power: ClusterPower
    jobs: tuple[JobOutcome, ...]
    phases: tuple[Phase, ...]
    end_s: float
    decisions: int
