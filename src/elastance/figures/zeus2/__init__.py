"""The claims of Zeus^2 on more GPUs and workloads than it was measured on; one module per figure."""

from elastance.figures.zeus2 import pairs

EXPERIMENTS = (pairs.EXPERIMENT,)

__all__ = ["EXPERIMENTS"]
