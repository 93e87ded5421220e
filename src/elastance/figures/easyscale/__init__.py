"""The figures of EasyScale (SC'23), computed anew; one module per figure."""

from elastance.figures.easyscale import trace_allocation, trace_jct_makespan

EXPERIMENTS = (
    trace_jct_makespan.EXPERIMENT,
    trace_allocation.EXPERIMENT,
)

__all__ = ["EXPERIMENTS"]
