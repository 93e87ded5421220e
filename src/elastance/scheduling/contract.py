"""What a scheduler is told and what it answers; the simulator and a live cluster speak to the same object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from elastance.catalog import Determinism

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elastance.scheduling.plan_book import PlanBook
    from elastance.scheduling.plans import Demand, Gpus, Plan
    from elastance.scheduling.power import ClusterPower
    from elastance.scheduling.power_cap import PowerCap

    Allocation: TypeAlias = Mapping[str, Plan]
    """Plan of every job that is to run now, by its name; the other jobs hold nothing."""


class JobState(NamedTuple):
    """A job that has been submitted and has not ended.

    Attributes:
        name: Unique.
        submitted_s: When it was submitted, s.
        demand: Logical workers and step times on every type it could run on, were types mixed or not.
        preferred: The GPU type it is written for.
        may_mix_types: Whether it may run on several types at once; if not, it may only use the preferred one.
        min_gpus: GPUs it waits for; its plan holds fewer only where more would not shorten a step.
        remaining_steps: Steps left to train.
        attained_gpu_s: GPU seconds it has held so far.
        plan: What it does now; None while it waits.
        restarting: Whether it is still loading its checkpoint onto the GPUs of `plan`.
        measured_step_s: How long its steps take in truth, s; None before the first.
        at_d1, at_d2: The demand under either level of determinism; None where it is `demand` as it stands.
        pinned: The demand that its first plan bound it to, as the level is kept: at D2, or at D1 on one type alone.
    """

    name: str
    submitted_s: float
    demand: Demand
    preferred: int
    may_mix_types: bool
    min_gpus: int
    remaining_steps: float
    attained_gpu_s: float
    plan: Plan | None
    restarting: bool
    measured_step_s: float | None
    at_d1: Demand | None = None
    at_d2: Demand | None = None
    pinned: Demand | None = None

    @property
    def allowed(self) -> Demand:
        """The demand on the types it may use: on several at D2 if it may mix them, else on the preferred one."""
        if self.pinned is not None:
            return self.pinned
        return (self.at_d2 or self.demand) if self.may_mix_types else self.demand.only(self.preferred)

    def at_d1_on(self, gpu_type: int) -> Demand:
        """Return the demand at D1, which is on one type."""
        return (self.at_d1 or self.demand).only(gpu_type)

    def demand_of(self, plan: Plan) -> Demand:
        """Return the demand that a plan of the job is made of."""
        if self.pinned is None and plan.determinism is Determinism.D1:
            return self.at_d1_on(next(of for of, count in enumerate(plan.gpus) if count))
        return self.allowed


@dataclass(frozen=True)
class ClusterState:
    """Everything a scheduler may base a decision on, beside its own state.

    Attributes:
        time_s: Now, s from the start of the trace.
        jobs: Jobs that have not ended, in order of submission.
        book: Plans on this cluster; `book.shape` is how many GPUs of each type it has.
        rescale_s: What starting a job or moving it to other GPUs costs it, s; a change of power limits costs nothing.
        power: What GPUs draw, and what power limits do to them.
        cap: What the whole cluster may draw; None if that is not bounded.
    """

    time_s: float
    jobs: tuple[JobState, ...]
    book: PlanBook
    rescale_s: float
    power: ClusterPower
    cap: PowerCap | None = None

    @property
    def shape(self) -> Gpus:
        """GPUs of each type in the cluster."""
        return self.book.shape


@runtime_checkable
class Scheduler(Protocol):
    """Decides which job runs on which GPUs; asked whenever a job arrives or ends, and at regular intervals.

    One whose answer cannot change in between may set ``asked_at_intervals = False``.
    """

    def allocate(self, state: ClusterState) -> Allocation:
        """Return the plans of all jobs that are to run from now on."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that later decisions depend on beside `ClusterState`, as JSON values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where the scheduler that returned `state` stood."""
        ...


class Stateless:
    """What a scheduler needs that remembers nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""
