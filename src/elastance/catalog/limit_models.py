"""What a power limit does to a GPU that would draw more: a small normalised model per GPU type.

With u the limit over what the GPU would draw without one, it draws the limit, and its work takes
``1 + a (1/u - 1)^b`` times as long. `scripts/fit_limit_models.py` fits a and b to the rows of the public traces
(Zeus, and Zeus^2 of the T4 and A10) whose limit lies below the draw at the largest limit. All workloads and batch
sizes go together: the jobs of a cluster are of none of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LimitModel:
    """Slowdown of one GPU type under a power limit.

    Attributes:
        lowest: Smallest u that is used: what the traces reach, or the board allows.
        factor: a in the formula above.
        exponent: b there.
        rows: Rows fitted to.
        time_error: Median and 95th percentile of the relative error of the time.
        power_error: The same of the power, taken to be the limit; what is drawn in truth is mostly less.
    """

    lowest: float
    factor: float
    exponent: float
    rows: int
    time_error: tuple[float, float]
    power_error: tuple[float, float]

    def slowdown(self, share: float) -> float:
        """Return how many times as long work takes at a limit of this share of the unlimited draw."""
        return 1.0 if share >= 1.0 else 1.0 + self.factor * (1.0 / share - 1.0) ** self.exponent


LIMIT_MODELS = {
    "v100": LimitModel(0.5, 0.52, 1.2, 189, (0.031, 0.134), (0.065, 0.204)),
    "a40": LimitModel(0.4, 1.233, 1.726, 184, (0.053, 0.346), (0.06, 0.164)),
    "rtx6000": LimitModel(0.4, 0.683, 1.726, 178, (0.043, 0.314), (0.062, 0.165)),
    "p100": LimitModel(0.7, 0.207, 0.5, 36, (0.014, 0.076), (0.099, 0.172)),
    "t4": LimitModel(60 / 70, 0.373, 0.73, 17, (0.012, 0.072), (0.01, 0.062)),
    "a10": LimitModel(0.5, 0.658, 1.865, 10, (0.016, 0.047), (0.09, 0.178)),
    "k80": LimitModel(1.0, 0.0, 1.0, 0, (0.0, 0.0), (0.0, 0.0)),  # in no trace: it is not limited
}
"""By GPU type; provenance: model."""
