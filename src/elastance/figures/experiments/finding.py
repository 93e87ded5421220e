"""Findings: what a claim asks for, what was found, and whether it held."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

_FEW = 3
"""So many numbers with bounds are told one by one."""


class Verdict(StrEnum):
    """What became of a claim."""

    HELD = "held"
    """Every number lies where the claim wants it."""
    FAILED = "did not hold"
    """At least one number does not."""
    NOT_JUDGED = "not judged"
    """The claim is about other facts, or cannot be judged from what was computed."""


class Check(NamedTuple):
    """One number of a claim.

    Attributes:
        what: What the number is.
        found: What was found.
        low, high: Where it must lie; infinite where there is no bound.
        expected: What was to be found; None if the claim is only a bound.
    """

    what: str
    found: float
    low: float
    high: float
    expected: float | None = None

    @property
    def held(self) -> bool:
        """Whether the number lies where it must."""
        return self.low <= self.found <= self.high

    @property
    def unbounded(self) -> bool:
        """Whether any number would do: it is only reported."""
        return math.isinf(self.low) and math.isinf(self.high)

    @property
    def strain(self) -> float:
        """How much of the tolerance is used up: above 1 = too much; nothing is left of a tolerance of 0."""
        if self.expected is None or math.isnan(self.found):
            return -math.inf if self.held else math.inf
        room = self.high - self.expected if self.found > self.expected else self.expected - self.low
        away = abs(self.found - self.expected)
        return away / room if room > 0.0 else (math.inf if away else 0.0)

    def __str__(self) -> str:
        said = f"{self.what}: {in_digits(self.found)}"
        if self.unbounded:
            return said
        if self.expected is None:
            bounds = [
                f"at least {in_digits(self.low)}" if math.isfinite(self.low) else "",
                f"at most {in_digits(self.high)}" if math.isfinite(self.high) else "",
            ]
            return f"{said}, wanted {' and '.join(filter(None, bounds))}"
        room = self.high - self.expected
        return f"{said}, expected {in_digits(self.expected)}" + (
            f" ± {in_digits(room)}" if room else " exactly"
        )


@dataclass(frozen=True)
class Finding:
    """A claim, what was found, and what it was measured against.

    Attributes:
        claim: What must hold, in words, the tolerance included.
        checks: The numbers it is about.
        unit: Their unit.
        baseline: Definition of what they are relative to.
        seeds: Which seeds, in words, and whether the published simulator was replayed.
        unjudged: Why the claim is not judged; empty if it is.
    """

    claim: str
    checks: tuple[Check, ...]
    unit: str
    baseline: str
    seeds: str
    unjudged: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the claim held."""
        if self.unjudged:
            return Verdict.NOT_JUDGED
        return Verdict.HELD if all(check.held for check in self.checks) else Verdict.FAILED

    @property
    def found(self) -> str:
        """What was found, in words: the number, or how many of them hold and which strays farthest."""
        if not self.checks:
            return "nothing"
        farthest = max(self.checks, key=lambda check: check.strain)
        unit = f" {self.unit}" if self.unit else ""
        bounds = len(self.checks) <= _FEW and all(check.expected is None for check in self.checks)
        if len(self.checks) == 1 or bounds or all(check.unbounded for check in self.checks):
            return ", ".join(map(str, self.checks)) + unit
        held = sum(check.held for check in self.checks)
        said = f"{held} of {len(self.checks)} numbers"
        if farthest.strain <= 0.0:
            return said
        return f"{said}; the farthest, {farthest}{unit}"

    def __str__(self) -> str:
        verdict = self.verdict.value + (f" ({self.unjudged})" if self.unjudged else "")
        return f"{verdict}: {self.claim}; found: {self.found}; against: {self.baseline}; seeds: {self.seeds}"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {
            "claim": self.claim,
            "verdict": self.verdict.value,
            "unjudged": self.unjudged or None,
            "found": self.found,
            "unit": self.unit,
            "baseline": self.baseline,
            "seeds": self.seeds,
            "checks": [
                {
                    "what": check.what,
                    "found": check.found if math.isfinite(check.found) else None,
                    "expected": check.expected,
                    "low": check.low if math.isfinite(check.low) else None,
                    "high": check.high if math.isfinite(check.high) else None,
                    "held": check.held,
                }
                for check in self.checks
            ],
        }


def near(what: str, found: float, expected: float, tolerance: float) -> Check:
    """Return the check that `found` is within `tolerance` of `expected`."""
    # At exactly the tolerance binary fractions may be off by a little more.
    room = tolerance * (1 + 1e-9) + 1e-12 * abs(expected) if tolerance else 0.0
    return Check(what, found, expected - room, expected + room, expected)


def at_least(what: str, found: float, low: float) -> Check:
    """Return the check that `found` is not below `low`."""
    return Check(what, found, low, math.inf)


def at_most(what: str, found: float, high: float) -> Check:
    """Return the check that `found` is not above `high`."""
    return Check(what, found, -math.inf, high)


def reported(what: str, found: float) -> Check:
    """Return a number that nothing is demanded of."""
    return Check(what, found, -math.inf, math.inf)


def in_digits(value: float) -> str:
    """Return a number with four digits, or three decimals at most; whole ones as they are."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
