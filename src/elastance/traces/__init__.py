"""Facts from files or models: schemas, validation, sources, and the join that a simulated world runs on."""

from elastance.traces.checks import Issue, Severity, find_issues
from elastance.traces.drift import DriftTrace, read_drift
from elastance.traces.groups import Group, GroupTrace, Submission, read_groups
from elastance.traces.power_profiles import profile_of_trace
from elastance.traces.profile_warnings import profile_warnings
from elastance.traces.profiles import ProfilePoint, SplitProfile, read_profile
from elastance.traces.reading import Table, read_table
from elastance.traces.schema import DRIFT, GROUP, POWER, SCHEMAS, SYNTHETIC_PREFIX, TRAIN, Schema
from elastance.traces.sources import (
    BuiltinSource,
    DirectorySource,
    SourceKind,
    SourceRecord,
    TraceSource,
    find_source,
)
from elastance.traces.tables import JobFacts, PowerTrace, SizeFacts, TrainTrace, join

__all__ = [
    "DRIFT",
    "GROUP",
    "POWER",
    "SCHEMAS",
    "SYNTHETIC_PREFIX",
    "TRAIN",
    "BuiltinSource",
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
    "Submission",
    "Table",
    "TraceSource",
    "TrainTrace",
    "find_issues",
    "find_source",
    "join",
    "profile_of_trace",
    "profile_warnings",
    "read_drift",
    "read_groups",
    "read_profile",
    "read_table",
]
