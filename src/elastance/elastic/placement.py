"""Which executor hosts which logical workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from elastance.errors import InputError


@dataclass(frozen=True)
class Placement:
    """Logical workers per executor; executors host consecutive virtual ranks.

    Written ``4x1`` (four executors with one logical worker each), ``1x4``, or ``3:2+1+1`` (three executors,
    uneven).

    Args:
        hosted: Logical workers of each executor, in executor order; each at least 1.

    Raises:
        InputError: No executor, or one without a logical worker.
    """

    hosted: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.hosted or min(self.hosted) < 1:
            raise InputError(f"placement {self.hosted}: every executor hosts at least one logical worker")

    @classmethod
    def even(cls, workers: int, executors: int) -> Placement:
        """Spread `workers` over `executors`; the first ones take what is left over.

        Raises:
            InputError: Fewer logical workers than executors.
        """
        if workers < 1 or executors < 1:
            raise InputError(f"{workers} logical workers on {executors} executors: both must be at least 1")
        if workers < executors:
            raise InputError(
                f"{workers} logical workers on {executors} executors: each executor needs one to host, "
                f"use at most {workers} executors"
            )
        share, rest = divmod(workers, executors)
        return cls((share + 1,) * rest + (share,) * (executors - rest))

    @classmethod
    def parse(cls, text: str) -> Placement:
        """Read ``AxB`` or ``A:b+b+...``.

        Raises:
            InputError: The text is neither, or its numbers disagree.
        """
        if match := re.fullmatch(r"(\d+)x(\d+)", text.strip()):
            return cls((int(match[2]),) * int(match[1]))
        if match := re.fullmatch(r"(\d+):(\d+(?:\+\d+)*)", text.strip()):
            hosted = tuple(int(part) for part in match[2].split("+"))
            if len(hosted) != int(match[1]):
                raise InputError(
                    f"placement {text!r}: says {match[1]} executors but lists {len(hosted)}; expected as in 3:2+1+1"
                )
            return cls(hosted)
        raise InputError(f"placement {text!r}: expected EXECUTORSxWORKERS as in 2x2, or uneven as in 3:2+1+1")

    @property
    def workers(self) -> int:
        """Number of logical workers."""
        return sum(self.hosted)

    @property
    def executors(self) -> int:
        """Number of executors."""
        return len(self.hosted)

    def ranks(self, executor: int) -> range:
        """Virtual ranks that `executor` hosts."""
        ends = list(accumulate(self.hosted))
        return range(ends[executor] - self.hosted[executor], ends[executor])

    def __str__(self) -> str:
        if len(set(self.hosted)) == 1:
            return f"{self.executors}x{self.hosted[0]}"
        return f"{self.executors}:{'+'.join(map(str, self.hosted))}"
