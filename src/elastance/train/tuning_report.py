"""What a tuned or observed training run consumed, and what it would have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from elastance.runs import Provenance

if TYPE_CHECKING:
    from elastance.measure import Measurement
    from elastance.train.limit_profile import LimitProfile


class UsageEstimate(NamedTuple):
    """Energy and time of a run that did not happen.

    Attributes:
        energy_j: Energy, J.
        time_s: Duration, s.
        provenance: Always ``ESTIMATE``.
    """

    energy_j: float
    time_s: float
    provenance: Provenance = Provenance.ESTIMATE


@dataclass(frozen=True)
class TuningReport:
    """What a run consumed, on the GPUs of this rank.

    Attributes:
        measured: The run, from the first step to the close, as it was.
        steps: Steps that ended.
        power_limit_w: The limit that was selected, W; None if there is none.
        at_optimum: Of an observed run: what it would have used had it trained under that limit since it was known;
            an estimate. None where the limit was really set, or nothing can be said.
        profile: What the choice is based on; None if the sweep did not end.
        problem: Why no limit was selected; None if one was.
    """

    measured: Measurement
    steps: int
    power_limit_w: float | None
    at_optimum: UsageEstimate | None
    profile: LimitProfile | None
    problem: str | None

    def __str__(self) -> str:
        energy_j = self.measured.energy_j
        sources = sorted({device.provenance.source.value for device in self.measured.devices})
        energy = f"{energy_j:.5g} J ({', '.join(sources)})" if energy_j is not None else "no energy reading"
        lines = [f"{self.steps} steps in {self.measured.time_s:.5g} s: {energy}"]
        if self.problem is not None:
            lines.append(f"no power limit was selected: {self.problem}")
        elif self.power_limit_w is not None:
            lines.append(f"best power limit: {self.power_limit_w:g} W")
        if self.at_optimum is not None:
            lines.append(
                f"at that limit, had it been set: about {self.at_optimum.energy_j:.5g} J in"
                f" {self.at_optimum.time_s:.5g} s ({self.at_optimum.provenance.value})"
            )
        return "\n".join(lines)


def estimate_at_optimum(
    run: Measurement, steady: Measurement, profile: LimitProfile, former_w: float, optimum_w: float
) -> UsageEstimate | None:
    """Estimate what a run would have used at the optimum instead of at the limit it kept.

    Energy and time since the optimum was known change as the measured windows do between the two limits; what was
    before stays. Evaluation passes are taken to change as training does.

    Args:
        run: The whole run.
        steady: Its part since the optimum was known.
        profile: The measured windows.
        former_w: The limit the run kept, W.
        optimum_w: The limit that was selected, W.

    Returns:
        The estimate; None without a reading.
    """
    if run.energy_j is None or steady.energy_j is None:
        return None
    before, after = profile.at(former_w), profile.at(optimum_w)
    return UsageEstimate(
        run.energy_j + steady.energy_j * (after.energy_j / before.energy_j - 1.0),
        run.time_s + steady.time_s * (after.time_s / before.time_s - 1.0),
    )
