"""GPUs and power of a whole cluster over time, from what each job held when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from elastance.simulate.cluster.history import ClusterHistory


@dataclass(frozen=True)
class Timeline:
    """Steps over time: entry i holds from `time_s[i]` to `time_s[i + 1]`.

    Attributes:
        time_s: Bounds, s, ascending; the first is 0; shape (steps + 1,).
        allocated: GPUs that some job holds, by type; shape (steps, types).
        useful: GPUs on which a logical worker trains, by type; shape (steps, types).
        power_w: Power of all GPUs of the cluster, those that wait included, W; shape (steps,).
        idle_w: The share of it that GPUs draw on which nothing trains, W; shape (steps,).
    """

    time_s: NDArray[np.float64]
    allocated: NDArray[np.int64]
    useful: NDArray[np.int64]
    power_w: NDArray[np.float64]
    idle_w: NDArray[np.float64]

    @property
    def length_s(self) -> NDArray[np.float64]:
        """Length of each step, s; shape (steps,)."""
        return np.diff(self.time_s)

    @classmethod
    def of(cls, history: ClusterHistory) -> Timeline:
        """Add up the phases of all jobs."""
        phases = history.phases
        starts = np.array([phase.start_s for phase in phases])
        ends = np.array([phase.end_s for phase in phases])
        bounds = np.unique(np.concatenate(([0.0, history.end_s], starts, ends)))
        first, last = np.searchsorted(bounds, starts), np.searchsorted(bounds, ends)
        steps = len(bounds) - 1
        types = len(history.shape)
        gpus = np.array([phase.gpus for phase in phases], dtype=np.int64).reshape(-1, types)
        useful = np.array([phase.useful for phase in phases], dtype=np.int64).reshape(-1, types)
        idle_w, shape = np.array(history.power.idle_w), np.array(history.shape)
        # What a phase draws beyond the idle power of its GPUs; that of the whole cluster is added once.
        excess_w = np.array([phase.power_w for phase in phases]) - gpus @ idle_w
        at_work = _running_sum(first, last, useful, steps)
        return cls(
            bounds,
            _running_sum(first, last, gpus, steps),
            at_work,
            _running_sum(first, last, excess_w, steps) + float(shape @ idle_w),
            (shape - at_work) @ idle_w,
        )


def _running_sum(
    first: NDArray[np.int64], last: NDArray[np.int64], values: NDArray[Any], steps: int
) -> NDArray[Any]:
    """Add each value to the steps from its first up to its last, which is not included."""
    change = np.zeros((steps + 1, *values.shape[1:]), dtype=values.dtype)
    np.add.at(change, first, values)
    np.subtract.at(change, last, values)
    return np.cumsum(change[:-1], axis=0)
