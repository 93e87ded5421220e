"""The cheapest split for a given deadline: separable by GPU, bounded by one multiplier, solved over few options.

With the time T of the step fixed, a GPU in use costs
``eta * (e - idle * t) + (eta * idle + (1 - eta) * MaxPower) * T`` under its best limit with ``t <= T``, whatever the
others do; only ``sum n_i = B`` joins them. A multiplier on that sum gives a lower bound (Lagrange). An option whose
reduced cost exceeds the gap between the bound and the best plan known is in no better plan; a min-plus convolution
over the few that are left is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from elastance.splitting.curves import Floats, Gpu
    from elastance.splitting.problem import SplitProblem

_MOST_CUTS = 60
_BLOCK = 1 << 20
"""Elements of a convolution that are held at once."""


class Kind(NamedTuple):
    """All identical GPUs of a problem.

    Attributes:
        gpu: One of them.
        places: Where they stand in the problem.
        times_s: Time under each limit for 1, 2, … units, s, shape (limits, units).
        values: ``eta * (energy - idle * time)`` of the same; infinite where a share does not fit.
        above_idle: ``energy - idle * time`` of the same, by which limits are chosen, J.
        used_rate, released_rate: What a second of the step costs for a GPU in use and for a released one, J/s.
    """

    gpu: Gpu
    places: tuple[int, ...]
    times_s: Floats
    values: Floats
    above_idle: Floats
    used_rate: float
    released_rate: float


class Bound(NamedTuple):
    """What is known of all plans within a range of deadlines.

    Attributes:
        value: No plan with such a deadline costs less.
        units: Units of each GPU of the plan it was read from; None if no plan can beat the best one known.
    """

    value: float
    units: NDArray[np.int64] | None


class _Choice(NamedTuple):
    """What one GPU may still do: numbers of units, and their reduced costs."""

    units: NDArray[np.int64]
    costs: Floats


def kinds_of(problem: SplitProblem, weight: float) -> list[Kind]:
    """Group identical GPUs and value their options at eta = `weight`."""
    kinds: list[Kind] = []
    for gpu in dict.fromkeys(problem.gpus):
        times, energies = (table[:, 1:] for table in problem.tables[gpu])
        fits = np.isfinite(times)
        above_idle = np.where(fits, energies - gpu.idle_power_w * np.where(fits, times, 0.0), np.inf)
        values = np.where(fits, weight * np.where(fits, above_idle, 0.0), np.inf)
        places = tuple(index for index, of in enumerate(problem.gpus) if of is gpu)
        kinds.append(Kind(gpu, places, times, values, above_idle, *problem.rates_w(gpu, weight)))
    return kinds


def bound_within(
    kinds: Sequence[Kind], units: int, priced_s: float, latest_s: float, least: float, *, thorough: bool
) -> Bound:
    """Bound the cost of all plans whose GPUs end by `latest_s`, with the step priced as if it took `priced_s`.

    Args:
        kinds: The GPUs.
        units: How many units are to be handed out.
        priced_s: At most the time of the plans in question, synchronisation included, s.
        latest_s: When the last GPU ends at the latest, s.
        least: Cost of the best plan known.
        thorough: Solve the problem exactly; otherwise only if the multiplier's bound is close to `least`.
    """
    costs = [_cheapest(kind, priced_s, latest_s) for kind in kinds]
    counts = [len(kind.places) for kind in kinds]
    multiplier, value = _best_multiplier(costs, counts, units)
    gap = least - value
    if gap <= 1e-12 * abs(least):
        return Bound(value, None)
    if not thorough and gap > 0.02 * abs(least):
        return Bound(value, None)
    gap += 1e-12 * abs(value)
    choices: list[_Choice] = []
    for of, count in zip(costs, counts, strict=True):
        reduced = of - multiplier * np.arange(len(of))
        reduced -= reduced.min()
        left = np.flatnonzero(reduced <= gap)
        choices += [_Choice(left, reduced[left])] * count
    excess, chosen = _convolved(choices, units, gap)
    return Bound(value + excess, chosen)


def _cheapest(kind: Kind, priced_s: float, latest_s: float) -> Floats:
    """Cost of 0, 1, … units on one GPU, each under its cheapest limit that ends in time."""
    values = np.where(kind.times_s <= latest_s, kind.values, np.inf).min(axis=0)
    return np.concatenate(([kind.released_rate * priced_s], values + kind.used_rate * priced_s))


def _best_multiplier(costs: Sequence[Floats], counts: Sequence[int], units: int) -> tuple[float, float]:
    """Return the multiplier with the largest bound, and that bound, by cutting planes."""
    places = [np.flatnonzero(np.isfinite(of)) for of in costs]
    finite = [of[at] for of, at in zip(costs, places, strict=True)]

    def line(multiplier: float) -> tuple[float, float]:
        """Intercept and slope of the bound around a multiplier."""
        intercept, slope = 0.0, float(units)
        for of, at, count in zip(finite, places, counts, strict=True):
            best = int((of - multiplier * at).argmin())
            intercept += count * of[best]
            slope -= count * float(at[best])
        return intercept, slope

    rises = [(of[1:] - of[0]) / at[1:] for of, at in zip(finite, places, strict=True) if len(at) > 1]
    falls = [
        (of[-1] - of[:-1]) / (at[-1] - at[:-1]) for of, at in zip(finite, places, strict=True) if len(at) > 1
    ]
    low = min(float(of.min()) for of in rises)
    high = max(float(of.max()) for of in falls)
    margin = 1e-6 * (abs(low) + abs(high) + 1e-300)
    low, high = low - margin, high + margin
    below, above = line(low), line(high)
    multiplier, value = low, below[0] + low * below[1]
    for _ in range(_MOST_CUTS):
        if below[1] <= above[1]:
            break
        crossing = (above[0] - below[0]) / (below[1] - above[1])
        ceiling = below[0] + crossing * below[1]
        at_crossing = line(crossing)
        found = at_crossing[0] + crossing * at_crossing[1]
        if found > value:
            multiplier, value = crossing, found
        if found >= ceiling - 1e-13 * abs(ceiling):
            break
        if at_crossing[1] > 0:
            below = at_crossing
        else:
            above = at_crossing
    return multiplier, value


def _convolved(choices: Sequence[_Choice], units: int, most: float) -> tuple[float, NDArray[np.int64] | None]:
    """Return the least sum of costs with `units` handed out, and who gets how many; `most` and None if it is more."""
    start = np.full(units + 1, np.inf)
    start[0] = 0.0
    sums = [start]
    for choice in choices[:-1]:
        after = _min_plus(sums[-1], choice, units)
        after[after > most] = np.inf
        sums.append(after)
    chosen: list[int] = []
    left, total = units, np.inf
    for before, choice in zip(reversed(sums), reversed(choices), strict=True):
        fitting = choice.units <= left
        values = before[left - choice.units[fitting]] + choice.costs[fitting]
        best = int(values.argmin()) if len(values) else -1
        if best < 0 or not values[best] <= most:
            return most, None
        if not chosen:
            total = float(values[best])
        chosen.append(int(choice.units[fitting][best]))
        left -= chosen[-1]
    return total, np.array(chosen[::-1])


def _min_plus(sums: Floats, choice: _Choice, units: int) -> Floats:
    """Return the least cost of every sum after one more choice, going over whichever side has fewer options."""
    reached = np.flatnonzero(np.isfinite(sums))
    if len(reached) < len(choice.units):
        dense = np.full(units + 1, np.inf)
        dense[choice.units] = choice.costs
        steps, prices = reached, sums[reached]
    else:
        dense, steps, prices = sums, choice.units, choice.costs
    after = np.full(units + 1, np.inf)
    if not len(steps):
        return after
    largest = int(steps[-1])
    padded = np.concatenate((np.full(largest, np.inf), dense))
    shifted = np.lib.stride_tricks.sliding_window_view(padded, units + 1)
    rows = max(1, _BLOCK // (units + 1))
    for first in range(0, len(steps), rows):
        part = slice(first, first + rows)
        np.minimum(after, (shifted[largest - steps[part]] + prices[part, None]).min(axis=0), out=after)
    return after
