"""Launch a training script by a plan of `elastance split`: one process per GPU, limits, energy, and the prediction.

`plan` reads the plan, `placement` finds its GPUs, `rank_processes` starts and ends processes (and knows nothing of
plans), `job` does it all with limits and a meter, `outcome` puts measured beside predicted.
"""

from elastance.train.launching.job import FinishedJob, SteadyPower, run_job
from elastance.train.launching.outcome import GpuOutcome, JobOutcome, StepUse, assess
from elastance.train.launching.placement import PlacedGpu, place
from elastance.train.launching.plan import LaunchPlan, PlannedGpu, read_plan
from elastance.train.launching.rank_processes import (
    InterruptedJob,
    JobEnd,
    RankFailure,
    RankProcess,
    check_command,
    check_torch,
    started_ranks,
)

__all__ = [
    "FinishedJob",
    "GpuOutcome",
    "InterruptedJob",
    "JobEnd",
    "JobOutcome",
    "LaunchPlan",
    "PlacedGpu",
    "PlannedGpu",
    "RankFailure",
    "RankProcess",
    "SteadyPower",
    "StepUse",
    "assess",
    "check_command",
    "check_torch",
    "place",
    "read_plan",
    "run_job",
    "started_ranks",
]
