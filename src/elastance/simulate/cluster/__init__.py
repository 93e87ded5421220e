"""Clusters in virtual time: jobs with logical workers on GPUs of several types, under a scheduler."""

from elastance.scheduling.power import ClusterPower
from elastance.simulate.cluster.caps import over_cap_s, parse_power_cap
from elastance.simulate.cluster.comparison import (
    CLUSTER_POLICIES,
    PUBLISHED_CLUSTER,
    PUBLISHED_POLICIES,
    ClusterComparison,
    ClusterPolicyResult,
    simulate_cluster,
)
from elastance.simulate.cluster.history import Activity, ClusterHistory, JobOutcome, Phase
from elastance.simulate.cluster.measures import ClusterMeasures
from elastance.simulate.cluster.published import PublishedClusterWorld
from elastance.simulate.cluster.records import check_directory, write_records
from elastance.simulate.cluster.studies import CaseOutcome, ClusterCase, drawn_workload, run_cases
from elastance.simulate.cluster.tasks import ClusterShape, ClusterTask, make_tasks
from elastance.simulate.cluster.timeline import Timeline
from elastance.simulate.cluster.world import ClusterWorld

__all__ = [
    "CLUSTER_POLICIES",
    "PUBLISHED_CLUSTER",
    "PUBLISHED_POLICIES",
    "Activity",
    "CaseOutcome",
    "ClusterCase",
    "ClusterComparison",
    "ClusterHistory",
    "ClusterMeasures",
    "ClusterPolicyResult",
    "ClusterPower",
    "ClusterShape",
    "ClusterTask",
    "ClusterWorld",
    "JobOutcome",
    "Phase",
    "PublishedClusterWorld",
    "Timeline",
    "check_directory",
    "drawn_workload",
    "make_tasks",
    "over_cap_s",
    "parse_power_cap",
    "run_cases",
    "simulate_cluster",
    "write_records",
]
