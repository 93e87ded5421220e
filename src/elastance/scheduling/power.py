"""What the GPUs of a cluster draw and how fast they are: assumed per type, modelled under a power limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from elastance.catalog import ASSUMED_BUSY_POWER_W, ASSUMED_IDLE_POWER_W, LIMIT_MODELS, LimitModel
from elastance.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.scheduling.plans import Plan

LIMIT_STEP = 0.05
"""Power limits are set in steps of this share of the board power."""


@dataclass(frozen=True)
class ClusterPower:
    """Power of a GPU of each type, in the order of the cluster's types.

    Attributes:
        idle_w: While it waits, W.
        busy_w: While it trains without a power limit, W.
        limits: What a power limit does to each type; without, there are no limits.
    """

    idle_w: tuple[float, ...]
    busy_w: tuple[float, ...]
    limits: tuple[LimitModel, ...] = ()

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

    @cached_property
    def slowdown(self) -> tuple[dict[float, float], ...]:
        """For each type its power limits, W, descending from none, and how many times as long work takes there."""
        models = self.limits or (LimitModel(1.0, 0.0, 1.0, 0, (0.0, 0.0), (0.0, 0.0)),) * len(self.busy_w)
        return tuple(
            {share * busy_w: model.slowdown(share) for share in _shares(model.lowest)}
            for busy_w, model in zip(self.busy_w, models, strict=True)
        )

    def idle_power_w(self, gpus: Sequence[int]) -> float:
        """Return what GPUs draw that wait, W."""
        return math.fsum(count * idle_w for count, idle_w in zip(gpus, self.idle_w, strict=True))

    def limits_w(self, plan: Plan) -> tuple[float, ...]:
        """Return the power limit of each type under a plan, W; where it sets none, what a GPU draws without one."""
        return plan.limits_w or self.busy_w

    def micro_batch_s(self, micro_batch_s: Sequence[float], limits_w: tuple[float, ...]) -> tuple[float, ...]:
        """Return what a micro-batch takes on each type under power limits, s."""
        if limits_w is self.busy_w:
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
        drawn_w = limits_w or self.busy_w
        busy_w = math.fsum(
            count * time_s / step_s * (busy_w - idle_w)
            for count, time_s, busy_w, idle_w in zip(
                workers, self.micro_batch_s(micro_batch_s, drawn_w), drawn_w, self.idle_w, strict=True
            )
            if count
        )
        return self.idle_power_w(gpus) + busy_w

    def most_excess_w(self, plan: Plan) -> float:
        """Return what the GPUs of a plan draw beyond their idle power in a moment in which all of them train, W."""
        return math.fsum(
            count * (limit_w - idle_w)
            for count, limit_w, idle_w in zip(plan.gpus, self.limits_w(plan), self.idle_w, strict=True)
        )


def _shares(lowest: float) -> tuple[float, ...]:
    """Return 1, 0.95, ... and the lowest."""
    steps = int((1.0 - lowest) / LIMIT_STEP + 1e-9)
    shares = [1.0 - LIMIT_STEP * step for step in range(steps + 1)]
    return tuple(shares) if math.isclose(shares[-1], lowest) else (*shares, lowest)
