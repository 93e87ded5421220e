"""What is odd about a profile, each with the point that shows it most: worth a warning, not an error."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.traces.profiles import ProfilePoint, SplitProfile

COUNTER_PERIOD_S = 0.1
"""How often the energy counters of the GPUs in question are updated, s."""

_FEWEST_PERIODS = 10
_NOISE = 0.05
"""Share by which a power may exceed what it should not, or a time fall, before it is worth a word."""


def profile_warnings(profile: SplitProfile, idle_power_w: float = 0.0) -> tuple[str, ...]:
    """Return a line for each kind of oddity, with the number of points it concerns and the worst of them.

    Args:
        profile: What was measured.
        idle_power_w: What the GPU is taken to draw while it waits, W.
    """
    lines = (
        _short_windows(profile) if profile.window == "profiled window" else "",
        _line(
            profile,
            [point for point in profile.points if point.power_w > _most_power(point)],
            "draw more than their power limit",
            lambda point: point.power_w / point.power_limit_w,
            lambda point: f"{point.power_w:.1f} W",
        ),
        _line(
            profile,
            [point for point in profile.points if point.power_w < idle_power_w],
            f"draw less than the idle power of {idle_power_w:g} W",
            lambda point: -point.power_w,
            lambda point: f"{point.power_w:.1f} W",
        ),
        _falling(profile, "take less time", lambda point: point.time_s, "s"),
        _falling(profile, "use less energy", lambda point: point.energy_j, "J"),
    )
    return tuple(line for line in lines if line)


def _most_power(point: ProfilePoint) -> float:
    """The limit, what control may overshoot, and what one period more or less makes of a short window."""
    return point.power_limit_w * (1.0 + _NOISE + COUNTER_PERIOD_S / point.time_s)


def _short_windows(profile: SplitProfile) -> str:
    least = _FEWEST_PERIODS * COUNTER_PERIOD_S
    return _line(
        profile,
        [point for point in profile.points if point.time_s < least],
        f"are windows shorter than {_FEWEST_PERIODS} periods of an energy counter ({least:g} s)",
        lambda point: -point.time_s,
        lambda point: f"{point.time_s:.2f} s, energy within ±{100 * COUNTER_PERIOD_S / point.time_s:.0f} %",
    )


def _falling(profile: SplitProfile, what: str, value: Callable[[ProfilePoint], float], unit: str) -> str:
    """Points that take less than a smaller batch under the same limit."""
    fallen: dict[ProfilePoint, ProfilePoint] = {
        after: before
        for limit in profile.power_limits_w
        for before, after in pairwise(profile.at_limit(limit))
        if value(after) < (1.0 - _NOISE) * value(before)
    }
    return _line(
        profile,
        list(fallen),
        f"{what} than a smaller batch (the larger value counts)",
        lambda point: -value(point) / value(fallen[point]),
        lambda point: (
            f"{value(point):.4g} {unit} after {value(fallen[point]):.4g} at {fallen[point].batch_size}"
        ),
    )


def _line(
    profile: SplitProfile,
    points: Sequence[ProfilePoint],
    what: str,
    badness: Callable[[ProfilePoint], float],
    said: Callable[[ProfilePoint], str],
) -> str:
    if not points:
        return ""
    worst = max(points, key=badness)
    return (
        f"{profile.name}: {len(points)} of {len(profile.points)} points {what}; worst {worst}: {said(worst)}"
    )
