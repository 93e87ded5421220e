"""What is known before anything is measured: GPU types and the public workloads."""

from elastance.catalog.gpus import GPUS, GpuType, find_gpu
from elastance.catalog.workloads import WORKLOADS, Workload, find_workload

__all__ = ["GPUS", "WORKLOADS", "GpuType", "Workload", "find_gpu", "find_workload"]
