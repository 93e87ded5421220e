"""What the policy is told of a real run, which can end in more ways than a simulated one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.errors import ElastanceError, InputError, PolicyError
from elastance.policies import Abandonable, EpochReckoning, LimitMeasurement, Outcome
from elastance.train.tuning.results import Status

if TYPE_CHECKING:
    from elastance.policies import PolicyPair
    from elastance.train.tuning.job import TuningJob
    from elastance.train.tuning.results import Dispatch, Result

_NEVER_RAN_PENALTY = 100.0
"""Cost of a run that could not work, as a multiple of the threshold (as published)."""


def is_evidence(job: TuningJob, run: Dispatch, result: Result, *, proven: bool, first: bool) -> bool:
    """Return whether a result says anything about its batch size.

    Args:
        job: Whose run it is.
        run: What was chosen.
        result: What came of it.
        proven: Whether this size has reached the target before.
        first: Whether no run of the job has reached it.
    """
    if result.status is Status.KILLED or result.energy_j is None or result.time_s is None:
        return False
    is_default = run.batch_size == job.default_batch_size
    if result.status is Status.FAILED:  # a size that worked, or is assumed to: the script is at fault
        return not (is_default or proven)
    # The user's own size is assumed able to reach the target: if it cannot, the target is at fault.
    return not (result.status is Status.MISSED and is_default and first and not result.stopped)


def teach(
    job: TuningJob, policies: PolicyPair, run: Dispatch, result: Result, least_cost_j: float | None
) -> None:
    """Tell the policies of a run that is evidence.

    A run that missed the target counts with at least the cost at which it would have been stopped: one that gave up
    early must not look cheap. One whose script failed counts as one that could not start.

    Args:
        job: Whose run it is.
        policies: Its policies.
        run: What was chosen.
        result: What came of it, with energy and time.
        least_cost_j: Least cost of a recurrence so far, J; None before the first success.

    Raises:
        InputError: The policy reckons in epochs and the script did not tell how many it trained.
        PolicyError: The policy raised.
    """
    assert result.energy_j is not None
    assert result.time_s is not None
    cost_j = job.problem.cost.of_run(result.energy_j, result.time_s)
    limit_w = run.power_limit_w or job.power_limits_w[-1]
    reached = result.status is Status.REACHED
    started = result.status is not Status.FAILED
    bound_j = (least_cost_j or 0.0) * (job.beta if math.isfinite(job.beta) else 1.0)
    try:
        profile = _profile(job, result, cost_j)
        if profile:
            policies.power_limit.observe_profile(run.batch_size, profile)
        policy = policies.batch_size
        if started and isinstance(policy, EpochReckoning):
            started = _price_epoch(policies, policy, run.batch_size, limit_w, result)
        told_j = cost_j if reached else max(cost_j, bound_j)
        if not started:
            told_j = _NEVER_RAN_PENALTY * max(cost_j, bound_j)
        policy.observe_run(Outcome(run.trial, run.batch_size, limit_w, told_j, reached, started))
    except ElastanceError:
        raise
    except Exception as error:
        raise PolicyError(f"policy {job.policy} raised {type(error).__name__}: {error}") from error


def forget(policies: PolicyPair, trial: int | None) -> None:
    """Tell the policy that a choice of its will never be answered."""
    policy = policies.batch_size
    if trial is not None and isinstance(policy, Abandonable):
        policy.abandon_trial(trial)


def _profile(job: TuningJob, result: Result, cost_j: float) -> list[LimitMeasurement]:
    """Return the script's profile; brought to the length of this run's epochs, if it told how many there were.

    Limits that are not on offer do not count. A script measures its limits over any stretch of work that suits it,
    often shorter than an epoch.
    """
    lowest_w, highest_w = job.power_limits_w[0], job.power_limits_w[-1]
    on_offer = [at for at in result.profile if lowest_w <= at.power_limit_w <= highest_w]
    profile = sorted(on_offer, key=lambda at: at.power_limit_w, reverse=True)
    if not profile or not result.epochs:
        return profile
    least_j = min(job.problem.cost.of_epoch(at.time_s, at.power_w) for at in profile)
    scale = cost_j / result.epochs / least_j
    return [at._replace(time_s=at.time_s * scale) for at in profile]


def _price_epoch(
    policies: PolicyPair, policy: EpochReckoning, batch_size: int, limit_w: int, result: Result
) -> bool:
    """See that what an epoch costs is known; return False if this run did not even get through one."""
    if policy.knows_epoch_cost(batch_size, limit_w):
        return True
    if not result.epochs:
        if result.stopped:
            return False
        raise InputError(
            "the policy of this job reckons in epochs: the script has to tell how many it trained, as"
            " report(metric=..., epochs=...)"
        )
    assert result.energy_j is not None
    assert result.time_s is not None
    epoch = LimitMeasurement(limit_w, result.time_s / result.epochs, result.energy_j / result.time_s)
    policies.power_limit.observe_profile(batch_size, [epoch])
    return True
