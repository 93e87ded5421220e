"""The decisions about a cluster of elastic jobs: which job runs on which GPUs, and how its workers share them."""

from elastance.scheduling.contract import ClusterState, JobState, Scheduler, Stateless
from elastance.scheduling.easyscale import EasyScaleHeter, EasyScaleHomo
from elastance.scheduling.gang import Fifo, FifoBackfill, Srtf, Tiresias, YarnCs, gang_plan
from elastance.scheduling.plan_book import PlanBook, Proposal
from elastance.scheduling.plans import Demand, Plan, best_plan
from elastance.scheduling.published import (
    Holding,
    PublishedEasyScale,
    PublishedJob,
    PublishedScheduler,
    PublishedYarnCs,
)
from elastance.scheduling.registry import (
    SchedulerInfo,
    build_scheduler,
    find_scheduler,
    registered_schedulers,
)

__all__ = [
    "ClusterState",
    "Demand",
    "EasyScaleHeter",
    "EasyScaleHomo",
    "Fifo",
    "FifoBackfill",
    "Holding",
    "JobState",
    "Plan",
    "PlanBook",
    "Proposal",
    "PublishedEasyScale",
    "PublishedJob",
    "PublishedScheduler",
    "PublishedYarnCs",
    "Scheduler",
    "SchedulerInfo",
    "Srtf",
    "Stateless",
    "Tiresias",
    "YarnCs",
    "best_plan",
    "build_scheduler",
    "find_scheduler",
    "gang_plan",
    "registered_schedulers",
]
