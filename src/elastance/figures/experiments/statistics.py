"""What chance may do to a mean over seeds, and the words that say which seeds."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANCE = 0.00135
"""Chance of more than three standard deviations to one side of the mean of a normal distribution."""


def room_for(
    values: Sequence[float], seeds: Sequence[int], expected_seeds: Sequence[int], *, of: int
) -> float:
    """Return how far the mean of `values` may be from the expected one by chance alone.

    With the seeds of the expected mean there is no chance left. With others it is as many standard errors of the
    difference as a claim about `of` numbers exceeds as rarely as a single number exceeds three.

    Args:
        values: One per seed.
        seeds: Seeds of the values.
        expected_seeds: Seeds of the expected mean.
        of: How many such numbers the claim is about.
    """
    if tuple(seeds) == tuple(expected_seeds):
        return 0.0
    return deviations(len(values), of=of) * standard_error(values, len(expected_seeds))


def standard_error(values: Sequence[float], expected_seeds: int | None = None) -> float:
    """Return the standard error of the mean, or of its difference from one over so many other seeds.

    Infinite with a single value, whose spread is unknown.
    """
    count = len(values)
    if count < 2:
        return math.inf
    other = 1 / expected_seeds if expected_seeds else 0.0
    return statistics.stdev(values) * math.sqrt(1 / count + other)


def deviations(count: int, *, of: int = 1) -> float:
    """Return how many standard errors, estimated from `count` values, are as rarely exceeded as three known ones.

    Student's t makes up for how little is known of the spread of few values; with `of` numbers each has its share
    of the chance (Bonferroni).
    """
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return float(stdtrit(max(count - 1, 1), 1 - _CHANCE / of))


def lacking_seeds(seeds: Sequence[int], expected_seeds: Sequence[int]) -> str:
    """Return why a claim about means over seeds cannot be judged from `seeds`; empty if it can."""
    if len(seeds) > 1 or tuple(seeds) == tuple(expected_seeds):
        return ""
    return "one seed says nothing about chance"


def within(tolerance: str, seeds: Sequence[int], expected_seeds: Sequence[int]) -> str:
    """Return the tolerance of a claim in words, with what is granted to chance."""
    if tuple(seeds) == tuple(expected_seeds):
        return f"within {tolerance}"
    return f"within {tolerance} and what chance may do to the mean of {len(seeds)} seeds"


def seeds_in_words(seeds: Sequence[int], *, published: bool) -> str:
    """Return which seeds were simulated, and how."""
    said = ", ".join(map(str, seeds))
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        said = f"{seeds[0]} to {seeds[-1]}"
    return f"{said} ({'published simulator replayed' if published else 'normal mode'})"
