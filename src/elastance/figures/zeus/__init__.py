"""The figures of Zeus (NSDI'23), computed anew from the public traces; one module per figure."""

from elastance.figures.zeus import (
    ablation,
    beta,
    cluster,
    drift,
    eta,
    gpus,
    pollux,
    potential,
    profiling_overhead,
    regret,
    savings,
    search_path,
    tradeoff,
)

EXPERIMENTS = tuple(
    module.EXPERIMENT
    for module in (
        potential,
        tradeoff,
        savings,
        regret,
        search_path,
        cluster,
        drift,
        profiling_overhead,
        eta,
        gpus,
        beta,
        ablation,
        pollux,
    )
)
"""In the order of the paper's figures."""

__all__ = ["EXPERIMENTS"]
