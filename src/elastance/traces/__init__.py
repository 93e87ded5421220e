"""Facts from files or models: schemas, validation, sources, and the join that a simulated world runs on."""

from elastance.traces.checks import Issue, Severity, find_issues
from elastance.traces.reading import Table, read_table
from elastance.traces.schema import GROUP, POWER, SCHEMAS, TRAIN, Schema
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
    "GROUP",
    "POWER",
    "SCHEMAS",
    "TRAIN",
    "BuiltinSource",
    "DirectorySource",
    "Issue",
    "JobFacts",
    "PowerTrace",
    "Schema",
    "Severity",
    "SizeFacts",
    "SourceKind",
    "SourceRecord",
    "Table",
    "TraceSource",
    "TrainTrace",
    "find_issues",
    "find_source",
    "join",
    "read_table",
]
