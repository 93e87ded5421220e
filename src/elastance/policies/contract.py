"""The contract between a policy and the world that drives it, simulated or real.

A policy serves one job on one type of GPU. It is built with a `Problem` and a random generator, is asked for a
configuration before each run, and is told the outcome after it. It does no I/O and reads no clock. To outlive
the process it also has `state` and `restore`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from elastance.cost import EtaCost, check_beta
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.job import Job

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a policy's state is made of."""


@dataclass(frozen=True)
class Problem:
    """What a policy is told about its task.

    Attributes:
        job: The recurring job.
        power_limits_w: Batch sizes on offer, ascending, each with the power limits on offer, W, ascending.
        cost: The cost to minimise.
        beta: Early-stopping factor: the world stops a run at `beta` times the least cost so far.
        window_size: How many of the last runs of a batch size still count (for drifting data), and how many of the
            last successes towards the least cost; 0 = all.

    Raises:
        InputError: beta or the window is out of range, or the default batch size is not on offer.
    """

    job: Job
    power_limits_w: Mapping[int, tuple[int, ...]]
    cost: EtaCost
    beta: float = 2.0
    window_size: int = 0

    def __post_init__(self) -> None:
        check_beta(self.beta)
        check_window_size(self.window_size)
        if self.job.default_batch_size not in self.power_limits_w:
            raise InputError(
                f"default batch size {self.job.default_batch_size} is not on offer; "
                f"there are {', '.join(map(str, self.power_limits_w))}"
            )

    @cached_property
    def batch_sizes(self) -> tuple[int, ...]:
        """Batch sizes on offer, ascending."""
        return tuple(self.power_limits_w)


def check_window_size(window_size: int) -> int:
    """Return `window_size` if a spread can be taken over so many runs, or over all.

    Raises:
        InputError: It is negative or one.
    """
    if window_size < 0 or window_size == 1:
        raise InputError(
            f"window size {window_size} is neither 0 (remember every run) nor at least 2 (a spread needs two runs)"
        )
    return window_size


class Outcome(NamedTuple):
    """What became of one run.

    Attributes:
        trial: Which call of `choose_batch_size` this run answers, counted from 0; None for a run the world
            started on its own (the last resort of a recurrence).
        batch_size: Batch size of the run.
        power_limit_w: Power limit of the run, W; None if it never got as far as having one.
        cost_j: Cost of the run, J; for a run that never started, a penalty no run that happened can reach.
        reached: Whether the target metric was reached.
        started: False if even one epoch would have cost more than the early-stopping threshold allowed.
    """

    trial: int | None
    batch_size: int
    power_limit_w: int | None
    cost_j: float
    reached: bool
    started: bool = True


class LimitMeasurement(NamedTuple):
    """An epoch's time and power under one power limit.

    Attributes:
        power_limit_w: The limit, W.
        time_s: Seconds per epoch.
        power_w: Mean power, W.
    """

    power_limit_w: int
    time_s: float
    power_w: float


@runtime_checkable
class BatchSizePolicy(Protocol):
    """Chooses the batch size of each run."""

    def choose_batch_size(self) -> int:
        """Return the batch size of the next run, one of `Problem.batch_sizes`."""
        ...

    def observe_run(self, outcome: Outcome) -> None:
        """Learn what became of a run."""
        ...


@runtime_checkable
class PowerLimitPolicy(Protocol):
    """Chooses the power limit, once the batch size is known."""

    def choose_power_limit(self, batch_size: int) -> int | None:
        """Return the power limit (W) to run `batch_size` under, or None to have every limit profiled first."""
        ...

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Learn an epoch's time and power at `batch_size` under each limit, from high to low."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """A policy whose state can be saved and brought back in mid-life."""

    def state(self) -> dict[str, Json]:
        """Return everything that the next decisions depend on, beside the `Problem`."""
        ...

    def restore(self, state: dict[str, Json]) -> None:
        """Continue exactly where the policy that returned `state` stood."""
        ...


@runtime_checkable
class Abandonable(Protocol):
    """A policy that waits for some trials, and can be told that one will never be answered."""

    def abandon_trial(self, trial: int) -> None:
        """Stop waiting for a trial whose run was killed: that says nothing about its batch size."""
        ...


class CostBelief(NamedTuple):
    """What is believed about the cost of a run.

    Attributes:
        mean_j: Expected cost, J.
        deviation_j: Standard deviation of that expectation, J.
    """

    mean_j: float
    deviation_j: float


@runtime_checkable
class Believing(Protocol):
    """A policy that can say what it believes."""

    def cost_beliefs(self) -> dict[int, CostBelief]:
        """Return the belief about the cost of a run of each batch size of which anything is known."""
        ...


@runtime_checkable
class EpochReckoning(Protocol):
    """A policy that reckons in epochs: it must know what one costs before it can learn from a run."""

    def knows_epoch_cost(self, batch_size: int, power_limit_w: int) -> bool:
        """Return whether an epoch was profiled at a batch size and a power limit (W)."""
        ...


@runtime_checkable
class Transferable(Protocol):
    """A policy whose knowledge of a job holds on other GPUs too."""

    def knowledge(self) -> dict[str, Json]:
        """Return what is known of the job whatever the GPU."""
        ...

    def warm_start(self, knowledge: dict[str, Json]) -> None:
        """Begin with the knowledge of a policy of the same kind that served the same job; before the first run."""
        ...


@dataclass(frozen=True)
class PolicyPair:
    """The two policies that together choose a configuration; one object may be both.

    Attributes:
        batch_size: Chooses first.
        power_limit: Chooses second, for that batch size.
    """

    batch_size: BatchSizePolicy
    power_limit: PowerLimitPolicy

    @property
    def early_stopping(self) -> bool:
        """Whether runs are stopped at the threshold; a batch-size policy may set `early_stopping = False`."""
        return bool(getattr(self.batch_size, "early_stopping", True))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how the decisions came about; from the batch-size policy's `notes`."""
        return tuple(getattr(self.batch_size, "notes", ()))
