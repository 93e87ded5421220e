"""For which GPU types the jobs of a log are taken to be written."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from elastance.errors import InputError


@dataclass(frozen=True)
class GpuMix:
    """GPU types and how often each is preferred.

    Attributes:
        types: Names.
        weights: One each, positive.
    """

    types: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> GpuMix:
        """Read ``v100``, or weights such as ``v100=3,t4=1``.

        Raises:
            InputError: It is neither, or names a type twice.
        """
        weights: dict[str, float] = {}
        parts = text.split(",")
        for part in parts:
            name, equals, number = (piece.strip().lower() for piece in part.partition("="))
            try:
                weight = 1.0 if not equals and len(parts) == 1 else float(number)
            except ValueError:
                weight = 0.0
            if not name or name in weights or not 0.0 < weight < float("inf"):
                raise InputError(f"GPU types {text!r}: expected one, or weights such as v100=3,t4=1")
            weights[name] = weight
        return cls(tuple(weights), tuple(weights.values()))

    def pick(self, draw: float) -> str:
        """Return the type at `draw`, in [0, 1), of the weights laid end to end."""
        *inner, total = accumulate(self.weights)
        return self.types[bisect_right(inner, draw * total)]

    def __str__(self) -> str:
        if len(self.types) == 1:
            return self.types[0]
        return ",".join(f"{name}={weight:g}" for name, weight in zip(self.types, self.weights, strict=True))
