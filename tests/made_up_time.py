"""A clock that tests move by hand."""

from dataclasses import dataclass


@dataclass
class Now:
    """Tells `s` seconds until the test changes it."""

    s: float = 0.0

    def __call__(self) -> float:
        return self.s
