"""Energy windows over devices, power recordings and their analysis, and power limits that are always restored."""

from elastance.measure.limits import (
    LimitChange,
    PowerLimitHold,
    power_limit,
    reset_limit,
    restore_abandoned_limits,
    set_standing_limit,
)

__all__ = [
    "LimitChange",
    "PowerLimitHold",
    "power_limit",
    "reset_limit",
    "restore_abandoned_limits",
    "set_standing_limit",
]
