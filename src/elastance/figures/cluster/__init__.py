"""What if the cluster were scheduled otherwise, capped, or of other GPUs; one module per figure."""

from elastance.figures.cluster import energy_vs_jct, gpu_mix, power_cap

EXPERIMENTS = (energy_vs_jct.EXPERIMENT, power_cap.EXPERIMENT, gpu_mix.EXPERIMENT)

__all__ = ["EXPERIMENTS"]
