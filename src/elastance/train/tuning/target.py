"""What a run is for: a metric, and how good it has to be."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass

from elastance.errors import InputError

_TARGET = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(>=|<=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Target:
    """When a run has reached what it is for.

    Attributes:
        metric: Name of the metric.
        at_least: Whether it must rise to `value`; otherwise it must fall to it.
        value: The bound.
    """

    metric: str
    at_least: bool
    value: float

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``acc>=0.84`` or ``loss<=1.5``.

        Raises:
            InputError: The text is neither.
        """
        match = _TARGET.fullmatch(text)
        try:
            value = float(match[3]) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not math.isfinite(value):
            raise InputError(f"target {text!r}: expected a metric and a bound such as acc>=0.84 or loss<=1.5")
        return cls(match[1], match[2] == ">=", value)

    def reached(self, value: float) -> bool:
        """Return whether a value of the metric is good enough."""
        return (operator.ge if self.at_least else operator.le)(value, self.value)

    def __str__(self) -> str:
        return f"{self.metric}{'>=' if self.at_least else '<='}{self.value!r}"
