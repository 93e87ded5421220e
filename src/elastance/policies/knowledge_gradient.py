"""A policy for batch size and power limit that runs what is worth most, counting what it would learn."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, cast

from elastance.errors import InputError
from elastance.policies.cost_model import Assumptions, CostModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from elastance.policies.contract import CostBelief, Json, LimitMeasurement, Outcome, Problem

_PATIENCE = 20
"""A trial that is not answered while this many further runs are chosen counts as lost."""


_FAILURES = 3
"""A size that missed the target this often and never reached it is not run again."""


class KnowledgeGradient:
    """Runs the batch size whose run is worth most, by what it costs and by what it teaches about all sizes.

    Begins with the default size. While a run that is to teach something is out, further runs get the best size
    known. Power limits are profiled in the first run of a size. Nothing here is random.

    What it knows of epochs holds on any GPU: `knowledge` of one policy starts another with `warm_start`.

    Args:
        problem: The task.
        rng: Not used.
        assumptions: What is believed before the first run.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator | None = None,
        *,
        assumptions: Assumptions | None = None,
    ) -> None:
        del rng  # nothing here is random
        self._problem = problem
        self._assumptions = Assumptions() if assumptions is None else assumptions
        self._model = CostModel(problem, self._assumptions)
        self._trials = 0
        self._awaited: int | None = None
        self._profiled_in: dict[int, int] = {}
        self._dropped: dict[int, int] = {}
        self._failures = dict.fromkeys(problem.batch_sizes, 0)
        self._costs: deque[float] = deque(maxlen=problem.window_size or 1)

    def choose_batch_size(self) -> int:
        """Return the size whose run is worth most; the best known while another trial is out."""
        trial = self._trials
        self._trials += 1
        model = self._model
        startable = self._startable()
        proven = [size for size in startable if model.succeeded(size)]
        if not proven:
            default = self._problem.job.default_batch_size
            return default if default in startable else model.best_of(startable)
        best = model.best_of(proven)
        if self._awaited is not None and trial - self._awaited <= _PATIENCE:
            return best
        rivals = model.rivals_of(best, startable)
        if not rivals:
            return best
        chosen = model.worthiest(best, rivals, log_threshold=self._log_threshold())
        if chosen != best:
            self._awaited = trial
        return chosen

    def _log_threshold(self) -> float:
        """Logarithm of the cost at which the world will stop the next run, J."""
        threshold = self._problem.beta * min(self._costs, default=math.inf)
        return math.log(threshold) if threshold > 0.0 else math.inf

    def choose_power_limit(self, batch_size: int) -> int | None:
        """Return the cheapest limit (W), or None while `batch_size` has not been profiled."""
        return self._model.limits.choose_power_limit(batch_size)

    def observe_profile(self, batch_size: int, profile: Sequence[LimitMeasurement]) -> None:
        """Keep the measurements of `batch_size`, made in the run that was chosen last."""
        self._profiled_in[batch_size] = self._trials - 1
        self._model.observe_profile(batch_size, profile)

    def observe_run(self, outcome: Outcome) -> None:
        """Learn from a run how many epochs its size needs, or that it cannot start below the threshold."""
        if outcome.trial is not None and outcome.trial == self._awaited:
            self._awaited = None
        if not outcome.started:
            self._drop(outcome.batch_size)  # unless the threshold rises, it could never start again
            return
        if outcome.reached:
            # The threshold rests on the least cost ever; with a window, on the last successes only.
            if not self._problem.window_size and self._costs:
                self._costs[0] = min(self._costs[0], outcome.cost_j)
            else:
                self._costs.append(outcome.cost_j)
        profiling = outcome.trial is not None and outcome.trial == self._profiled_in.get(outcome.batch_size)
        self._model.observe_run(outcome, profiling=profiling)
        self._count_failure(outcome)

    def abandon_trial(self, trial: int) -> None:
        """Stop waiting for a trial that will never be answered."""
        if trial == self._awaited:
            self._awaited = None

    def knows_epoch_cost(self, batch_size: int, power_limit_w: int) -> bool:
        """Return whether an epoch was profiled at a batch size and a power limit (W)."""
        return self._model.limits.epoch_cost_j(batch_size, power_limit_w) is not None

    def cost_beliefs(self) -> dict[int, CostBelief]:
        """Return the belief about the cost of every size on offer, once any epoch was profiled."""
        return self._model.cost_beliefs()

    def _count_failure(self, outcome: Outcome) -> None:
        """Give up on a size that keeps missing the target and has never reached it."""
        size = outcome.batch_size
        if outcome.reached or self._model.succeeded(size):
            self._failures[size] = 0
            return
        self._failures[size] += 1
        if self._failures[size] >= _FAILURES and size != self._problem.job.default_batch_size:
            self._drop(size)

    def _startable(self) -> list[int]:
        """Return the sizes that were not dropped; with a window, that was for as many runs as it holds."""
        window, dropped = self._problem.window_size, self._dropped
        return [
            size
            for size in self._problem.batch_sizes
            if size not in dropped or (window and self._trials - dropped[size] > window)
        ]

    def _drop(self, batch_size: int) -> None:
        if self._startable() != [batch_size]:
            self._dropped[batch_size] = self._trials

    def knowledge(self) -> dict[str, Json]:
        """Return what is known of the job on any GPU, as plain JSON values."""
        return self._model.knowledge()

    def warm_start(self, knowledge: dict[str, Json]) -> None:
        """Begin with the knowledge of a policy that served the same job, on whatever GPU.

        Raises:
            InputError: Runs were chosen already, or the knowledge is about another job.
        """
        if self._trials:
            raise InputError(f"a warm start after {self._trials} runs: it has to come before the first")
        self._model.adopt(knowledge)

    def state(self) -> dict[str, Json]:
        """Return the measurements, and which runs are still to be answered."""
        return {
            "trials": self._trials,
            "awaited": self._awaited,
            "profiled_in": {str(size): trial for size, trial in self._profiled_in.items()},
            "dropped": {str(size): trial for size, trial in self._dropped.items()},
            "failures": {str(size): count for size, count in self._failures.items()},
            "costs_j": list(self._costs),
            "model": self._model.state(),
        }

    def restore(self, state: dict[str, Json]) -> None:
        """Go on where `state` stood."""
        self._trials = cast("int", state["trials"])
        self._awaited = cast("int | None", state["awaited"])
        profiled_in = cast("dict[str, int]", state["profiled_in"])
        self._profiled_in = {int(size): trial for size, trial in profiled_in.items()}
        dropped = cast("dict[str, int]", state["dropped"])
        self._dropped = {int(size): trial for size, trial in dropped.items()}
        self._failures = {
            int(size): count for size, count in cast("dict[str, int]", state["failures"]).items()
        }
        self._costs = deque(cast("list[float]", state["costs_j"]), maxlen=self._problem.window_size or 1)
        self._model.restore(cast("dict[str, Json]", state["model"]))
