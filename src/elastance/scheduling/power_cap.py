"""What a whole cluster may draw, as a curve over time."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class PowerCap:
    """A bound on the power of all GPUs of a cluster; entry i holds from `time_s[i]` to `time_s[i + 1]`.

    Attributes:
        time_s: From when on each entry holds, s, strictly ascending; the first is 0.
        power_w: The bound, W.
    """

    time_s: tuple[float, ...]
    power_w: tuple[float, ...]

    @classmethod
    def constant(cls, power_w: float) -> PowerCap:
        """Return a cap that never changes."""
        return cls((0.0,), (power_w,))

    def at(self, time_s: float) -> float:
        """Return what may be drawn at a time, W."""
        return self.power_w[bisect_right(self.time_s, time_s) - 1]

    def next_change_s(self, time_s: float) -> float:
        """Return when the cap changes next, s; infinite if it does not."""
        number = bisect_right(self.time_s, time_s)
        return self.time_s[number] if number < len(self.time_s) else math.inf
