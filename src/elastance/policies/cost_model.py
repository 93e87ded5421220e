"""What the runs of a job say about the cost of each batch size: epochs times the cost of an epoch.

Epochs depend on the batch size alone and vary from run to run; what an epoch costs at its best power limit depends
on the GPU too, and is measured once, in the first run of a size (NSDI'23, section 4.1, decouples them likewise).
Both change smoothly with the batch size, so that a run of one size tells about its neighbours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import numpy as np

from elastance.errors import InputError, PolicyError
from elastance.policies.contract import CostBelief
from elastance.policies.epoch_tally import EpochTally, Evidence
from elastance.policies.power_limit import JustInTimePowerLimit
from elastance.policies.smooth_curve import CurvePrior, SmoothCurve
from elastance.policies.trial_value import UNREACHABLE, CostBeliefs, lower_bound, trial_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from elastance.policies.contract import Json, LimitMeasurement, Outcome, Problem

    _Posterior: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

_LEAST_NOISE = 0.01
"""Runs are never believed to agree better than this (standard deviation of log epochs): it keeps beliefs finite."""

_MEASURED_PRECISION = 1e8
"""Precision of the logarithm of a measured cost of an epoch."""


_UNENDING = 2.0
"""A size whose first success is still out and that misses the target in the job's last epoch counts as needing more
than this many times the epochs: most such sizes never get there."""

_HOPE = 3.0
"""A size may turn out the cheapest if it would at this many standard deviations below its expected cost."""


class Assumptions(NamedTuple):
    """What is believed before the first run; logarithms are natural, octaves are doublings of the batch size.

    The defaults were tuned on the public traces of two of the four GPU types; docs/policies.md says how.

    Attributes:
        epochs: Epochs to the target.
        epoch_cost: Cost of an epoch at its best power limit.
        departure: How the cost of an epoch on one GPU departs, in shape, from that on another.
        noise_deviation: Standard deviation of log epochs from run to run.
        noise_weight: How many runs that belief weighs.
        horizon: How many more runs are expected at the start.
        horizon_growth: By how much each run so far raises the number of those expected to come.
    """

    epochs: CurvePrior = CurvePrior(
        slope=0.0, slope_deviation=0.2, curvature=0.04, bend_deviation=0.4, bend_octaves=2.0, roughness=0.1
    )
    epoch_cost: CurvePrior = CurvePrior(
        slope=-0.2, slope_deviation=0.2, curvature=0.0, bend_deviation=0.3, bend_octaves=2.5, roughness=0.05
    )
    departure: CurvePrior = CurvePrior(
        slope=0.0, slope_deviation=0.05, curvature=0.0, bend_deviation=0.12, bend_octaves=2.5, roughness=0.02
    )
    noise_deviation: float = 0.12
    noise_weight: float = 4.0
    horizon: float = 20.0
    horizon_growth: float = 0.5


class CostModel:
    """Beliefs about the cost of a run of every batch size, and the measurements they rest on.

    Args:
        problem: The task.
        assumptions: What is believed before the first run.
    """

    def __init__(self, problem: Problem, assumptions: Assumptions) -> None:
        self._problem = problem
        self._assumptions = assumptions
        self.limits = JustInTimePowerLimit(problem)
        """Power limits, and what an epoch costs under each."""
        self.runs = 0
        """Runs that were recorded, those of a warm start included."""
        self._tallies = {size: EpochTally(problem.window_size) for size in problem.batch_sizes}
        self._elsewhere: dict[int, float] = {}
        self._lay_curves()

    def _lay_curves(self) -> None:
        """Lay the curves through every size that is known of, on offer or not."""
        assumptions, job = self._assumptions, self._problem.job
        sizes = sorted(self._tallies)
        self.sizes = tuple(sizes)
        """Batch sizes the beliefs are about, ascending: those on offer and others that are known of."""
        self._index = {size: index for index, size in enumerate(sizes)}
        origin = job.default_batch_size
        self._in_order = [self._tallies[size] for size in sizes]
        self._epochs = SmoothCurve(sizes, origin, assumptions.epochs, level=0.5 * math.log(job.max_epochs))
        self._epoch_cost = SmoothCurve(sizes, origin, assumptions.epoch_cost)
        if self._elsewhere:
            self._epoch_cost.learn_from_kin(*self._measured(self._elsewhere), assumptions.departure)
        self._price_epochs()
        self._revise()

    def _measured(
        self, epoch_costs_j: Mapping[int, float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the logarithm and the precision of a measurement at every size; precision 0 where there is none."""
        costs = [epoch_costs_j.get(size, 0.0) for size in self.sizes]
        return (
            np.array([math.log(cost) if cost > 0.0 else 0.0 for cost in costs]),
            np.array([_MEASURED_PRECISION if cost > 0.0 else 0.0 for cost in costs]),
        )

    def _profiled_epoch_costs_j(self) -> dict[int, float]:
        """Return what an epoch costs at the cheapest limit of every profiled size, J."""
        costs: dict[int, float] = {}
        for size in self.limits.profiled():
            limit = self.limits.choose_power_limit(size)
            epoch_j = None if limit is None else self.limits.epoch_cost_j(size, limit)
            if epoch_j:
                costs[size] = epoch_j
        return costs

    def succeeded(self, batch_size: int) -> bool:
        """Return whether a run of `batch_size` that still counts reached the target."""
        return self._tallies[batch_size].count > 0

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Learn what an epoch of `batch_size` costs under each limit."""
        self.limits.observe_profile(batch_size, profile)
        self._price_epochs()
        self._revise()

    def observe_run(self, outcome: Outcome, *, profiling: bool) -> None:
        """Learn from a run that happened how many epochs its size needs.

        Args:
            outcome: The run.
            profiling: Whether its first epoch tried every limit.

        Raises:
            PolicyError: Its size was never profiled under its limit.
        """
        self.runs += 1
        epochs = self._epochs_of(outcome, profiling=profiling)
        tally = self._tallies[outcome.batch_size]
        if outcome.reached:
            tally.add_reached(math.log(epochs), self.runs)
        elif tally.count:
            tally.add_miss(epochs, self.runs)
        else:
            if epochs > self._problem.job.max_epochs - 0.5:
                epochs *= _UNENDING
            noise = self._noise_variance()
            mean, covariance = self._epochs_posterior(noise)
            at = self._index[outcome.batch_size]
            bound = lower_bound(float(mean[at]), float(covariance[at, at]), noise, math.log(epochs))
            tally.add_bound(Evidence(*bound), self.runs)
        self._revise()

    def _epochs_of(self, outcome: Outcome, *, profiling: bool) -> float:
        """Return how many epochs a run took, from what it and each of its epochs cost."""
        size, limit = outcome.batch_size, outcome.power_limit_w
        epoch_j = None if limit is None else self.limits.epoch_cost_j(size, limit)
        if epoch_j is None:
            raise PolicyError(
                f"a run of batch size {size} at {limit} W, which was never profiled: its epochs are unknown"
            )
        plain_j = outcome.cost_j
        if profiling:
            plain_j += epoch_j - self.limits.profiling_epoch_cost_j(size)
        # A world may count the profiling otherwise; a run of less than a tenth of an epoch there is none.
        return max(plain_j / epoch_j, 0.1) if epoch_j > 0.0 else 1.0

    def _noise_variance(self) -> float:
        """Return the variance of log epochs from run to run: the prior's and all sizes', by degrees of freedom."""
        weight = self._assumptions.noise_weight
        squares = weight * self._assumptions.noise_deviation**2
        for tally in self._in_order:
            squares += tally.squares
            weight += max(tally.count - 1, 0)
        return max(squares / weight, _LEAST_NOISE**2)

    def _epochs_posterior(self, noise_variance: float) -> _Posterior:
        evidence = [tally.evidence(noise_variance, self.runs) for tally in self._in_order]
        values, precisions = zip(*evidence, strict=True)
        return self._epochs.posterior(np.array(values), np.array(precisions))

    def _price_epochs(self) -> None:
        """Derive from the profiles what an epoch, and the profiling of a size, is believed to cost."""
        costs = self._profiled_epoch_costs_j()
        measured, precision = self._measured(costs)
        self._epoch_cost_posterior = self._epoch_cost.posterior(measured, precision)
        surcharges = [self.limits.profiling_epoch_cost_j(size) / cost - 1.0 for size, cost in costs.items()]
        surcharge = math.fsum(surcharges) / len(surcharges) if surcharges else 0.0
        self._log_surcharge = np.where(precision > 0.0, -math.inf, self._epoch_cost_posterior[0])
        self._log_surcharge += math.log(surcharge) if surcharge > 0.0 else -math.inf

    def _revise(self) -> None:
        """Bring the beliefs up to date with what was observed."""
        noise = self._noise_variance()
        epochs, epochs_covariance = self._epochs_posterior(noise)
        epoch_cost, epoch_cost_covariance = self._epoch_cost_posterior
        mean, covariance = epochs + epoch_cost, epochs_covariance + epoch_cost_covariance
        variance = covariance.diagonal()
        log_cost = mean + 0.5 * variance
        wasted = [tally.wasted_per_success for tally in self._in_order]
        if any(wasted):
            log_cost += np.log1p(np.array(wasted) * np.exp(-epochs))
        log_longest = math.log(self._problem.job.max_epochs + 0.5)
        # At its best, a size reaches the target within the job's epochs.
        self._hoped = (log_cost - _HOPE * np.sqrt(np.maximum(variance, 0.0))).tolist()
        log_cost += UNREACHABLE * np.maximum(epochs - log_longest, 0.0)
        self.beliefs = CostBeliefs(
            mean, covariance, noise, log_cost, log_longest + epoch_cost, self._log_surcharge
        )
        """What is believed of the cost of each of `sizes`."""
        self._expected = log_cost.tolist()

    def best_of(self, batch_sizes: Iterable[int]) -> int:
        """Return the size that is expected to cost least."""
        return min(batch_sizes, key=lambda size: self._expected[self._index[size]])

    def rivals_of(self, best: int, batch_sizes: Iterable[int]) -> list[int]:
        """Return the sizes that may yet turn out to cost less than `best`."""
        bar = self._expected[self._index[best]]
        return [size for size in batch_sizes if size != best and self._hoped[self._index[size]] < bar]

    def worthiest(self, best: int, rivals: Sequence[int], *, log_threshold: float) -> int:
        """Return which of `best` and `rivals` is worth running next; `best` on a tie (see `trial_values`)."""
        considered = (best, *rivals)
        values = trial_values(
            self.beliefs.of([self._index[size] for size in considered]),
            0,
            log_threshold=log_threshold,
            horizon=self._assumptions.horizon + self._assumptions.horizon_growth * self.runs,
        )
        return considered[values.index(max(values))]

    def cost_beliefs(self) -> dict[int, CostBelief]:
        """Return mean and deviation of the log-normal belief about each size on offer; none before any profile."""
        if not self._profiled_epoch_costs_j():
            return {}
        found: dict[int, CostBelief] = {}
        for size in self._problem.batch_sizes:
            at = self._index[size]
            mean, variance = float(self.beliefs.mean[at]), float(self.beliefs.covariance[at, at])
            expected_j = math.exp(mean + 0.5 * variance)
            found[size] = CostBelief(expected_j, expected_j * math.sqrt(math.expm1(max(variance, 0.0))))
        return found

    def knowledge(self) -> dict[str, Json]:
        """Return what serves on any GPU: the epochs of each batch size, and the shape of the cost of an epoch."""
        return {
            "job": self._identity(),
            "window_size": self._problem.window_size,
            "runs": self.runs,
            "epochs": {str(size): tally.state() for size, tally in self._tallies.items() if not tally.empty},
            "epoch_cost_j": {
                str(size): cost for size, cost in (self._profiled_epoch_costs_j() or self._elsewhere).items()
            },
        }

    def adopt(self, knowledge: dict[str, Json]) -> None:
        """Take over what another model knew of the same job.

        Raises:
            InputError: It is about another job, or was gathered with another window.
        """
        for what, own in (("job", self._identity()), ("window_size", self._problem.window_size)):
            if knowledge[what] != own:
                raise InputError(f"knowledge of {what} {knowledge[what]} does not serve {what} {own}")
        self.runs = cast("int", knowledge["runs"])
        for size, saved in cast("dict[str, dict[str, Json]]", knowledge["epochs"]).items():
            self._tallies[int(size)] = tally = EpochTally(self._problem.window_size)
            tally.restore(saved)
        self._elsewhere = {
            int(size): cost for size, cost in cast("dict[str, float]", knowledge["epoch_cost_j"]).items()
        }
        for size in self._elsewhere:
            self._tallies.setdefault(size, EpochTally(self._problem.window_size))
        self._lay_curves()

    def _identity(self) -> list[Json]:
        job = self._problem.job
        return [job.dataset, job.network, job.optimizer, job.target_metric, job.max_epochs]

    def state(self) -> dict[str, Json]:
        """Return the measurements."""
        state = self.knowledge()
        state["epoch_cost_j"] = {str(size): cost for size, cost in self._elsewhere.items()}
        state["limits"] = self.limits.state()
        return state

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._tallies = {size: EpochTally(self._problem.window_size) for size in self._problem.batch_sizes}
        self.limits.restore(cast("dict[str, Json]", state["limits"]))
        self.adopt(state)
