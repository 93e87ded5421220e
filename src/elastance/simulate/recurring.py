"""A recurring job in virtual time: one recurrence after another, each retried until it reaches its target."""

from __future__ import annotations

import math
from collections import Counter
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple, TypeVar, TypeVarTuple

from elastance.errors import ConvergenceError, ElastanceError, InputError, PolicyError
from elastance.policies import LimitMeasurement, Outcome
from elastance.runs import RunRecord
from elastance.simulate.expectation import missed_default
from elastance.simulate.rules import NormalRules, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from elastance.policies import PolicyPair, Problem
    from elastance.traces import JobFacts, SizeFacts

_Answer = TypeVar("_Answer")
_Given = TypeVarTuple("_Given")

MAX_TRIES = 20
"""Tries per recurrence, as published."""

_NEVER_RAN_PENALTY = 100.0
"""Cost of a run that never started, as a multiple of the threshold it could not start below (as published)."""


class _Attempt(NamedTuple):
    """What a try is about to do: the configuration, and whether its first epoch profiles."""

    size: SizeFacts
    power_limit_w: int | None
    profiling: bool
    trial: int | None
    threshold_j: float


class RecurringJob:
    """A world in which one job recurs; `run_recurrence` advances it by one recurrence.

    Args:
        facts: Time, power and training paths of the job.
        problem: The task as the policies know it.
        policies: What decides.
        world: Source of the world's own randomness: which training path a run follows.
        rules: Normal or published.
        name: What to call the policy in messages.
    """

    def __init__(
        self,
        facts: JobFacts,
        problem: Problem,
        policies: PolicyPair,
        world: np.random.Generator,
        *,
        rules: Rules | None = None,
        name: str = "",
    ) -> None:
        self.policies = policies
        self.recurrences = 0
        self.min_cost_j = math.inf
        self.lifted_thresholds = 0
        self._facts = facts
        self._problem = problem
        self._world = world
        self._rules: Rules = NormalRules() if rules is None else rules
        self._name = name
        self._trials = 0
        self._early_stopping = policies.early_stopping
        self._best_size = problem.job.default_batch_size
        self._epoch_costs = {
            size: self._rules.epoch_cost(problem.cost, of_size) for size, of_size in facts.sizes.items()
        }

    def run_recurrence(self) -> list[RunRecord]:
        """Run the job until it reaches its target; return every run that happened, the successful one last.

        Raises:
            ConvergenceError: The default batch size missed the target at once, or no try reached it.
            PolicyError: A policy raised or chose what is not on offer.
        """
        records: list[RunRecord] = []
        stops: list[str] = []
        accumulated_j = 0.0
        for tries in range(1, MAX_TRIES + 1):
            last = tries == MAX_TRIES and self._rules.lifts_last_threshold
            attempt = self._last_resort() if last else self._next_attempt()
            record = self._run(attempt)
            if record is None:
                stops.append(f"{attempt.size.batch_size} (could not start)")
                continue
            accumulated_j += record.cost_j
            records.append(record)
            self._observe(attempt, record.power_limit_w, record.cost_j, reached=record.reached)
            if record.reached:
                if accumulated_j < self.min_cost_j:
                    self.min_cost_j, self._best_size = accumulated_j, record.batch_size
                self.recurrences += 1
                return records
            stops.append(f"{record.batch_size} (after {record.epochs:g} epochs)")
            self._require_default_converges(attempt)
        remedy = "a larger beta knob stops fewer runs"
        if self._rules.lifts_last_threshold:
            remedy = (
                "the last try, of the best size known, was not stopped early and took all "
                f"{self._problem.job.max_epochs} epochs: give the job more, or an easier target"
            )
        tried = ", ".join(f"{stop} {count} times" for stop, count in Counter(stops).items())
        raise ConvergenceError(
            f"{self._prefix}recurrence {self.recurrences + 1} missed the target in {MAX_TRIES} tries; "
            f"batch sizes tried: {tried}; {remedy}"
        )

    def _next_attempt(self) -> _Attempt:
        size = self._ask(self.policies.batch_size.choose_batch_size)
        if size not in self._facts.sizes:
            raise self._not_on_offer("batch size", size, tuple(self._facts.sizes))
        trial, self._trials = self._trials, self._trials + 1
        beta = self._problem.beta if self._early_stopping else math.inf
        return self._with_limit(int(size), trial, beta * self.min_cost_j)

    def _last_resort(self) -> _Attempt:
        """The best size known, without a threshold; not a trial of the policy's."""
        self.lifted_thresholds += 1
        return self._with_limit(self._best_size, None, math.inf)

    def _with_limit(self, batch_size: int, trial: int | None, threshold_j: float) -> _Attempt:
        size = self._facts.sizes[batch_size]
        limit = self._ask(self.policies.power_limit.choose_power_limit, batch_size)
        if limit is not None:
            self._require_limit(size, limit)
            return _Attempt(size, int(limit), False, trial, threshold_j)
        time_s, energy_j = size.profiling_epoch
        if self._rules.profiles_before_start or self._problem.cost.of_run(energy_j, time_s) <= threshold_j:
            limit = self._profile(size)
        return _Attempt(size, limit, True, trial, threshold_j)

    def _profile(self, size: SizeFacts) -> int:
        """Let the power policy learn every limit of `size`, high to low, and choose."""
        measurements = sorted(
            map(LimitMeasurement, size.power_limits_w, size.time_per_epoch_s, size.average_power_w),
            reverse=True,
        )
        policy = self.policies.power_limit
        self._ask(policy.observe_profile, size.batch_size, measurements)
        limit = self._ask(policy.choose_power_limit, size.batch_size)
        if limit is None:
            raise PolicyError(
                f"{self._prefix}asked for a profile of batch size {size.batch_size} again right after one"
            )
        self._require_limit(size, limit)
        return int(limit)

    def _run(self, attempt: _Attempt) -> RunRecord | None:
        """Draw a training path and follow it up to the target, the threshold or the last epoch.

        Returns:
            The run, or None if it never started; then the policy has been told.
        """
        size, job = attempt.size, self._problem.job
        # The published simulator draws a sample of one without replacement: the same bits, at six times the cost.
        target_epoch = size.paths[int(self._world.integers(len(size.paths)))]
        first_time_s, first_energy_j = size.profiling_epoch if attempt.profiling else (0.0, 0.0)
        cap = 0
        time_s = energy_j = 0.0
        if attempt.power_limit_w is not None:
            time_s, energy_j = size.epoch_at[attempt.power_limit_w]
            cost = self._epoch_costs[size.batch_size]
            profiling_cost_j = cost.of_run(first_energy_j, first_time_s) if attempt.profiling else None
            cap = self._rules.epoch_cap(
                attempt.threshold_j, cost.of_run(energy_j, time_s), profiling_cost_j, job.max_epochs
            )
        if cap == 0 or attempt.power_limit_w is None:
            penalty_j = (_NEVER_RAN_PENALTY * self._problem.beta) * self.min_cost_j
            self._observe(attempt, attempt.power_limit_w, penalty_j, reached=False, started=False)
            return None
        reached = target_epoch is not None and target_epoch <= cap
        epochs = target_epoch if reached and target_epoch is not None else cap
        if attempt.profiling:
            run_energy_j = first_energy_j + energy_j * (epochs - 1)
            run_time_s = first_time_s + time_s * (epochs - 1)
        else:
            run_energy_j, run_time_s = energy_j * epochs, time_s * epochs
        return RunRecord(
            size.batch_size,
            attempt.power_limit_w,
            run_energy_j,
            run_time_s,
            reached,
            epochs,
            self._problem.cost.of_run(run_energy_j, run_time_s),
            self.recurrences,
            attempt.profiling,
        )

    def _observe(
        self, attempt: _Attempt, limit: int | None, cost_j: float, *, reached: bool, started: bool = True
    ) -> None:
        outcome = Outcome(attempt.trial, attempt.size.batch_size, limit, cost_j, reached, started)
        self._ask(self.policies.batch_size.observe_run, outcome)

    def _require_default_converges(self, attempt: _Attempt) -> None:
        """The user's own batch size is assumed able to reach the target."""
        job = self._problem.job
        if self.recurrences > 0 or attempt.size.batch_size != job.default_batch_size:
            return
        if not math.isinf(attempt.threshold_j):
            return
        raise missed_default(attempt.size, job)

    def _ask(self, method: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """Call a policy; what it raises becomes one clear line."""
        try:
            return method(*given)
        except ElastanceError:
            raise
        except Exception as error:
            in_words = " ".join(f"{type(error).__name__}: {error}".split())
            raise PolicyError(f"{self._prefix}{method.__name__} raised {in_words}") from error

    def _require_limit(self, size: SizeFacts, limit: object) -> None:
        if limit not in size.epoch_at:
            raise self._not_on_offer(
                f"power limit for batch size {size.batch_size}", limit, tuple(sorted(size.epoch_at))
            )

    def _not_on_offer(self, what: str, value: object, choices: tuple[int, ...]) -> PolicyError:
        return PolicyError(
            f"{self._prefix}chose {what} {value!r}, which is not on offer; "
            f"there are {', '.join(map(str, choices))}"
        )

    @property
    def _prefix(self) -> str:
        return f"policy {self._name}: " if self._name else ""


def check_recurrences(recurrences: int) -> int:
    """Return `recurrences` if it is a number of recurrences.

    Raises:
        InputError: It is negative, or no whole number.
    """
    if not isinstance(recurrences, Integral) or recurrences < 0:
        raise InputError(f"recurrences {recurrences} is not a whole number from 0; 0 gives an empty history")
    return int(recurrences)
