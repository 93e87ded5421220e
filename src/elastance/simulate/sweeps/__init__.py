"""Many simulations at once: resumable after a kill, spread over processes or a cluster, one tidy table."""

from elastance.simulate.engines import Engine
from elastance.simulate.sweeps.groups import GroupSweep, group_sweep
from elastance.simulate.sweeps.recurring import RecurringSweep, recurring_sweep
from elastance.simulate.sweeps.running import Failure, SweepResult, run_sweep
from elastance.simulate.sweeps.summary import PolicySummary
from elastance.simulate.sweeps.table import TableFormat

__all__ = [
    "Engine",
    "Failure",
    "GroupSweep",
    "PolicySummary",
    "RecurringSweep",
    "SweepResult",
    "TableFormat",
    "group_sweep",
    "recurring_sweep",
    "run_sweep",
]
