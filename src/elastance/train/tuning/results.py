"""What is said about a run: before it, what was chosen, and after it, what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.policies import LimitMeasurement


class Status(StrEnum):
    """What has become of a run."""

    RUNNING = "running"
    """It was dispatched and has not ended."""
    REACHED = "reached"
    """It reached the target."""
    MISSED = "missed"
    """It ended, or was stopped at the threshold, without reaching the target."""
    FAILED = "failed"
    """Its script failed."""
    KILLED = "killed"
    """It was interrupted, or its runner died; says nothing about the batch size."""


class Dispatch(NamedTuple):
    """A run to be made.

    Attributes:
        id: Its own identity.
        number: Which run of the job it is, from 0.
        recurrence: Which recurrence of the job it belongs to, from 0.
        trial: Which choice of the policy it answers, from 0; None if the policy was not asked.
        batch_size: What was chosen.
        power_limit_w: What was chosen, W for each device; None to leave the limit as it is.
        threshold_j: Cost at which to stop it, J; None never to.
    """

    id: str
    number: int
    recurrence: int
    trial: int | None
    batch_size: int
    power_limit_w: int | None
    threshold_j: float | None


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        status: Anything but ``RUNNING``.
        energy_j, time_s: What it took; None if that is not known.
        epochs: How many it made, if known.
        exit_status: Of the script.
        source: Where the joules come from.
        profile: Time and power of an epoch under several limits, if the script measured that.
        stopped: Whether it was stopped at the threshold.
    """

    status: Status
    energy_j: float | None = None
    time_s: float | None = None
    epochs: int | None = None
    exit_status: int | None = None
    source: str | None = None
    profile: Sequence[LimitMeasurement] = ()
    stopped: bool = False
