"""The decisions about a cluster of elastic jobs: which job runs on which GPUs, and how its workers share them."""

from elastance.scheduling.capping import require_cap
from elastance.scheduling.contract import ClusterState, JobState, Scheduler, Stateless
from elastance.scheduling.easyscale import EasyScaleHeter, EasyScaleHomo
from elastance.scheduling.energy_elastic import EnergyElastic
from elastance.scheduling.gang import Fifo, FifoBackfill, Srtf, Tiresias, YarnCs, gang_plan
from elastance.scheduling.gang_queues import GangQueue, Progress
from elastance.scheduling.limits import LimitBook, LimitedPlan, foreseen_step_s
from elastance.scheduling.plan_book import PlanBook, Proposal
from elastance.scheduling.plans import Demand, Plan, best_plan
from elastance.scheduling.power import ClusterPower
from elastance.scheduling.power_cap import PowerCap
from elastance.scheduling.published import (
    Holding,
    PublishedEasyScale,
    PublishedJob,
    PublishedScheduler,
    PublishedYarnCs,
)
from elastance.scheduling.queues import queue_of
from elastance.scheduling.registry import (
    SchedulerInfo,
    build_scheduler,
    find_scheduler,
    registered_schedulers,
)
from elastance.scheduling.responses import LimitResponse

__all__ = [
    "ClusterPower",
    "ClusterState",
    "Demand",
    "EasyScaleHeter",
    "EasyScaleHomo",
    "EnergyElastic",
    "Fifo",
    "FifoBackfill",
    "GangQueue",
    "Holding",
    "JobState",
    "LimitBook",
    "LimitResponse",
    "LimitedPlan",
    "Plan",
    "PlanBook",
    "PowerCap",
    "Progress",
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
    "foreseen_step_s",
    "gang_plan",
    "queue_of",
    "registered_schedulers",
    "require_cap",
]
