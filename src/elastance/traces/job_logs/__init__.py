"""Public job logs of clusters, each made into the one cluster trace."""

from elastance.traces.job_logs.applications import CLASSES, GpuTimeClass, parse_gpu_hours
from elastance.traces.job_logs.gavel import GavelStepTimes, import_gavel_throughputs
from elastance.traces.job_logs.gpu_mix import GpuMix
from elastance.traces.job_logs.importing import ApplicationShare, ClusterImport, import_jobs
from elastance.traces.job_logs.known import LOGS, KnownLog, find_log
from elastance.traces.job_logs.records import Dropped, JobLog, JobRecord
from elastance.traces.job_logs.selection import Larger, Pick, Selected, Selection, select

__all__ = [
    "CLASSES",
    "LOGS",
    "ApplicationShare",
    "ClusterImport",
    "Dropped",
    "GavelStepTimes",
    "GpuMix",
    "GpuTimeClass",
    "JobLog",
    "JobRecord",
    "KnownLog",
    "Larger",
    "Pick",
    "Selected",
    "Selection",
    "find_log",
    "import_gavel_throughputs",
    "import_jobs",
    "parse_gpu_hours",
    "select",
]
