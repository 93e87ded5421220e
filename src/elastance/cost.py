"""The one cost every decision is judged by: energy and time, weighed by eta.

``cost = eta * energy + (1 - eta) * max_power * time`` in joules (Zeus, NSDI'23, section 3.1, equation 2): the
largest power limit turns seconds into joules, so that eta = 1 asks for energy only and eta = 0 for time only.
"""

from __future__ import annotations

from dataclasses import dataclass

from elastance.errors import InputError


@dataclass(frozen=True)
class EtaCost:
    """Weighs joules against seconds.

    Attributes:
        eta: Preference in [0, 1]: 1 = energy only, 0 = time only.
        max_power_w: Largest power limit of the GPU (of all GPUs together, where there are several), W.

    Raises:
        InputError: eta is outside [0, 1] or not a number, or the power is not positive.
    """

    eta: float
    max_power_w: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.eta <= 1.0:
            raise InputError(
                f"eta knob {self.eta} is not in [0, 1]: 0 weighs time only, 1 energy only, 0.5 both alike"
            )
        if not self.max_power_w > 0.0:
            raise InputError(f"largest power limit {self.max_power_w} W is not positive")

    def of_run(self, energy_j: float, time_s: float) -> float:
        """Cost of a run that took `energy_j` joules and `time_s` seconds, J."""
        return self.eta * energy_j + ((1 - self.eta) * self.max_power_w) * time_s

    def of_epoch(self, time_s: float, power_w: float) -> float:
        """Cost of an epoch of `time_s` seconds at mean power `power_w`, J (NSDI'23, equation 7).

        The same quantity as `of_run`, factored the way the power-limit choice of the paper compares it.
        """
        return (self.eta * power_w + (1 - self.eta) * self.max_power_w) * time_s


def check_beta(beta: float) -> float:
    """Return the early-stopping factor `beta` if it is usable.

    A run is stopped once its cost would exceed `beta` times the least cost so far; infinity never stops one.

    Raises:
        InputError: beta is not larger than 1.
    """
    if not beta > 1.0:
        raise InputError(
            f"beta knob {beta} is not larger than 1: a run is stopped at beta times the least cost so far "
            "(2 is a good default, inf switches early stopping off)"
        )
    return beta
