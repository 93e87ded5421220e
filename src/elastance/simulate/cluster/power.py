"""What the GPUs of a cluster draw: assumed per type, and shared out by how busy a job keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.catalog import ASSUMED_BUSY_POWER_W, ASSUMED_IDLE_POWER_W
from elastance.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ClusterPower:
    """Power of a GPU of each type, in the order of the cluster's types.

    Attributes:
        idle_w: While it waits, W.
        busy_w: While it trains, W.
    """

    idle_w: tuple[float, ...]
    busy_w: tuple[float, ...]

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
        )

    def idle_power_w(self, gpus: Sequence[int]) -> float:
        """Return what GPUs draw that wait, W."""
        return math.fsum(count * idle_w for count, idle_w in zip(gpus, self.idle_w, strict=True))

    def training_power_w(
        self, gpus: Sequence[int], workers: Sequence[float], micro_batch_s: Sequence[float], step_s: float
    ) -> float:
        """Return what a job's GPUs draw, W: a GPU that has finished its part of a step waits for the slowest.

        Args:
            gpus: GPUs of each type.
            workers: Logical workers on the GPUs of each type, together.
            micro_batch_s: Seconds of a micro-batch on each type; of no account where there are no workers.
            step_s: Seconds of a step.
        """
        busy_w = math.fsum(
            count * time_s / step_s * (busy_w - idle_w)
            for count, time_s, busy_w, idle_w in zip(
                workers, micro_batch_s, self.busy_w, self.idle_w, strict=True
            )
            if count
        )
        return self.idle_power_w(gpus) + busy_w
