"""The figures of EasyScale (SC'23): its claims computed or measured anew; one module each."""

from elastance.figures.easyscale import (
    accuracy_consistency,
    context_switch,
    gpu_sharing,
    gradient_sync,
    overhead,
    trace_allocation,
    trace_jct_makespan,
)

EXPERIMENTS = (
    accuracy_consistency.EXPERIMENT,
    gpu_sharing.EXPERIMENT,
    context_switch.EXPERIMENT,
    overhead.EXPERIMENT,
    gradient_sync.EXPERIMENT,
    trace_jct_makespan.EXPERIMENT,
    trace_allocation.EXPERIMENT,
)
"""In the order of the paper's figures."""

__all__ = ["EXPERIMENTS"]
