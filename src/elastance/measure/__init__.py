"""Energy windows over devices, power recordings and their analysis, and power limits that are always restored."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elastance.measure.limits import (
    LimitChange,
    PowerLimitHold,
    power_limit,
    reset_limit,
    restore_abandoned_limits,
    set_standing_limit,
)
from elastance.measure.measurement import DeviceEnergy, EnergyProvenance, Measurement
from elastance.measure.meter import EnergyMeter
from elastance.measure.trapezoid import PowerIntegral, trapezoid_j

if TYPE_CHECKING:
    from elastance.measure.log_analysis import LogSummary, energy, mean_power, summarize
    from elastance.traces.power_log import PowerLog, read_power_log

# Reading logs needs NumPy; measuring does not, and should not wait for it.
_HOMES = {
    "LogSummary": "measure.log_analysis",
    "PowerLog": "traces.power_log",
    "energy": "measure.log_analysis",
    "mean_power": "measure.log_analysis",
    "read_power_log": "traces.power_log",
    "summarize": "measure.log_analysis",
}

__all__ = [
    "DeviceEnergy",
    "EnergyMeter",
    "EnergyProvenance",
    "LimitChange",
    "LogSummary",
    "Measurement",
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


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"elastance.{_HOMES[name]}"), name)
