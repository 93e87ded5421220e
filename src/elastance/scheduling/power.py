"""What the GPUs of a cluster draw and how fast they are: assumed per type, modelled under a limit, or recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from elastance.catalog import ASSUMED_BUSY_POWER_W, ASSUMED_IDLE_POWER_W, LIMIT_MODELS, LimitModel
from elastance.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.scheduling.plans import Demand, Plan
    from elastance.scheduling.responses import LimitResponse

LIMIT_STEP = 0.05
"""Power limits are set in steps of this share of the board power."""


@dataclass(frozen=True)
class ClusterPower:
    """Power of a GPU of each type, in the order of the cluster's types.

    Attributes:
        idle_w: While it waits, W.
        busy_w: While it trains without a power limit, W.
        limits: What a power limit does to each type; without, there are no limits.
        responses: What was recorded of one job, which then goes before `busy_w` and `limits`; None where nothing was.
    """

    idle_w: tuple[float, ...]
    busy_w: tuple[float, ...]
    limits: tuple[LimitModel, ...] = ()
    responses: tuple[LimitResponse | None, ...] = ()

    @classmethod
    def assumed(cls, types: Sequence[str]) -> ClusterPower:
        """Return the catalog's assumptions about these GPU types.

        Raises:
            UnknownNameError: There is none about a type.
        """
        for name in types:
            if name not in ASSUMED_BUSY_POWER_W:
                raise UnknownNameError("GPU type", name, ASSUMED_BUSY_POWER_W)
        return cls(
            tuple(ASSUMED_IDLE_POWER_W[name] for name in types),
            tuple(ASSUMED_BUSY_POWER_W[name] for name in types),
            tuple(LIMIT_MODELS[name] for name in types),
        )

    def of(self, demand: Demand) -> ClusterPower:
        """Return what holds for one job: this, or with what was recorded of it; always the same object."""
        return _of_job(self, demand.responses) if demand.responses else self

    @cached_property
    def slowdown(self) -> tuple[dict[float, float], ...]:
        """For each type its power limits, W, descending from none, and how many times as long work takes there."""
        return tuple(
            {share * busy_w: model.slowdown(share) for share in _shares(model.lowest)}
            if recorded is None
            else dict(zip(recorded.limits_w, recorded.slowdown, strict=True))
            for busy_w, model, recorded in self._by_type()
        )

    @cached_property
    def drawn_w(self) -> tuple[dict[float, float], ...]:
        """For each type what a GPU draws under each of its power limits, W: the limit itself, if it is modelled."""
        return tuple(
            {limit_w: limit_w for limit_w in limits}
            if recorded is None
            else dict(zip(recorded.limits_w, recorded.drawn_w, strict=True))
            for limits, (_, _, recorded) in zip(self.slowdown, self._by_type(), strict=True)
        )

    @cached_property
    def unlimited_w(self) -> tuple[float, ...]:
        """For each type the limit that stands for none, W."""
        return tuple(next(iter(limits)) for limits in self.slowdown)

    @cached_property
    def tightest_w(self) -> tuple[float, ...]:
        """For each type the limit under which a GPU draws least at most, W."""
        return tuple(
            min(limits, key=lambda limit_w: max(limit_w, drawn_w[limit_w]))
            for limits, drawn_w in zip(self.slowdown, self.drawn_w, strict=True)
        )

    @cached_property
    def least_excess_w(self) -> tuple[float, ...]:
        """For each type what a GPU draws beyond its idle power at most under the tightest limit, W."""
        return tuple(
            max(limit_w, drawn_w[limit_w]) - idle_w
            for limit_w, drawn_w, idle_w in zip(self.tightest_w, self.drawn_w, self.idle_w, strict=True)
        )

    def _by_type(self) -> list[tuple[float, LimitModel, LimitResponse | None]]:
        models = self.limits or (LimitModel(1.0, 0.0, 1.0, 0, (0.0, 0.0), (0.0, 0.0)),) * len(self.busy_w)
        return list(zip(self.busy_w, models, self.responses or (None,) * len(self.busy_w), strict=True))

    def idle_power_w(self, gpus: Sequence[int]) -> float:
        """Return what GPUs draw that wait, W."""
        return math.fsum(count * idle_w for count, idle_w in zip(gpus, self.idle_w, strict=True))

    def limits_w(self, plan: Plan) -> tuple[float, ...]:
        """Return the power limit of each type under a plan, W; where it sets none, the one that stands for none."""
        return plan.limits_w or self.unlimited_w

    def micro_batch_s(self, micro_batch_s: Sequence[float], limits_w: tuple[float, ...]) -> tuple[float, ...]:
        """Return what a micro-batch takes on each type under power limits, s."""
        if limits_w is self.unlimited_w:
            return tuple(micro_batch_s)
        return tuple(
            time_s * slowdown[limit_w]
            for time_s, slowdown, limit_w in zip(micro_batch_s, self.slowdown, limits_w, strict=True)
        )

    def training_power_w(
        self,
        gpus: Sequence[int],
        workers: Sequence[float],
        micro_batch_s: Sequence[float],
        step_s: float,
        limits_w: tuple[float, ...] = (),
    ) -> float:
        """Return what a job's GPUs draw on average over a step, W: one that has done its part waits for the slowest.

        Args:
            gpus: GPUs of each type.
            workers: Logical workers on the GPUs of each type, together.
            micro_batch_s: Seconds of a micro-batch on each type without limits; of no account where no workers are.
            step_s: Seconds of a step.
            limits_w: Power limit of each type, W; none by default.
        """
        under_w = limits_w or self.unlimited_w
        busy_w = math.fsum(
            count * time_s / step_s * (drawn_w[limit_w] - idle_w)
            for count, time_s, drawn_w, limit_w, idle_w in zip(
                workers,
                self.micro_batch_s(micro_batch_s, under_w),
                self.drawn_w,
                under_w,
                self.idle_w,
                strict=True,
            )
            if count
        )
        return self.idle_power_w(gpus) + busy_w

    def most_excess_w(self, plan: Plan) -> float:
        """Return what the GPUs of a plan draw at most beyond their idle power, all of them training at once, W.

        That is their power limit, or what they drew on average where that was recorded to be more.
        """
        return math.fsum(
            count * (max(limit_w, drawn_w[limit_w]) - idle_w)
            for count, limit_w, drawn_w, idle_w in zip(
                plan.gpus, self.limits_w(plan), self.drawn_w, self.idle_w, strict=True
            )
            if count
        )


@cache
def _of_job(power: ClusterPower, responses: tuple[LimitResponse | None, ...]) -> ClusterPower:
    busy_w = (
        of_type if recorded is None else recorded.drawn_w[0]
        for of_type, recorded in zip(power.busy_w, responses, strict=True)
    )
    return replace(power, busy_w=tuple(busy_w), responses=responses)


def _shares(lowest: float) -> tuple[float, ...]:
    """Return 1, 0.95, ... and the lowest."""
    steps = int((1.0 - lowest) / LIMIT_STEP + 1e-9)
    shares = [1.0 - LIMIT_STEP * step for step in range(steps + 1)]
    return tuple(shares) if math.isclose(shares[-1], lowest) else (*shares, lowest)
