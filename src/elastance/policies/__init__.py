"""Decisions about recurring jobs: batch size and power limit, as plain state machines."""

from elastance.policies.contract import (
    Abandonable,
    BatchSizePolicy,
    Believing,
    CostBelief,
    EpochReckoning,
    LimitMeasurement,
    Outcome,
    PolicyPair,
    PowerLimitPolicy,
    Problem,
    Restorable,
    Transferable,
    check_window_size,
)
from elastance.policies.cost_model import Assumptions
from elastance.policies.exploration import PruningExploration
from elastance.policies.grid import EarlyStoppingGridSearch, GridSearch
from elastance.policies.knowledge_gradient import KnowledgeGradient
from elastance.policies.power_limit import JustInTimePowerLimit, MaxPowerLimit
from elastance.policies.pruning_thompson import PruningThompsonSampling
from elastance.policies.registry import (
    DEFAULT_POLICY,
    PolicyInfo,
    PolicyKind,
    build_policy,
    find_policy,
    registered_policies,
)
from elastance.policies.thompson import GaussianBelief, Prior, ThompsonSampler, ThompsonSampling

__all__ = [
    "DEFAULT_POLICY",
    "Abandonable",
    "Assumptions",
    "BatchSizePolicy",
    "Believing",
    "CostBelief",
    "EarlyStoppingGridSearch",
    "EpochReckoning",
    "GaussianBelief",
    "GridSearch",
    "JustInTimePowerLimit",
    "KnowledgeGradient",
    "LimitMeasurement",
    "MaxPowerLimit",
    "Outcome",
    "PolicyInfo",
    "PolicyKind",
    "PolicyPair",
    "PowerLimitPolicy",
    "Prior",
    "Problem",
    "PruningExploration",
    "PruningThompsonSampling",
    "Restorable",
    "ThompsonSampler",
    "ThompsonSampling",
    "Transferable",
    "build_policy",
    "check_window_size",
    "find_policy",
    "registered_policies",
]
