"""One job in virtual time: what a run under a configuration takes, and the policies that choose it.

The worlds of a recurring job and of a group of overlapping ones differ in when runs are launched and when their
results are known; both launch and settle them here.
"""

from __future__ import annotations

import math
from collections import deque
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar, TypeVarTuple

from elastance.errors import ElastanceError, PolicyError
from elastance.policies import LimitMeasurement, Outcome
from elastance.runs import RunRecord
from elastance.simulate.rules import NormalRules, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from elastance.policies import PolicyPair, Problem
    from elastance.traces import JobFacts, SizeFacts

_Answer = TypeVar("_Answer")
_Given = TypeVarTuple("_Given")

_NEVER_RAN_PENALTY = 100.0
"""Cost of a run that never started, as a multiple of the threshold it could not start below (as published)."""


class Launch(NamedTuple):
    """A run whose fate is decided, though it may be known later.

    Attributes:
        size: Facts about its batch size.
        power_limit_w: W; None if it never got as far as having one.
        profiling: Whether its first epoch profiles.
        trial: Which call of `choose_batch_size` it answers; None for a run the world started on its own.
        threshold_j: Cost at which it is stopped, J.
        record: What it took; None if it never started.
    """

    size: SizeFacts
    power_limit_w: int | None
    profiling: bool
    trial: int | None
    threshold_j: float
    record: RunRecord | None = None


class JobWorld:
    """Launches runs of one job as its policies choose, and tells them what became of each.

    Args:
        facts: Time, power and training paths of the job; `facts` may be replaced by others that differ in their
            training paths only.
        problem: The task as the policies know it.
        policies: What decides.
        rng: Source of the world's own randomness: which training path a run follows.
        rules: Normal or published.
        name: What to call the policy in messages.
    """

    def __init__(
        self,
        facts: JobFacts,
        problem: Problem,
        policies: PolicyPair,
        rng: np.random.Generator,
        *,
        rules: Rules | None = None,
        name: str = "",
    ) -> None:
        self.facts = facts
        self.policies = policies
        self.problem = problem
        self.rules: Rules = NormalRules() if rules is None else rules
        self.prefix = f"policy {name}: " if name else ""
        self.min_cost_j = math.inf
        self.best_size = problem.job.default_batch_size
        self._rng = rng
        self._trials = 0
        forgets = problem.window_size and self.rules.threshold_forgets
        self._successes = deque[tuple[float, int]](maxlen=problem.window_size) if forgets else None
        self._early_stopping = policies.early_stopping
        self._epoch_costs = {
            size: self.rules.epoch_cost(problem.cost, of_size) for size, of_size in facts.sizes.items()
        }

    @property
    def threshold_j(self) -> float:
        """Cost at which a run launched now is stopped, J; infinite before the first success."""
        return (self.problem.beta if self._early_stopping else math.inf) * self.min_cost_j

    def launch(self, submission: int) -> Launch:
        """Launch the run that the policies choose, as part of a submission (a recurrence).

        Raises:
            PolicyError: A policy raised or chose what is not on offer.
        """
        size = self._ask(self.policies.batch_size.choose_batch_size)
        if size not in self.facts.sizes:
            raise self._not_on_offer("batch size", size, tuple(self.facts.sizes))
        trial, self._trials = self._trials, self._trials + 1
        return self._launch(int(size), trial, self.threshold_j, submission)

    def launch_best(self, submission: int, threshold_j: float = math.inf) -> Launch:
        """Launch the best size known; not a trial of the policy's.

        Raises:
            PolicyError: A policy raised or chose what is not on offer.
        """
        return self._launch(self.best_size, None, threshold_j, submission)

    def settle(self, launch: Launch, never_ran_cost_j: float | None = None) -> None:
        """Tell the policy what became of a run.

        Args:
            launch: The run.
            never_ran_cost_j: What a run that never started is said to have cost, J; a penalty by default.
        """
        record = launch.record
        if record is not None:
            cost_j, reached = record.cost_j, record.reached
        else:
            reached = False
            penalty_j = (_NEVER_RAN_PENALTY * self.problem.beta) * self.min_cost_j
            cost_j = penalty_j if never_ran_cost_j is None else never_ran_cost_j
        outcome = Outcome(
            launch.trial, launch.size.batch_size, launch.power_limit_w, cost_j, reached, record is not None
        )
        self._ask(self.policies.batch_size.observe_run, outcome)

    def succeeded(self, batch_size: int, cost_j: float) -> None:
        """Count a success of `batch_size`, at this cost, towards the best size known.

        With a window, only the last successes count: what was cheap before the data drifted may be out of reach, and
        a threshold set by it would stop every run.
        """
        if self._successes is not None:
            self._successes.append((cost_j, batch_size))
            self.min_cost_j, self.best_size = min(self._successes, key=itemgetter(0))
        elif cost_j < self.min_cost_j:
            self.min_cost_j, self.best_size = cost_j, batch_size

    def _launch(self, batch_size: int, trial: int | None, threshold_j: float, submission: int) -> Launch:
        size = self.facts.sizes[batch_size]
        limit = self._ask(self.policies.power_limit.choose_power_limit, batch_size)
        profiling = limit is None
        if limit is None:
            time_s, energy_j = size.profiling_epoch
            if self.rules.profiles_before_start or self.problem.cost.of_run(energy_j, time_s) <= threshold_j:
                limit = self._profile(size)
        else:
            self._require_limit(size, limit)
        # The published simulator draws a sample of one without replacement: the same bits, at six times the cost.
        target_epoch = size.paths[int(self._rng.integers(len(size.paths)))]
        if limit is None:
            return Launch(size, None, profiling, trial, threshold_j)
        limit = int(limit)
        record = self._run(size, limit, target_epoch, threshold_j, submission, profiling=profiling)
        return Launch(size, limit, profiling, trial, threshold_j, record)

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
                f"{self.prefix}asked for a profile of batch size {size.batch_size} again right after one"
            )
        self._require_limit(size, limit)
        return int(limit)

    def _run(
        self,
        size: SizeFacts,
        limit: int,
        target_epoch: int | None,
        threshold_j: float,
        submission: int,
        *,
        profiling: bool,
    ) -> RunRecord | None:
        """Follow a training path up to the target, the threshold or the last epoch; None if it never started."""
        time_s, energy_j = size.epoch_at[limit]
        cost = self._epoch_costs[size.batch_size]
        first_time_s, first_energy_j = size.profiling_epoch if profiling else (0.0, 0.0)
        cap = self.rules.epoch_cap(
            threshold_j,
            cost.of_run(energy_j, time_s),
            cost.of_run(first_energy_j, first_time_s) if profiling else None,
            self.problem.job.max_epochs,
        )
        if cap == 0:
            return None
        reached = target_epoch is not None and target_epoch <= cap
        epochs = target_epoch if reached and target_epoch is not None else cap
        if profiling:
            run_energy_j = first_energy_j + energy_j * (epochs - 1)
            run_time_s = first_time_s + time_s * (epochs - 1)
        else:
            run_energy_j, run_time_s = energy_j * epochs, time_s * epochs
        run_cost_j = self.problem.cost.of_run(run_energy_j, run_time_s)
        return RunRecord(
            size.batch_size,
            limit,
            run_energy_j,
            run_time_s,
            reached,
            epochs,
            run_cost_j,
            submission,
            profiling,
        )

    def _ask(self, method: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """Call a policy; what it raises becomes one clear line."""
        try:
            return method(*given)
        except ElastanceError:
            raise
        except Exception as error:
            in_words = " ".join(f"{type(error).__name__}: {error}".split())
            raise PolicyError(f"{self.prefix}{method.__name__} raised {in_words}") from error

    def _require_limit(self, size: SizeFacts, limit: object) -> None:
        if limit not in size.epoch_at:
            raise self._not_on_offer(
                f"power limit for batch size {size.batch_size}", limit, tuple(sorted(size.epoch_at))
            )

    def _not_on_offer(self, what: str, value: object, choices: tuple[int, ...]) -> PolicyError:
        return PolicyError(
            f"{self.prefix}chose {what} {value!r}, which is not on offer; "
            f"there are {', '.join(map(str, choices))}"
        )
