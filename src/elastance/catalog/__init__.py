"""What is known before anything is measured: GPU types, the public workloads, and applications of clusters."""

from elastance.catalog.applications import (
    APPLICATIONS,
    PUBLISHED_EPOCH_SHARE,
    Application,
    find_application,
)
from elastance.catalog.determinism import D2_FACTORS, TIMED_AT_D2, Determinism, at_level, d2_factor
from elastance.catalog.gpus import ASSUMED_BUSY_POWER_W, ASSUMED_IDLE_POWER_W, GPUS, GpuType, find_gpu
from elastance.catalog.limit_models import LIMIT_MODELS, LimitModel
from elastance.catalog.workloads import WORKLOADS, Workload, find_workload

__all__ = [
    "APPLICATIONS",
    "ASSUMED_BUSY_POWER_W",
    "ASSUMED_IDLE_POWER_W",
    "D2_FACTORS",
    "GPUS",
    "LIMIT_MODELS",
    "PUBLISHED_EPOCH_SHARE",
    "TIMED_AT_D2",
    "WORKLOADS",
    "Application",
    "Determinism",
    "GpuType",
    "LimitModel",
    "Workload",
    "at_level",
    "d2_factor",
    "find_application",
    "find_gpu",
    "find_workload",
]
