"""Facts from files or models: schemas, validation, sources, and the join that a simulated world runs on."""

from elastance.traces.application_profiles import ApplicationProfile, read_application_profiles
from elastance.traces.checks import Issue, Severity, find_issues
from elastance.traces.cluster import ClusterJob, ClusterWorkload, read_cluster
from elastance.traces.drift import DriftTrace, read_drift
from elastance.traces.groups import Group, GroupTrace, Submission, read_groups
from elastance.traces.power_profiles import profile_of_trace
from elastance.traces.profile_warnings import profile_warnings
from elastance.traces.profiles import ProfilePoint, SplitProfile, read_profile
from elastance.traces.reading import Table, read_table
from elastance.traces.schema import CLUSTER, DRIFT, GROUP, POWER, SCHEMAS, SYNTHETIC_PREFIX, TRAIN, Schema
from elastance.traces.sources import (
    BuiltinSource,
    DirectorySource,
    SourceKind,
    SourceRecord,
    TraceSource,
    find_source,
)
from elastance.traces.step_times import StepTimes, builtin_step_times, find_step_times, read_step_times
from elastance.traces.tables import JobFacts, PowerTrace, SizeFacts, TrainTrace, join

__all__ = [
    "CLUSTER",
    "DRIFT",
    "GROUP",
    "POWER",
    "SCHEMAS",
    "SYNTHETIC_PREFIX",
    "TRAIN",
    "ApplicationProfile",
    "BuiltinSource",
    "ClusterJob",
    "ClusterWorkload",
    "DirectorySource",
    "DriftTrace",
    "Group",
    "GroupTrace",
    "Issue",
    "JobFacts",
    "PowerTrace",
    "ProfilePoint",
    "Schema",
    "Severity",
    "SizeFacts",
    "SourceKind",
    "SourceRecord",
    "SplitProfile",
    "StepTimes",
    "Submission",
    "Table",
    "TraceSource",
    "TrainTrace",
    "builtin_step_times",
    "find_issues",
    "find_source",
    "find_step_times",
    "join",
    "profile_of_trace",
    "profile_warnings",
    "read_application_profiles",
    "read_cluster",
    "read_drift",
    "read_groups",
    "read_profile",
    "read_step_times",
    "read_table",
]
