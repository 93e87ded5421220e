"""Energy windows over devices, power recordings and their analysis, and power limits that are always restored."""

from __future__ import annotations

from elastance.measure.limits import (
    LimitChange,
    PowerLimitHold,
    power_limit,
    reset_limit,
    restore_abandoned_limits,
    set_standing_limit,
)
from elastance.measure.log_analysis import LogSummary, energy, mean_power, summarize
from elastance.measure.trapezoid import PowerIntegral, trapezoid_j
from elastance.traces.power_log import PowerLog, read_power_log

__all__ = [
    "LimitChange",
    "LogSummary",
    "PowerIntegral",
    "PowerLimitHold",
    "PowerLog",
    "energy",
    "mean_power",
    "power_limit",
    "read_power_log",
    "reset_limit",
    "restore_abandoned_limits",
    "set_standing_limit",
    "summarize",
    "trapezoid_j",
]
