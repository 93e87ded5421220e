"""What is the same in every figure about clusters: colours of schedulers, words of baselines, paired means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.figures.experiments.finding import in_digits
from elastance.simulate.measures import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.figures.style import Theme

HETER, HOMO, ENERGY, BACKFILL = "easyscale-heter", "easyscale-homo", "energy-elastic", "fifo-backfill"

GANG = ("fifo", BACKFILL, "srtf", "tiresias")
"""Schedulers that give a job a GPU per logical worker, or none."""

REPORTED = "only reported"
"""Why numbers that nothing is demanded of are not judged."""

ENERGY_WORDS = "Energy: all GPUs of the cluster up to the makespan, at assumed power by GPU type"


def policy_colour(policy: str, look: Theme) -> str:
    """Return a scheduler's colour: gang ones stay in the background."""
    known = {HETER: look.policies["zeus"], HOMO: look.time, ENERGY: look.energy, "yarn-cs": look.ink}
    return known.get(policy, look.faint)


def paired(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Return mean and 95 % interval of the ratios of two policies on the same traces."""
    return Spread.of([value / base for value, base in zip(values, baseline, strict=True)])


def plus_minus(ci95: float | None) -> str:
    """Return the 95 % interval of a mean, to go behind a name."""
    return "" if ci95 is None else f" (± {in_digits(ci95)})"


def mean_of(spread: Spread) -> float:
    """Return the mean of at least one value."""
    assert spread.mean is not None
    return spread.mean
