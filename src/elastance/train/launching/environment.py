"""What a rank finds in its environment: its GPU, its share, and where to say how far it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.train.data_parallel.account import VARIABLE as ACCOUNTS
from elastance.train.data_parallel.joining import BATCH_SIZES, LAUNCHER, MICRO_BATCH_SIZES
from elastance.train.launching.rank_processes import RankProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Device
    from elastance.train.launching.placement import PlacedGpu
    from elastance.train.launching.plan import LaunchPlan

PLAN = "ELASTANCE_PLAN"
"""Environment variable: path of the plan."""


def rank_processes(plan: LaunchPlan, gpus: Sequence[PlacedGpu], accounts: Path) -> list[RankProcess]:
    """Return how each rank of a plan is started.

    Args:
        plan: The plan.
        gpus: Its GPUs that take part, in the order of the ranks.
        accounts: Directory for the ranks' accounts.
    """
    shared = {
        PLAN: str(Path(plan.path).absolute()),
        BATCH_SIZES: ",".join(str(gpu.planned.batch_size) for gpu in gpus),
        MICRO_BATCH_SIZES: ",".join(str(gpu.planned.micro_batch_size) for gpu in gpus),
        ACCOUNTS: str(accounts),
        LAUNCHER: str(os.getpid()),
    }
    return [
        RankProcess(f"{rank} {gpu.planned.profile}", shared | visible_device(gpu.device))
        for rank, gpu in enumerate(gpus)
    ]


def visible_device(device: Device) -> dict[str, str]:
    """Return the environment in which a framework sees this device and no other; a simulated one has a CPU only."""
    if device.info.backend == "nvidia":
        return {"CUDA_VISIBLE_DEVICES": device.info.id}
    if device.info.backend == "amd":  # HIP counts what ROCR leaves
        return {"ROCR_VISIBLE_DEVICES": device.info.id, "HIP_VISIBLE_DEVICES": "0"}
    return dict.fromkeys(("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), "")
