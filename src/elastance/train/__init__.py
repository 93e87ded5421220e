"""Real training, in real time: callbacks and loaders for a training script, and the runner of recurring jobs.

Nothing here imports PyTorch until it is used.
"""

from elastance.train.data_parallel import Share, join
from elastance.train.energy_data_loader import EnergyDataLoader
from elastance.train.learning_rate import LearningRateRule, learning_rate_for
from elastance.train.limit_profile import LimitProfile, LimitWindow, limit_grid
from elastance.train.power_limit_optimizer import PowerLimitOptimizer
from elastance.train.profile_cache import ProfileCache, ProfileKey
from elastance.train.profiling.session import ProfilingDone
from elastance.train.profiling.steps import profiled_steps
from elastance.train.selectors import LeastEnergy, LeastEtaCost, LeastTime, MaxSlowdown, Selector
from elastance.train.sweep_states import Done, Profiling, Ready, SweepSteps, Warmup
from elastance.train.training_result import StoppedBy, TrainingResult
from elastance.train.tuning.result_file import report
from elastance.train.tuning_report import TuningReport, UsageEstimate

__all__ = [
    "Done",
    "EnergyDataLoader",
    "LearningRateRule",
    "LeastEnergy",
    "LeastEtaCost",
    "LeastTime",
    "LimitProfile",
    "LimitWindow",
    "MaxSlowdown",
    "PowerLimitOptimizer",
    "ProfileCache",
    "ProfileKey",
    "Profiling",
    "ProfilingDone",
    "Ready",
    "Selector",
    "Share",
    "StoppedBy",
    "SweepSteps",
    "TrainingResult",
    "TuningReport",
    "UsageEstimate",
    "Warmup",
    "join",
    "learning_rate_for",
    "limit_grid",
    "profiled_steps",
    "report",
]
