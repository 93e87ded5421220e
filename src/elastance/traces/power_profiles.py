"""Profiles made of a power trace or of the built-in models: what an epoch takes, as shares of a global batch.

A trace says how long an epoch of N samples takes at batch size b: N / b steps. A GPU that computes b samples of every
global batch B in that time per step is busy for ``time_per_epoch * b / B`` of an epoch; so N, which no trace knows,
cancels, and plans come out in seconds and joules per epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import InputError
from elastance.traces.profiles import ProfilePoint, SplitProfile

if TYPE_CHECKING:
    from elastance.catalog import Workload
    from elastance.traces.sources import TraceSource


def profile_of_trace(
    source: TraceSource, gpu: str, workload: Workload, global_batch_size: int
) -> SplitProfile:
    """Return the profile of `workload` on `gpu` for one epoch in global batches of `global_batch_size`.

    Every batch size of the power trace counts, whether it ever reached a target or not.

    Raises:
        InputError: The trace does not know the workload or the GPU.
    """
    power = source.power(gpu)
    points = [
        ProfilePoint(size, limit, time_s, time_s * power_w)
        for size, limit, time_s, power_w in (
            (
                power.batch_size[row],
                power.power_limit[row],
                power.time_per_epoch[row] * power.batch_size[row] / global_batch_size,
                power.average_power[row],
            )
            for row in range(len(power.batch_size))
            if (power.dataset[row], power.network[row], power.optimizer[row])
            == (workload.dataset, workload.network, workload.optimizer)
        )
    ]
    if not points:
        raise InputError(
            f"{power.name} has no rows of {workload.dataset}, {workload.network}, {workload.optimizer}"
        )
    record = source.record(gpu)
    return SplitProfile(
        gpu.lower(), tuple(sorted(points)), "epoch", record.provenance, str(record), record.sha256
    )
