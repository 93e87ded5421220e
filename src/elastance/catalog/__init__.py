"""What is known before anything is measured: GPU types and the public workloads."""

from elastance.catalog.gpus import ASSUMED_IDLE_POWER_W, GPUS, GpuType, find_gpu
from elastance.catalog.workloads import WORKLOADS, Workload, find_workload

__all__ = ["ASSUMED_IDLE_POWER_W", "GPUS", "WORKLOADS", "GpuType", "Workload", "find_gpu", "find_workload"]
